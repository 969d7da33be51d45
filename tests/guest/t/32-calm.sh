# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 1200
#
# What is done for workloads that nothing presses. Several processes under one limit have their extra heap where it saves
# most: the same mix twice, balanced and not, side by side. And who does nothing gives memory back, until it works again.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

tier() { # NAME UNIT RULE...
	{
		printf '[tier %s]\ncgroup = system.slice/%s.service\npriority = 10\nmode = enforce\n' "$1" "$2"
		shift 2
		printf '%s\n' "$@"
	} | policy "60-$1"
}
# mix UNIT: a large quiet process beside small busy ones.
mix() {
	# shellcheck disable=SC2016 # its own shell's
	unit_start "$1" MemoryMax=600M StandardInput=null -- /bin/sh -c '
		"$0" -live 60 -garbage 4 &
		"$0" -live 8 -garbage 12 &
		"$0" -live 10 -garbage 6 &
		exec "$0" -live 4 -garbage 10' "$PROGRAMS/srv-1.24-plain"
}
pids() { cgroup_get "$(unit_cgroup "$1")" cgroup.procs; }
# marked UNIT: bytes that its collections have marked, by the runtimes' own counters.
marked() {
	local pid sum=0
	for pid in $(pids "$1"); do
		sum=$((sum + $(gomemctl probe "$pid" --json | jq '.num_gc * .heap_marked_bytes')))
	done
	echo "$sum"
}

gomemd_start 'mode = observe' 'look_max = 1s' 'audit_burst = 1000'
tier mixed mixed
tier plain plain 'balance = no'
tier quiet quiet 'idle = 1min'
tier cached cached 'idle = 1min' 'reclaim = file'
systemctl reload gomemd
mix mixed
mix plain
srv quiet 1.27 MemoryMax=512M Environment=GOGC=200 -- -live 40 -garbage 30 -http 127.0.0.1:8081
# What it has read lies in the page cache of its cgroup, and nobody reads it again.
head -c 60000000 /dev/zero >/var/tmp/read
at_exit 'rm -f /var/tmp/read'
sync
echo 1 >/proc/sys/vm/drop_caches # or it would be this cgroup's
# shellcheck disable=SC2016 # its own shell's
unit_start cached MemoryMax=256M StandardInput=null -- /bin/sh -c 'cat /var/tmp/read >/dev/null
	exec "$0" -live 10 -idle' "$PROGRAMS/srv-1.24-plain"
cache() { cgroup_get "$(unit_cgroup cached)" memory.stat file; }
cached() { [ "$(cache)" -gt $((50 << 20)) ]; }
eventually 60 cached
eventually 60 srv_ready quiet
quiet=$(unit_pid quiet)
given() { [ "$(probe "$quiet" memory_limit_bytes)" -gt $((300 << 20)) ]; }
eventually 60 given
busy=$(probe "$quiet" mapped_ready_bytes)
http 8081 '/set?idle=true' >/dev/null

# The small busy ones get more, the large quiet one less, in steps.
gogc_of() { # MIB: of the process of the mix that was told to hold so much
	local pid
	for pid in $(pids mixed); do
		! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -e "-live $1 -garbage" || probe "$pid" gogc
	done
}
balanced() { [ "$(gogc_of 60)" -le 80 ] && [ "$(gogc_of 8)" -ge 150 ]; }
eventually 300 balanced
for pid in $(pids plain); do
	same "GOGC where balance = no" 100 "$(probe "$pid" gogc)"
done

# When nothing is to be done any more: in the same time, of the same mix, less is marked, and no more memory is used.
at_rest() {
	journalctl --sync
	[ "$(journalctl -o cat --no-pager --since -45s GOMEMD_WORKLOAD=mixed.service GOMEMD_REASON=balance | wc -l)" = 0 ]
}
compare() {
	local mixed plain anon_mixed=0 anon_plain=0 n=0 end
	eventually 600 at_rest
	mixed=$(marked mixed) plain=$(marked plain)
	end=$((SECONDS + 60))
	while [ "$SECONDS" -lt "$end" ]; do
		anon_mixed=$((anon_mixed + $(anon mixed))) anon_plain=$((anon_plain + $(anon plain))) n=$((n + 1))
		sleep 0.5 # between two looks
	done
	mixed=$(($(marked mixed) - mixed)) plain=$(($(marked plain) - plain))
	say_figure balance "marked with and without balance: $((mixed >> 20)) and $((plain >> 20)) MiB, anonymous $((anon_mixed / n >> 20)) and $((anon_plain / n >> 20)) MiB"
	at_most "marked, balanced" $((plain * 8 / 10)) "$mixed"
	at_most "memory, balanced" $((anon_plain * 105 / n / 100)) $((anon_mixed / n))
}
[ -z "${SOAK:-}" ] || compare

# Meanwhile the one that does nothing was told to give back what it does not need, and did; it works again, and has its limit.
idles() { audit_has quiet '.GOMEMD_REASON == "idle" and .GOMEMD_OUTCOME == "done"'; }
eventually 200 idles
less() { [ "$(probe "$quiet" mapped_ready_bytes)" -lt $((busy * 96 / 100)) ]; }
eventually 200 less
! given || fail "its soft limit did not come down"
http 8081 '/set?idle=false' >/dev/null
eventually 15 given
same "kills" 0 "$(cgroup_get "$(unit_cgroup quiet)" memory.events oom_kill)"

# Meanwhile cold pages went back to the kernel, by and by, and that is told once.
uncached() { [ "$(cache)" -lt $((30 << 20)) ]; }
eventually 300 uncached
journal_has 'cold pages are asked back' GOMEMD_WORKLOAD=cached.service GOMEMD_OUTCOME=done ||
	fail "nobody says that memory was asked back"
