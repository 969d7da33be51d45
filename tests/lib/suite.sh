# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Packages of another Debian suite, without altering this machine. Sourced, after cache.sh.
#
# apt runs with a source list, state and cache of its own. The list is made from the machine's own
# Debian entry with the suite changed, so that no mirror is named here and whatever proxy, mirror or
# snapshot the machine uses serves the tests as well.

: "${cache_dir:?source cache.sh first}"

# Prints "URI<tab>KEYRING" of the machine's own Debian entry (KEYRING may be empty).
suite_machine_entry() {
	local codename found
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
	found=$(suite_entry_deb822 "$codename")
	[ -n "$found" ] || found=$(suite_entry_one_line "$codename")
	[ -n "$found" ] || die "no Debian source entry for '$codename' among apt's sources"
	printf '%s\n' "$found"
}

# The stanza whose Suites field has the codename itself: one that has only CODENAME-security points
# to an archive without the other suites.
suite_entry_deb822() {
	local file
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -f "$file" ] || continue
		# Comment lines may stand inside a stanza and do not end it.
		sed -e '/^#/d' "$file" | awk -v want="$1" -v RS= -F '\n' '
			{
				uri = key = ""; hit = 0; off = 0
				for (i = 1; i <= NF; i++) {
					n = split($i, w, /[ \t]+/)
					if (w[1] == "URIs:") uri = w[2]
					if (w[1] == "Signed-By:") key = w[2]
					if (w[1] == "Enabled:" && w[2] == "no") off = 1
					if (w[1] == "Suites:") for (j = 2; j <= n; j++) if (w[j] == want) hit = 1
				}
				if (hit && !off && uri != "") { print uri "\t" (key ~ /^\// ? key : ""); exit }
			}'
	done | head -n 1
}

suite_entry_one_line() {
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | awk -v want="$1" '
		$1 == "deb" {
			key = ""; options = ""
			if (match($0, /\[[^]]*\]/)) {
				options = substr($0, RSTART + 1, RLENGTH - 2)
				$0 = substr($0, 1, RSTART - 1) " " substr($0, RSTART + RLENGTH)
			}
			if ($3 != want) next
			n = split(options, o, /[ \t]+/)
			for (i = 1; i <= n; i++) if (sub(/^signed-by=/, "", o[i])) key = o[i]
			print $2 "\t" key; exit
		}'
}

# suite_entry SUITE: the deb822 stanza for it.
suite_entry() {
	local uri key
	IFS=$'\t' read -r uri key <<<"$(suite_machine_entry)"
	printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$1"
	[ -z "$key" ] || printf 'Signed-By: %s\n' "$key"
	printf '\n'
}

# suite_options SUITE: sets the array suite_opts to the options that make apt private.
suite_options() {
	local home=$cache_dir/apt/$1
	suite_opts=(
		-o "Dir::Etc::sourcelist=$home/list.sources" -o Dir::Etc::sourceparts=-
		-o "Dir::Etc::preferences=$home/none" -o "Dir::Etc::preferencesparts=$home/none.d" -o APT::Default-Release=
		-o "Dir::State=$home/state" -o "Dir::Cache=$home/cache"
		-o Acquire::Languages=none -o APT::Get::List-Cleanup=true
		# The cache may lie where the user _apt cannot write.
		-o APT::Sandbox::User=root
		-o Acquire::Retries=3 -o DPkg::Lock::Timeout=600
	)
}

# suite_apt SUITE WORD...: apt-get on the private lists. "A+B" is one set of lists of two suites.
suite_apt() {
	local suite=$1
	shift
	suite_options "$suite"
	apt-get -qq "${suite_opts[@]}" "$@"
}

# suite_update SUITE: brings its lists up to date; once an hour is enough, and all that runs at a
# time waits for one update.
suite_update() {
	local home=$cache_dir/apt/$1 part
	mkdir -p "$home/none.d" "$home/state/lists/partial" "$home/cache/archives/partial"
	(
		flock 8
		if [ -n "$(find "$home/updated" -mmin -60 2>/dev/null)" ]; then exit 0; fi
		for part in ${1//+/ }; do suite_entry "$part"; done >"$home/list.sources"
		suite_apt "$1" update >&2 8>&-
		: >"$home/updated"
	) 8>"$home/lock"
}

# suite_packages SUITE PATTERN: the names of its packages that match a regular expression.
suite_packages() {
	suite_options "$1"
	apt-cache "${suite_opts[@]}" pkgnames | grep -Ex -- "$2" || true
}

# suite_fetch SUITE DIR PKG...: downloads the packages, and nothing they depend on, to DIR.
suite_fetch() {
	local suite=$1 dir=$2
	shift 2
	suite_update "$suite"
	mkdir -p "$dir"
	(cd "$dir" && suite_apt "$suite" download "$@" >&2)
}

# suite_extract SUITE DEST PKG...: unpacks the packages, and nothing they depend on, to DEST; no
# script of theirs runs.
suite_extract() {
	local suite=$1 dest=$2 debs deb
	shift 2
	debs=$(mktemp -d "$cache_dir/tmp/debs.XXXXXX")
	suite_fetch "$suite" "$debs" "$@"
	mkdir -p "$dest"
	for deb in "$debs"/*.deb; do
		dpkg -x "$deb" "$dest"
	done
	rm -rf "$debs"
}

# suite_install_backports PKG...: installs them on this machine from its backports; root only. The lists have the
# machine's own suite as well, for what the packages depend on; the package states are the machine's, as this is a
# real installation.
suite_install_backports() {
	local codename
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
	suite_update "$codename+$codename-backports"
	DEBIAN_FRONTEND=noninteractive suite_apt "$codename+$codename-backports" \
		-o Dir::State::status=/var/lib/dpkg/status -o Dpkg::Use-Pty=0 \
		install -y --no-install-recommends -t "$codename-backports" "$@" >&2
}
