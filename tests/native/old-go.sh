#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: old-go.sh RELEASE
#
# Prints the path of esbuild of that release: a Go program older than what Debian's toolchains make,
# out of an npm package that is nothing but the program.
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/../lib/cache.sh"

build() {
	local package
	package=$(cd "$2" && npm pack --silent --ignore-scripts "esbuild-linux-64@$1")
	tar -xzf "$2/$package" -C "$2" --strip-components=2 package/bin/esbuild
	rm "$2/$package"
}

[ $# -eq 1 ] || die "usage: old-go.sh RELEASE"
entry=$(cache_entry "esbuild-$1" "$(cache_hash "$1" "$here/old-go.sh")" "seconds" build "$1")
printf '%s/esbuild\n' "$entry"
