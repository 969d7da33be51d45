#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: programs.sh NAME[@SUITE]     (as etcd, etcd@bookworm), or --list
#
# Prints the path of a Go program as Debian ships it, unpacked from its package and not installed.
# A bare name is the one of trixie.
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/cache.sh"
# shellcheck source=tests/lib/suite.sh
. "$here/suite.sh"

# NAME PACKAGE PATH [SUITE, where the package is that of one suite alone]
table="
alertmanager prometheus-alertmanager usr/bin/prometheus-alertmanager
caddy caddy usr/bin/caddy
containerd containerd usr/bin/containerd
etcd etcd-server usr/bin/etcd
kustomize kustomize usr/bin/kustomize trixie
nats-server nats-server usr/sbin/nats-server
node-exporter prometheus-node-exporter usr/bin/prometheus-node-exporter
prometheus prometheus usr/bin/prometheus
promtool prometheus usr/bin/promtool bookworm
promtool promtool usr/bin/promtool trixie
restic restic usr/bin/restic
syncthing syncthing usr/bin/syncthing
"
suites="bookworm trixie"

list() {
	local name suite
	while read -r name _ _ suite; do
		[ -n "$name" ] || continue
		for suite in ${suite:-$suites}; do printf '%s@%s\n' "$name" "$suite"; done
	done <<<"$table" | sort -u
}

build() {
	local package=$1 path=$2 suite=$3 entry=$4
	suite_extract "$suite" "$entry/all" "$package"
	[ -f "$entry/all/$path" ] || die "no $path in $package of $suite"
	mkdir -p "$entry/bin"
	mv "$entry/all/$path" "$entry/bin/"
	rm -rf "$entry/all"
}

main() {
	local name=${1%@*} suite=trixie row package path hash entry
	case $1 in *@*) suite=${1#*@} ;; esac
	row=$(awk -v want="$name" -v suite="$suite" \
		'$1 == want && (NF == 3 || $4 == suite)' <<<"$table")
	[ -n "$row" ] || die "no program '$1'; see programs.sh --list"
	read -r _ package path _ <<<"$row"
	hash=$(cache_hash "$row" "$suite" "$here/programs.sh")
	entry=$(cache_entry "program-$name-$suite" "$hash" "seconds" \
		build "$package" "$path" "$suite")
	printf '%s/bin/%s\n' "$entry" "${path##*/}"
}

[ $# -eq 1 ] || die "usage: programs.sh NAME[@SUITE]"
if [ "$1" = --list ]; then list; else main "$1"; fi
