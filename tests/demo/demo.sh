#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: demo.sh
#
# make demo: three real Go services under three limits, first alone, then governed. On a host with systemd and cgroup
# v2's memory controller it runs right here; elsewhere in a guest. Leaves Debian packages and one cache directory.
set -eu

here=$(dirname "$(realpath "$0")")
project=$(realpath "$here/../..")
# shellcheck source=tests/lib/cache.sh
. "$here/../lib/cache.sh"

can_run_here() {
	[ -d /run/systemd/system ] && [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] &&
		grep -qw memory /sys/fs/cgroup/cgroup.controllers
}

build_load() {
	local goroot
	goroot=$("$here/../lib/toolchain.sh" 1.24)
	(cd "$here/load" && GOROOT=$goroot GO111MODULE=off GOTOOLCHAIN=local GOPROXY=off CGO_ENABLED=0 \
		GOCACHE=$cache_dir/gocache "$goroot/bin/go" build -ldflags '-s -w' -o "$1" .)
}

gather() {
	say "demo: building, and fetching three services from Debian (cached in $cache_dir; make clean-cache)"
	make -s -C "$project" install "DESTDIR=$work/stage" PREFIX=/usr >&2
	tar -C "$work/stage" -cf "$work/t/stage.tar" .
	mkdir -p "$work/t/programs"
	cp "$("$here/../lib/programs.sh" etcd@bookworm)" "$work/t/programs/etcd@bookworm"
	cp "$("$here/../lib/programs.sh" prometheus)" "$work/t/programs/prometheus"
	"$here/../lib/build-programs.sh" --program srv --variant stripped "$work/built" 1.22 >&2
	cp "$work/built/srv-1.22-stripped" "$work/t/programs/srv"
	build_load "$work/t/programs/load"
	cp "$here/inside.sh" "$work/t/"
}

run_in_guest() {
	local kind=uml
	printf '#!/bin/sh\ncp -a /t/programs /opt/demo-programs\nmkdir -p /opt/demo; mv /opt/demo-programs /opt/demo/programs\ncp /t/stage.tar /opt/demo/\nexec bash /t/inside.sh /opt/demo\n' >"$work/t/run.sh"
	say "demo: no systemd with cgroup v2 here: bringing a guest (once, some ten minutes; later from the cache)"
	"$here/../guest/uml-kernel.sh" >/dev/null || kind=qemu
	GUEST_MEM=4096 "$here/../guest/boot.sh" "$kind" "$work/t"
}

[ "$(id -u)" -eq 0 ] || die "must be run as root"
work=$(mktemp -d "${TMPDIR:-/tmp}/gomemd-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/t"
gather
if can_run_here; then
	bash "$here/inside.sh" "$work/t"
else
	run_in_guest
fi
