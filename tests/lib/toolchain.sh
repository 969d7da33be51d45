#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: toolchain.sh VERSION     (as 1.22), or --list
#
# Prints the GOROOT of a Go toolchain of that version, unpacked from Debian's packages. It works
# without network and fetches no other toolchain: a caller sets
#   GOROOT=$(toolchain.sh 1.22) GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-mod=mod "$GOROOT/bin/go" ...
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/cache.sh"
# shellcheck source=tests/lib/suite.sh
. "$here/suite.sh"

versions="1.19 1.21 1.22 1.23 1.24 1.25 1.26 1.27"

suite_of() {
	case $1 in
	1.19) echo bookworm ;;
	1.21 | 1.22 | 1.23) echo bookworm-backports ;;
	1.24) echo trixie ;;
	1.25 | 1.26 | 1.27) echo trixie-backports ;;
	*) die "no suite has Go $1; there are $versions" ;;
	esac
}

# The packages lay GOROOT out as lib/go-X with relative links to share/go-X, which hold in any place.
# Some files are links to absolute paths: these are made to stay inside.
relink() {
	local link target
	find "$1" -type l -lname '/*' | while read -r link; do
		target=$1$(readlink "$link")
		if [ -e "$target" ]; then
			ln -sfnr "$target" "$link"
		else
			rm "$link"
		fi
	done
}

build() {
	local version=$1 suite=$2 entry=$3
	suite_extract "$suite" "$entry" "golang-$version-go" "golang-$version-src"
	rm -rf "$entry/usr/share/doc" "$entry/usr/share/lintian"
	relink "$entry"
	GOROOT=$entry/usr/lib/go-$version GOTOOLCHAIN=local "$entry/usr/lib/go-$version/bin/go" version
}

main() {
	local version=$1 suite hash entry
	if [ "$version" = --list ]; then
		printf '%s\n' "$versions" | tr ' ' '\n'
		return
	fi
	suite=$(suite_of "$version")
	hash=$(cache_hash "$version" "$suite" "$here/toolchain.sh")
	entry=$(cache_entry "go-$version" "$hash" "less than a minute" build "$version" "$suite")
	printf '%s/usr/lib/go-%s\n' "$entry" "$version"
}

[ $# -eq 1 ] || die "usage: toolchain.sh VERSION"
main "$1"
