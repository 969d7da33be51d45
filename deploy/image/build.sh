#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: build.sh [NAME[:TAG]]     (gomemd:VERSION)
#
# Builds the container image from this machine's Debian packages and what `make` has built, and nothing else: a root of the
# libraries that are loaded at run time (mmdebstrap), gomemd by `make install`, and FROM scratch over it (buildah). Root only.
# With OCI_ARCHIVE=FILE the image goes there, for `podman load`, `ctr images import` or skopeo, and not into containers-storage.
# SOURCE_DATE_EPOCH (the last commit's time) is the time of all files. BUILDAH_ISOLATION and STORAGE_DRIVER as in buildah(1).
set -eu -o pipefail

here=$(dirname "$(realpath "$0")")
top=$(realpath "$here/../..")

die() {
	printf 'build.sh: %s\n' "$*" >&2
	exit 1
}

# What the binaries are linked to, what they load when it is needed (libmicrohttpd, libcurl), and the authorities of TLS.
packages=(libsystemd0 libinih1 libjson-c5 libseccomp2 libbpf1 libelf1 zlib1g libncursesw6 libmicrohttpd12 libcurl4 ca-certificates)

needs() {
	[ "$(id -u)" -eq 0 ] || die "a root of other owners' files takes root"
	if ! command -v mmdebstrap || ! command -v buildah; then die "apt-get install mmdebstrap buildah"; fi >/dev/null
	# shellcheck source=/dev/null
	[ "$(. /etc/os-release && printf '%s' "${ID:-}")" = debian ] ||
		die "the image has the libraries that gomemd was linked to: build it on Debian"
}

# The same releases of the libraries as here, so that nothing meets an older one: from this machine's sources, with backports
# where a library came from there.
sources() {
	local suite=$1
	# shellcheck source=tests/lib/cache.sh
	. "$top/tests/lib/cache.sh"
	# shellcheck source=tests/lib/suite.sh
	. "$top/tests/lib/suite.sh"
	suite_entry "$suite"
	if from_backports libbpf1; then suite_entry "$suite-backports"; fi
}

from_backports() {
	[[ $(dpkg-query -W -f '${Version}' "$1") == *~bpo* ]]
}

# Unpacked, and no script of theirs run: there is no shell in it.
root() {
	local suite=$1 tree=$2 list=$3 include package
	include=$(printf ',%s' "${packages[@]}")
	for package in "${packages[@]}"; do
		if from_backports "$package" 2>/dev/null; then include=${include/",$package"/",$package/$suite-backports"}; fi
	done
	mmdebstrap --quiet --mode=root --variant=extract --format=directory --include="${include#,}" \
		--aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' "$suite" "$tree" "$list"
}

