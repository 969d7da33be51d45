#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: build-programs.sh [--quick] [--program NAME]... [--variant NAME]... OUTDIR [VERSION...]
#
# Builds the test programs of tests/programs/ into OUTDIR and prints the path of each. Go programs
# are built with every Go VERSION (all of toolchain.sh --list by default) in every variant, as
# publisher-1.22-pie:
#
#	plain      as go build makes it
#	stripped   -ldflags '-s -w'
#	pie        -buildmode=pie
#	cgo        with a package that is half C
#	cshared    -buildmode=c-shared, to be run by tests/programs/host.py or chost; only when asked for
#	unsampled, unsampled-stripped
#	           without profile.go, so that nothing in it reads a heap profile; only when asked for
#
# --quick builds one variant a version, so that all are met over the versions. Programs are
# publisher and srv by default; execstorm (which brings canary-VERSION along and has one variant),
# cripod (with Debian's libraries, by the toolchain of their suite), forged, fuse-block, chost, pause and
# hold (C, without versions) only when asked for. All come from the cache when nothing they are made of
# changed.
set -eu

here=$(dirname "$(realpath "$0")")
programs=$(realpath "$here/../programs")
# shellcheck source=tests/lib/cache.sh
. "$here/cache.sh"

c_flags=(-O1 -Wall -Wextra -Wconversion -Werror)
variants=(plain stripped pie cgo)
cripod_version=1.24 # trixie's

# go_build VERSION ARG...: no network, no module, no setting of the caller's. The compiler's own
# cache spares the standard library. $libraries is a GOPATH, if there is one.
go_build() {
	local goroot
	goroot=$("$here/toolchain.sh" "$1")
	shift
	env -i PATH="$PATH" HOME="$cache_dir/tmp" GOROOT="$goroot" GOPATH="${libraries:-$cache_dir/tmp/gopath}" \
		GOCACHE="$cache_dir/gocache" GO111MODULE=off GOTOOLCHAIN=local CGO_ENABLED="$cgo" \
		"$goroot/bin/go" build -trimpath "$@"
}

