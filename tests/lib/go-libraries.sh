#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: go-libraries.sh
#
# Prints a GOPATH with the Go libraries that tests/programs/cripod is built with, unpacked from Debian's packages. They
# are those of trixie: to be built without modules (GO111MODULE=off) and without network, by its toolchain.
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/cache.sh"
# shellcheck source=tests/lib/suite.sh
. "$here/suite.sh"

suite=trixie
packages=(
	golang-github-kubernetes-cri-api-dev golang-google-grpc-dev golang-github-gogo-protobuf-dev
	golang-github-golang-protobuf-1-5-dev golang-google-protobuf-dev golang-google-genproto-dev
	golang-golang-x-net-dev golang-golang-x-sys-dev golang-golang-x-text-dev
)

# Of the messages of all of Google's services a client needs a few hundred KiB.
build() {
	local entry=$1 all
	suite_extract "$suite" "$entry" "${packages[@]}"
	rm -rf "$entry/usr/share/doc"
	mv "$entry/usr/share/gocode/src" "$entry/src"
	all=$entry/src/google.golang.org/genproto
	find "$all" -mindepth 1 -maxdepth 2 -not -path "$all/googleapis" -not -path "$all/googleapis/rpc" -exec rm -rf {} +
	rm -rf "${entry:?}/usr"
}

main() {
	local hash
	hash=$(cache_hash "$suite" "${packages[@]}" "$here/go-libraries.sh")
	cache_entry go-libraries "$hash" "seconds" build
}

main