# Licences stay; programs, data of their scripts, manuals and charsets have no use here.
strip_root() {
	local tree=$1
	cat "$tree"/usr/share/ca-certificates/mozilla/*.crt >"$tree/ca-certificates.crt"
	find "$tree/usr/share" -mindepth 1 -maxdepth 1 -not -name doc -exec rm -rf {} +
	find "$tree/usr/share/doc" -type f -not -name copyright -delete
	find "$tree/usr/share/doc" -type d -empty -delete
	rm -rf "${tree:?}"/{bin,sbin,dev,etc,var,usr/bin,usr/sbin,usr/lib/x86_64-linux-gnu/gconv}
	install -D -m 644 "$tree/ca-certificates.crt" "$tree/etc/ssl/certs/ca-certificates.crt"
	rm "$tree/ca-certificates.crt"
	mkdir -p "$tree"/{dev,proc,sys/fs/cgroup,etc/gomemd/{config,policies.d},run/{gomemd,dbus,systemd/{journal,system}}} \
		"$tree"/var/{lib/gomemd,log/{pods,containers}}
	install -d -m 1777 "$tree/tmp"
	printf 'root:x:0:0:root:/:/\nnobody:x:65534:65534:nobody:/:/\n' >"$tree/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$tree/etc/group"
}

add_gomemd() {
	local tree=$1
	make -s -C "$top" install DESTDIR="$tree" >/dev/null
	rm -rf "$tree/usr/share/man" "$tree/usr/share/bash-completion" "$tree/usr/lib/sysusers.d" "$tree/usr/lib/systemd"
	# Settings come with the pod; without any, the defaults hold.
	rm -f "$tree/etc/gomemd/gomemd.conf"
	strip --strip-unneeded "$tree"/usr/sbin/gomemd "$tree"/usr/bin/gomemctl "$tree"/usr/libexec/gomemd/*
	install -D -m 644 "$top/LICENSE" "$tree/usr/share/doc/gomemd/copyright"
}

# Every program finds every library, also those that are loaded when they are needed.
complete() {
	local tree=$1 program missing
	for program in /usr/sbin/gomemd /usr/bin/gomemctl "$tree"/usr/libexec/gomemd/* \
		/usr/lib/x86_64-linux-gnu/libmicrohttpd.so.12 /usr/lib/x86_64-linux-gnu/libcurl.so.4; do
		missing=$(chroot "$tree" /lib64/ld-linux-x86-64.so.2 --list "${program#"$tree"}" 2>&1 | grep 'not found' || true)
		[ -z "$missing" ] || die "$program: $missing"
	done
}

image() {
	local tree=$1 name=$2 epoch=$3 version=$4
	cat >"$tree/../Containerfile" <<-END
		FROM scratch
		COPY root /
		LABEL org.opencontainers.image.title="gomemd" org.opencontainers.image.version="$version" org.opencontainers.image.licenses="Apache-2.0" org.opencontainers.image.description="Memory governor for Go programs"
		ENTRYPOINT ["/usr/sbin/gomemd"]
	END
	buildah "${storage[@]}" build --quiet --isolation "${BUILDAH_ISOLATION:-chroot}" --timestamp "$epoch" --tag "$name" \
		--file "$tree/../Containerfile" "$tree/.." >/dev/null
}

# reference NAME: as a node's runtime knows an image that a pod names so.
reference() {
	case $1 in
	*.*/* | *:*/* | localhost/*) printf '%s\n' "$1" ;;
	*/*) printf 'docker.io/%s\n' "$1" ;;
	*) printf 'docker.io/library/%s\n' "$1" ;;
	esac
}

# containerd names what it imports by an annotation of its own; by that of the OCI alone no pod would find it.
archive() {
	local tree=$1 name=$2 epoch=$3 full
	full=$(reference "$name")
	buildah "${storage[@]}" push --quiet "$name" "oci:$tree:$name"
	sed -i "s|\"org.opencontainers.image.ref.name\":|\"io.containerd.image.name\":\"$full\",&|" "$tree/index.json"
	grep -qF "\"$full\"" "$tree/index.json" || die "no name in the index of the archive"
	tar -C "$tree" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner -cf "$OCI_ARCHIVE" blobs index.json oci-layout
}

main() {
	local version name suite epoch work
	version=$(sed -n 's/^VERSION := //p' "$top/Makefile")
	name=${1:-gomemd:$version}
	[[ $name == *:* ]] || name=$name:$version
	needs
	# shellcheck source=/dev/null
	suite=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
	epoch=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct 2>/dev/null || date +%s)}
	work=$(mktemp -d "${TMPDIR:-/tmp}/gomemd-image.XXXXXX")
	# shellcheck disable=SC2064 # as it is now
	trap "rm -rf '$work'" EXIT
	# An image that only goes to a file needs none of this machine's storage.
	storage=()
	if [ -n "${OCI_ARCHIVE:-}" ]; then
		storage=(--storage-driver "${STORAGE_DRIVER:-vfs}" --root "$work/storage" --runroot "$work/run")
	fi
	make -s -C "$top" all
	sources "$suite" >"$work/list.sources"
	root "$suite" "$work/root" "$work/list.sources"
	strip_root "$work/root"
	add_gomemd "$work/root"
	complete "$work/root"
	find "$work/root" -newermt "@$epoch" -exec touch -h -d "@$epoch" {} +
	image "$work/root" "$name" "$epoch" "$version"
	[ -z "${OCI_ARCHIVE:-}" ] || archive "$work/oci" "$name" "$epoch"
	printf '%s\n' "${OCI_ARCHIVE:-$name}"
}

[ $# -le 1 ] || die "usage: build.sh [NAME[:TAG]]"
main "$@"
