#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: manifests.sh
#
# Prints the path of tests/programs/manifests, built against the types of the Kubernetes API as Debian packages them.
set -eu

here=$(dirname "$(realpath "$0")")
program=$(realpath "$here/../programs/manifests")
# shellcheck source=tests/lib/cache.sh
. "$here/cache.sh"
# shellcheck source=tests/lib/suite.sh
. "$here/suite.sh"

suite=trixie version=1.24
packages=(
	golang-k8s-api-dev golang-k8s-apimachinery-dev golang-k8s-sigs-yaml-dev golang-k8s-sigs-json-dev
	golang-k8s-sigs-structured-merge-diff-dev golang-k8s-utils-dev golang-k8s-klog-dev
	golang-github-gogo-protobuf-dev golang-github-json-iterator-go-dev golang-github-modern-go-reflect2-dev
	golang-github-modern-go-concurrent-dev golang-github-go-logr-logr-dev golang-gopkg-inf.v0-dev
	golang-golang-x-net-dev golang-golang-x-text-dev golang-github-google-gofuzz-dev
	golang-github-x448-float16-dev golang-github-fxamacker-cbor-dev
)

build() {
	local entry=$1 goroot gopath
	goroot=$("$here/toolchain.sh" "$version")
	suite_extract "$suite" "$entry/all" "${packages[@]}"
	gopath=$entry/all/usr/share/gocode
	# The binary encoding of the same types is half of the compiler's work, and not used.
	rm "$gopath"/src/k8s.io/api/*/*/generated.pb.go
	cp -r "$program" "$gopath/src/manifests"
	env -i PATH="$PATH" HOME="$cache_dir/tmp" GOROOT="$goroot" GOPATH="$gopath" GOCACHE="$cache_dir/gocache" \
		GO111MODULE=off GOTOOLCHAIN=local CGO_ENABLED=0 "$goroot/bin/go" build -trimpath -o "$entry/manifests" manifests
	rm -rf "$entry/all"
}

main() {
	local hash entry
	hash=$(cache_hash "$suite" "$version" "${packages[@]}" "$program"/*.go "$here/manifests.sh" "$here/toolchain.sh")
	entry=$(cache_entry manifests "$hash" "half a minute" build)
	printf '%s\n' "$entry/manifests"
}

main