build_go() {
	local version=$1 variant=$2 source=$3 name=$4 entry=$5 cgo=0 src
	src=$(mktemp -d "$cache_dir/tmp/source.XXXXXX")
	cp "$source"/*.go "$src/"
	case $variant in
	plain) set -- ;;
	stripped) set -- -ldflags '-s -w' ;;
	pie) set -- -buildmode=pie ;;
	cgo) cgo=1 && set -- ;;
	unsampled | unsampled-stripped)
		rm "$src/profile.go"
		if [ "$variant" = unsampled ]; then set --; else set -- -ldflags '-s -w'; fi
		;;
	cshared) cgo=1 && set -- -buildmode=c-shared ;;
	*) die "no variant '$variant'; there are ${variants[*]} cshared unsampled unsampled-stripped" ;;
	esac
	[ "$cgo" = 0 ] || cp "$programs/with-cgo/cgo.go" "$src/"
	go_build "$version" "$@" -o "$entry/$name" "$src"/*.go
	rm -rf "$src" "$entry"/*.h
}

# go_program PROGRAM VERSION VARIANT
go_program() {
	local name=$1-$2-$3 source=$programs/$1 hash entry
	hash=$(cache_hash "$2" "$3" "$source"/*.go "$programs/with-cgo/cgo.go" \
		"$here/build-programs.sh" "$here/toolchain.sh")
	entry=$(cache_entry "test-$name" "$hash" "up to a minute" build_go "$2" "$3" "$source" "$name")
	deliver "$name" "$entry"
}

# The canary's data cover the writable segment of the very file it stands in for.
build_storm() {
	local version=$1 entry=$2 source=$programs/execstorm cgo=0 address size
	go_build "$version" -o "$entry/execstorm-$version" "$source/main.go"
	read -r address size < <(readelf -lW "$entry/execstorm-$version" |
		awk '$1 == "LOAD" && $7 == "RW" { print $3, $6 }')
	cc "${c_flags[@]}" -static -no-pie "-DCANARY_BYTES=$(((size + 4095) & ~4095))" \
		-Wl,-Ttext-segment=0x200000 "-Wl,--section-start=.canary=$address" \
		-o "$entry/canary-$version" "$source/canary.c"
}

storm_program() {
	local hash entry
	hash=$(cache_hash "$1" "$programs/execstorm/main.go" "$programs/execstorm/canary.c" \
		"$here/build-programs.sh" "$here/toolchain.sh")
	entry=$(cache_entry "test-execstorm-$1" "$hash" "up to a minute" build_storm "$1")
	deliver "execstorm-$1 canary-$1" "$entry"
}

build_cripod() {
	local entry=$1 cgo=0 libraries
	libraries=$("$here/go-libraries.sh")
	go_build "$cripod_version" -o "$entry/cripod" "$programs"/cripod/*.go
}

cripod_program() {
	local hash entry
	hash=$(cache_hash "$cripod_version" "$programs"/cripod/*.go "$here/go-libraries.sh" \
		"$here/build-programs.sh" "$here/toolchain.sh")
	entry=$(cache_entry test-cripod "$hash" "up to a minute" build_cripod)
	deliver cripod "$entry"
}

# Static where a guest's library may be another one, or an image has none.
build_c() {
	local name=$1 entry=$2 more=()
	case $name in
	fuse-block) read -ra more <<<"-static $(pkg-config --static --cflags --libs fuse3)" ;;
	pause | hold) more=(-static) ;;
	esac
	cc "${c_flags[@]}" -o "$entry/$name" "$programs/$name.c" "${more[@]}"
}

c_program() {
	local hash entry
	hash=$(cache_hash "$programs/$1.c" "$here/build-programs.sh")
	entry=$(cache_entry "test-$1" "$hash" "a second" build_c "$1")
	deliver "$1" "$entry"
}

# deliver NAMES ENTRY: copies, since an image or a container takes no links into the cache. What is
# there already may be running: it is replaced, not overwritten.
deliver() {
	local name
	for name in $1; do
		if ! cmp -s "$2/$name" "$outdir/$name"; then
			cp "$2/$name" "$outdir/.$name.$$"
			mv "$outdir/.$name.$$" "$outdir/$name"
		fi
		printf '%s\n' "$outdir/$name"
	done
}

# The variants of the n-th version.
variants_of() {
	if [ "$quick" ]; then
		printf '%s\n' "${wanted_variants[$(($1 % ${#wanted_variants[@]}))]}"
	else
		printf '%s\n' "${wanted_variants[@]}"
	fi
}

go_matrix() {
	local program=$1 n=0 version variant
	shift
	for version; do
		if [ "$program" = execstorm ]; then
			storm_program "$version"
			continue
		fi
		for variant in $(variants_of "$n"); do
			go_program "$program" "$version" "$variant"
		done
		n=$((n + 1))
	done
}

quick='' wanted=() wanted_variants=()
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=1 && shift ;;
	--program) wanted+=("$2") && shift 2 ;;
	--variant) wanted_variants+=("$2") && shift 2 ;;
	-*) die "unknown option $1" ;;
	*) break ;;
	esac
done
[ $# -ge 1 ] || die "usage: build-programs.sh [--quick] [--program NAME]... [--variant NAME]... OUTDIR [VERSION...]"
mkdir -p "$1"
outdir=$(realpath "$1")
shift
[ ${#wanted[@]} -gt 0 ] || wanted=(publisher srv)
[ ${#wanted_variants[@]} -gt 0 ] || wanted_variants=("${variants[@]}")
# shellcheck disable=SC2046 # one version a word
[ $# -gt 0 ] || set -- $("$here/toolchain.sh" --list)

for program in "${wanted[@]}"; do
	case $program in
	forged | fuse-block | chost | pause | hold) c_program "$program" ;;
	cripod) cripod_program ;;
	*) go_matrix "$program" "$@" ;;
	esac
done
