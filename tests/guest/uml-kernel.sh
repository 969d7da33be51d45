#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints the path of a User-Mode Linux kernel, built once from Debian's newest kernel source and
# the fragment uml.config. Distributions' own UML kernels lack PSI.
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/../lib/cache.sh"
# shellcheck source=tests/lib/suite.sh
. "$here/../lib/suite.sh"

suites="sid trixie-backports"

# Prints "VERSION SUITE" of the newest source on offer. Older than 6.16 has no seccomp mode, in
# which user code runs several times faster.
newest_source() {
	local suite newest
	for suite in $suites; do
		suite_update "$suite"
		suite_packages "$suite" 'linux-source-[0-9.]+' | sed "s/^linux-source-//; s/\$/ $suite/"
	done | sort -V >"$1"
	newest=$(tail -n 1 "$1")
	[ "$(printf '%s\n6.16\n' "${newest% *}" | sort -V | head -n 1)" = 6.16 ] ||
		die "the newest kernel source on offer is ${newest:-none}; at least 6.16 is needed"
	printf '%s\n' "$newest"
}

# Options come and go with kernel versions: one that did not take is worth a line, not a failure;
# tests/guest/t/00-guest.sh fails where it matters.
report_missing() {
	local option
	grep -E '^CONFIG_[A-Z0-9_]+=y' "$here/uml.config" | while read -r option; do
		grep -qx "$option" "$1" || say "note: this kernel has no $option"
	done
}

configure() {
	"${make[@]}" defconfig >/dev/null
	cat "$here/uml.config" >>.config
	# It warns of every option that the fragment overrides, which is the point of it.
	"${make[@]}" olddefconfig >"$cache_dir/uml-build.log" 2>&1
	report_missing .config
}

build() {
	local entry=$1 work=${1%/entry}/work version suite
	mkdir "$work"
	read -r version suite <<<"$(newest_source "$work/offered")"
	say "kernel source $version of $suite"
	suite_extract "$suite" "$work/deb" "linux-source-$version"
	mkdir "$work/src"
	tar -C "$work/src" --strip-components=1 -xf "$work/deb/usr/src/linux-source-$version.tar.xz"
	rm -rf "$work/deb"
	cd "$work/src"
	make=(nice make -s -j "$(nproc)" "ARCH=um")
	configure
	"${make[@]}" linux >"$cache_dir/uml-build.log" 2>&1 ||
		die "the build failed, see $cache_dir/uml-build.log: $(tail -n 3 "$cache_dir/uml-build.log")"
	strip -o "$entry/linux" linux
	cp .config "$entry/config"
}

main() {
	local hash entry
	hash=$(cache_hash "$here/uml-kernel.sh" "$here/uml.config")
	entry=$(cache_entry uml-kernel "$hash" "about 8 minutes on two cores" build)
	printf '%s/linux\n' "$entry"
}

main
