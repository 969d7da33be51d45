#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: deps.sh [--build]
#
# Installs from Debian what building and testing need, with --build only what building needs. Where all is
# there it asks nobody and needs no root. QEMU comes from backports; everything else the tests want
# (kernels, Go toolchains, Go programs) they unpack into their cache directory themselves.
set -eu

here=$(dirname "$(realpath "$0")")

build=(gcc libc6-dev make pkg-config libsystemd-dev libinih-dev libjson-c-dev libseccomp-dev clang llvm bpftool
	libbpf-dev libelf-dev zlib1g-dev libncurses-dev nanopb libnanopb-dev
	libxxhash-dev libmicrohttpd-dev libcurl4-openssl-dev)
lint=(clang clang-format clang-tidy cppcheck shellcheck universal-ctags man-db groff-base git)
unit=(libcmocka-dev clang llvm libclang-rt-14-dev)
native=(bats parallel jq iproute2 binutils python3 tmux curl libfuse3-dev fuse3 libmicrohttpd12 strace delve
	buildah mmdebstrap openssl)
guest=(mmdebstrap e2fsprogs kmod systemd util-linux procps flex bison m4 bc xz-utils zstd cpio bzip2
	libelf-dev libssl-dev ca-certificates)

say() {
	printf '%s\n' "$*" >&2
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 \
		-o Dpkg::Use-Pty=0 "$@" </dev/null >&2
}

# What libFuzzer links to is named after clang's release.
runtime_of_clang() {
	local release
	release=$(apt-cache depends clang 2>/dev/null | sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
	printf 'libclang-rt-%s-dev\n' "${release:-14}"
}

install_missing() {
	local missing=() package
	for package; do
		[ "$package" != libclang-rt-14-dev ] || package=$(runtime_of_clang)
		installed "$package" || missing+=("$package")
	done
	if [ ${#missing[@]} -eq 0 ]; then
		say "deps: all $# packages are installed"
		return
	fi
	[ "$(id -u)" -eq 0 ] || { say "deps.sh: ${missing[*]} are missing, and only root can install them"; exit 1; }
	say "deps: installing ${missing[*]}"
	apt update
	# Without apt's lists the name of clang's runtime was a guess.
	missing=("${missing[@]/#libclang-rt-*-dev/$(runtime_of_clang)}")
	apt install -y --no-install-recommends "${missing[@]}"
}

wanted=("${build[@]}")
[ "${1:-}" = --build ] || wanted+=("${lint[@]}" "${unit[@]}" "${native[@]}" "${guest[@]}")
start=$SECONDS
install_missing "${wanted[@]}"
"$here/install-libbpf.sh"
if [ "${1:-}" != --build ]; then "$here/guest/install-qemu.sh"; fi
say "deps: ready after $((SECONDS - start)) s"
