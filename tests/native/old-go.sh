#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: old-go.sh RELEASE
#
# Prints the path of esbuild of that release: a Go program of a Go that Debian's toolchains are not,
# out of an npm package that is nothing but the program.
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/../lib/cache.sh"

build() {
	local package=esbuild-linux-64
	# Since 0.15.18 by another name.
	case $1 in 0.1[6-9].* | 0.[2-9]*) package=@esbuild/linux-x64 ;; esac
	package=$(cd "$2" && npm pack --silent --ignore-scripts "$package@$1")
	tar -xzf "$2/$package" -C "$2" --strip-components=2 package/bin/esbuild
	rm "$2/$package"
}

[ $# -eq 1 ] || die "usage: old-go.sh RELEASE"
entry=$(cache_entry "esbuild-$1" "$(cache_hash "$1" "$here/old-go.sh")" "seconds" build "$1")
printf '%s/esbuild\n' "$entry"
