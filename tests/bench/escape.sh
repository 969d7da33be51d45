#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# How fast gomemctl escape reads a report, and in how much memory: net/http under -m=2 as Go 1.24 and 1.27 print it, as
# often as makes 200 MB. Five rounds each, interleaved.
set -eu -o pipefail

cd "$(dirname "$(realpath "$0")")/../.."
# shellcheck source=tests/lib/cache.sh
. tests/lib/cache.sh

scratch=$(mktemp -d "${TMPDIR:-/tmp}/bench-escape.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

report() {
	local goroot
	goroot=$(tests/lib/toolchain.sh "$1")
	(cd "$scratch" && env -i PATH="$PATH" HOME="$scratch" GOROOT="$goroot" GOCACHE="$cache_dir/gocache" GOTOOLCHAIN=local \
		GOPROXY=off GOFLAGS=-mod=mod CGO_ENABLED=0 "$goroot/bin/go" build -gcflags=-m=2 net/http 2>&1)
}

versions="1.24 1.27"
for version in $versions; do
	report "$version" >"$scratch/one"
	while [ "$(stat -c %s "$scratch/$version" 2>/dev/null || echo 0)" -lt 200000000 ]; do
		cat "$scratch/one" >>"$scratch/$version"
	done
done

# Times of the processor, in seconds: what else runs here is not counted.
TIMEFORMAT='%U %S'
for _ in 1 2 3 4 5; do
	for version in $versions; do
		{ time build/gomemctl escape report "$scratch/$version" --json >"$scratch/said"; } 2>"$scratch/times"
		awk -v bytes="$(stat -c %s "$scratch/$version")" -v version="$version" \
			'{ printf "%s %.0f\n", version, bytes / 1e6 / ($1 + $2) }' "$scratch/times"
	done
done >"$scratch/figures"
for version in $versions; do
	awk -v version="$version" '$1 == version { print $2 }' "$scratch/figures" | sort -n |
		awk -v version="$version" '{ v[NR] = $1 } END { printf "Go %s\t%d MB/s (%d to %d)\n", version, v[int((NR + 1) / 2)], v[1], v[NR] }'
done
