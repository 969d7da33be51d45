#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: demo.sh [DIR]
#
# make demo: three real Go services under three limits, first alone, then governed. On a host with systemd and cgroup
# v2's memory controller it runs right here; elsewhere in a guest, by the same script. Leaves Debian packages and one
# cache directory. DIR is what gather makes, where that has been done.
set -eu

here=$(dirname "$(realpath "$0")")
project=$(realpath "$here/../..")
# shellcheck source=tests/lib/cache.sh
. "$here/../lib/cache.sh"

can_run_here() {
	[ -d /run/systemd/system ] && [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] &&
		grep -qw memory /sys/fs/cgroup/cgroup.controllers &&
		[ "$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)" -gt $((1500 << 10)) ]
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
	mkdir -p "$work/t/tests/lib"
	cp -r "$here" "$work/t/tests/"
	cp "$here/../lib/cache.sh" "$work/t/tests/lib/"
}

# In the guest: names of what is there, and what the accounts are, before and after.
write_guest_script() {
	cat >"$work/t/run.sh" <<'RUN'
#!/bin/bash
left() {
	find / -xdev -path /opt/demo -prune -o -path '/var/log/*' -prune -o -path '/tmp/*' -prune -o \
		-path '/var/tmp/*' -prune -o -path '/var/lib/systemd/*' -prune -o -name '*-' -o -print | sort
	cat /etc/passwd /etc/group
}
mkdir -p /opt/demo
cp -a /t/programs /t/stage.tar /t/inside.sh /opt/demo/
left >/run/before
bash /t/tests/demo/demo.sh /opt/demo
code=$?
left >/run/after
diff /run/before /run/after || { echo "demo: this has changed by it"; code=1; }
exit $code
RUN
}

run_in_guest() {
	local kind=uml
	write_guest_script
	say "demo: no systemd with cgroup v2 here: bringing a guest (once, some ten minutes; later from the cache)"
	"$here/../guest/uml-kernel.sh" >/dev/null || kind=qemu
	GUEST_MEM=4096 "$here/../guest/boot.sh" "$kind" "$work/t"
}

[ "$(id -u)" -eq 0 ] || die "must be run as root"
if [ $# -gt 0 ]; then
	can_run_here || die "no systemd with cgroup v2's memory controller and 1.5 GiB of memory here"
	exec bash "$1/inside.sh" "$1"
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/gomemd-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/t"
gather
if can_run_here; then
	bash "$here/inside.sh" "$work/t"
else
	run_in_guest
fi
