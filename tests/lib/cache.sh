# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The one cache directory of the tests. Sourced, not run.
#
# Whatever takes long to make (kernels, images, unpacked packages) is an entry NAME-HASH in it.
# HASH covers the text of the scripts that make the entry and their arguments, so that a changed
# recipe makes a new entry and an unchanged one needs no network. An entry is built beside the
# others and renamed into place: it is either absent or whole.

# Without this a failure inside $( ) would be passed over in silence.
shopt -s inherit_errexit

cache_dir=${GOMEMD_CACHE:-/var/cache/gomemd-test}

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "${0##*/}: $*"
	exit 1
}

# cache_hash WORD-OR-FILE...: a file stands for its content, any other word for itself.
cache_hash() {
	local word
	for word; do
		if [ -f "$word" ]; then cat "$word"; else printf '%s\0' "$word"; fi
	done | sha256sum | cut -c1-16
}

# cache_entry NAME HASH ABOUT COMMAND...: prints the directory of the entry; where it is absent,
# makes it by "COMMAND... DIR", DIR being an empty directory. Two runs at a time make it once: the
# second waits for the lock of the first.
cache_entry() {
	local entry=$cache_dir/$1-$2 name=$1 about=$3
	shift 3
	if [ ! -d "$entry" ]; then
		mkdir -p "$cache_dir/lock" "$cache_dir/tmp"
		cache_build "$entry" "$name" "$about" "$@" >&2
	fi
	printf '%s\n' "$entry"
}

# A subshell, so that the lock and the trap end with it. Commands get no copy of the lock's
# descriptor: a background process they leave behind must not hold it.
cache_build() (
	entry=$1 name=$2 about=$3
	shift 3
	exec 9>"$cache_dir/lock/${entry##*/}"
	flock -n 9 || { say "waiting for another run that builds $name"; flock 9; }
	[ ! -d "$entry" ] || exit 0
	say "building $name once, $about"
	tmp=$(mktemp -d "$cache_dir/tmp/$name.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	mkdir "$tmp/entry"
	chmod 755 "$tmp/entry"
	start=$SECONDS
	"$@" "$tmp/entry" 9>&-
	mv -T "$tmp/entry" "$entry"
	say "built $name in $((SECONDS - start)) s"
)
