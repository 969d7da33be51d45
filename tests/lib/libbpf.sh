#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: libbpf.sh
#
# Prints the directory of the oldest libbpf that is supported, 1.1 as Debian 12 ships it, unpacked and not installed: for
# LD_LIBRARY_PATH.
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/cache.sh"
# shellcheck source=tests/lib/suite.sh
. "$here/suite.sh"

build() {
	local entry=$1
	# By its suite: the machine may have a newer one, of backports.
	suite_extract bookworm "$entry/all" libbpf1/bookworm
	mkdir -p "$entry/lib"
	mv "$entry"/all/usr/lib/*/libbpf.so.* "$entry/lib/"
	rm -rf "$entry/all"
}

hash=$(cache_hash "$here/libbpf.sh")
entry=$(cache_entry libbpf-bookworm "$hash" "seconds" build)
printf '%s/lib\n' "$entry"
