#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: etcd.sh VERSION     (of Go, as 1.24)
#
# Builds trixie's etcd from source with a Go toolchain of that version against the packages that Debian builds it
# against, and prints the directory of
#
#	etcd       with tests/programs/etcd/profile.go added: each allocation is in its profile
#	etcd-load  tests/programs/etcd/load
#	report     what the compiler prints under -m=2 for the same sources
#
# The sources are unpacked and not installed; nothing comes from anywhere else.
set -eu -o pipefail

here=$(dirname "$(realpath "$0")")
programs=$(realpath "$here/../programs/etcd")
# shellcheck source=tests/lib/cache.sh
. "$here/cache.sh"
# shellcheck source=tests/lib/suite.sh
. "$here/suite.sh"

suite=trixie
server=go.etcd.io/etcd/server
# What a release needs more than another is decided by build tags: these are the releases it is built with.
versions="1.24 1.26"

# go_in GOPATH VERSION GOCACHE COMMAND...: as Debian does, without modules, but without C.
go_in() {
	local gopath=$1 goroot
	goroot=$("$here/toolchain.sh" "$2")
	env -i PATH="$PATH" HOME="$cache_dir/tmp" GOROOT="$goroot" GOPATH="$gopath" GOCACHE="$3" GO111MODULE=off \
		GOTOOLCHAIN=local GOFLAGS=-trimpath CGO_ENABLED=0 "$goroot/bin/go" "${@:4}"
}

# The packages of Go sources among all that it depends on.
source_packages() {
	suite_update "$suite"
	suite_apt "$suite" -s --no-install-recommends install golang-etcd-server-dev |
		awk '$1 == "Inst" && $2 ~ /^golang-.*-dev$/ { print $2 }'
}

# needed GOPATH: the directories, below its src, of all packages that are compiled.
needed() {
	local version
	for version in $versions; do
		go_in "$1" "$version" "$cache_dir/gocache" list -deps -f '{{if not .Standard}}{{.Dir}}{{end}}' "$server" etcd-load
	done | sed -n "s|^$1/src/||p" | sort -u
}

# Most of what the packages hold is of no use here: of 770 MB this leaves 40.
keep_needed() {
	local from=$1 to=$2 directory
	needed "$from" >"$to/needed"
	[ -s "$to/needed" ] || die "go list finds no packages of etcd"
	while read -r directory; do
		mkdir -p "$to/src/$directory"
		find -L "$from/src/$directory" -maxdepth 1 -type f -not -name '*_test.go' -exec cp -t "$to/src/$directory" {} +
	done <"$to/needed"
	# In these stands which directories are of a /v3 that no directory is named after.
	(cd "$from" && find src -name go.mod -exec cp --parents -t "$to" {} +)
}

build_source() {
	local entry=$1 all=$1/all packages
	packages=$(source_packages)
	[ -n "$packages" ] || die "no packages of golang-etcd-server-dev in $suite"
	# shellcheck disable=SC2086 # one package a word
	suite_extract "$suite" "$all" $packages
	mkdir "$all/usr/share/gocode/src/etcd-load"
	cp "$programs/load/main.go" "$all/usr/share/gocode/src/etcd-load/"
	cp "$programs/profile.go" "$all/usr/share/gocode/src/$server/gomemd_profile.go"
	keep_needed "$all/usr/share/gocode" "$entry"
	rm -rf "$all"
}

source_hash() {
	cache_hash "$suite" "$here/etcd.sh" "$programs/profile.go" "$programs/load/main.go"
}

# The report has a compiler's cache of its own: what a build with other flags left would be printed from there, or not.
build() {
	local version=$1 gopath=$2 entry=$3 compiled
	go_in "$gopath" "$version" "$cache_dir/gocache" build -o "$entry/etcd" "$server"
	go_in "$gopath" "$version" "$cache_dir/gocache" build -o "$entry/etcd-load" etcd-load
	compiled=$(mktemp -d "$cache_dir/tmp/compiled.XXXXXX")
	if ! go_in "$gopath" "$version" "$compiled" build -gcflags=all=-m=2 -o /dev/null "$server" 2>"$entry/report"; then
		tail -n 20 "$entry/report" >&2
		rm -rf "$compiled"
		return 1
	fi
	rm -rf "$compiled"
}

main() {
	local version=$1 gopath hash
	[[ " $versions " == *" $version "* ]] || die "etcd is built with Go ${versions// / and }"
	gopath=$(cache_entry etcd-source "$(source_hash)" "a minute" build_source)
	hash=$(cache_hash "$version" "$(source_hash)" "$here/toolchain.sh")
	cache_entry "etcd-$version" "$hash" "five minutes" build "$version" "$gopath"
}

[ $# -eq 1 ] || die "usage: etcd.sh VERSION"
main "$1"
