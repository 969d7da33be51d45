# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: uml
# deadline: 300
#
# What the daemon says that a workload's runtimes have been doing is what the program counts over the same time; and what
# came and went by swap is on the time line, to the byte where the kernel counts it.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

zram_swap 256
gomemd_start 'mode = observe' 'look_max = 1s' 'helper_deadline = 20s'
srv app 1.24 MemoryMax=400M -- -live 30 -garbage 40 -http 127.0.0.1:8001
eventually 30 srv_ready app
minute() {
	gomemctl status app.service --json | jq ".workloads[0].activity.last_minute$1"
}

# own NAME: what the program says of itself.
own() {
	sed -n "s/^srv_$1 //p" <<<"$figures"
}

# Since the daemon has known it for long enough: both are over the same time, but for a look.
told() { [ "$(minute .over_usec)" -ge "$((1000000 * $1))" ]; }
eventually 60 told 2
figures=$(http 8001 /metrics)
first=$figures
eventually 120 told 40
answer=$(gomemctl status app.service --json)
second=$(http 8001 /metrics)
jq -c '.workloads[0].activity' <<<"$answer"
cat <<<"$second"

# near WHAT PERMILLE OWN DAEMON: within so much of what the program says.
near() {
	at_least "$1" $(($3 * (1000 - $2) / 1000)) "$4"
	at_most "$1" $(($3 * (1000 + $2) / 1000)) "$4"
}

# rate NAME FACTOR: of the program's own figure, FACTOR times in a second, between the two times that it was asked.
rate() {
	local a b t
	figures=$first a=$(own "$1") t=$(own seconds)
	figures=$second b=$(own "$1")
	awk -v a="$a" -v b="$b" -v t="$t" -v u="$(own seconds)" -v f="$2" 'BEGIN { printf "%d\n", (b - a) * f / (u - t) }'
}

for place in .workloads[0].activity .workloads[0].processes[0].activity; do
	daemon() { jq "$place.last_minute.$1 | floor" <<<"$answer"; }
	near "collections in 1000 minutes" 250 "$(rate num_gc 60000)" "$(jq "$place.last_minute.gc_per_minute * 1000 | floor" <<<"$answer")"
	near "bytes allocated a second" 200 "$(rate total_alloc_bytes 1)" "$(daemon alloc_bytes_per_second)"
	gc=$(($(rate gc_cpu_seconds 1000000) - $(rate gc_idle_cpu_seconds 1000000)))
	near "CPU time of collections in 1000 s, in ms" 350 "$gc" "$(jq "$place.last_minute.gc_cpu_permille * 1000 | floor" <<<"$answer")"
	at_least "the longest pause, in ns" 1000 "$(daemon pause_max_ns)"
	at_most "half of the pauses, in ns" "$(daemon pause_max_ns)" "$(daemon pause_p50_ns)"
	same "pauses that were missed" 0 "$(daemon pauses_missed)"
	same "an estimate" false "$(jq "$place.last_minute.gc_cpu_estimate" <<<"$answer")"
done
same "pauses in the histogram" "$(jq '.workloads[0].activity.last_minute.gc_cycles' <<<"$answer")" \
	"$(jq '[.workloads[0].activity.last_minute.pause_histogram[].count] | add' <<<"$answer")"
figures=$second
near "goroutines" 400 "$(own goroutines)" "$(jq '.workloads[0].activity.goroutines' <<<"$answer")"
gomemctl explain app.service
gomemctl explain app.service | grep -q 'collections/min' || fail "explain does not tell"
gomemctl status | grep -q 'GC/MIN' || fail "status does not tell"
unit_stop app

# Idle, so that nothing but the kernel and what is asked for moves its memory.
srv cold 1.24 MemoryMax=400M -- -live 60 -idle -http 127.0.0.1:8002
eventually 30 srv_ready cold
eventually 30 known cold.service
dir=$(unit_cgroup cold)
moved() {
	gomemctl timeline cold.service --json | jq "[.timeline.entries[] | select(.event == \"swap\").$1] | add // 0"
}
pages() { awk -v key="$1" '$1 == key { n = $2 } END { print n * 4096 }' "$dir/memory.stat"; }
counts() { grep -q "^$1 " "$dir/memory.stat"; }
echo 40M >"$dir/memory.reclaim" || true
swapped=$(cgroup_get "$dir" memory.swap.current)
at_least "bytes in swap" $((20 << 20)) "$swapped"
out() { [ "$(moved swapped_out_bytes)" -ge $((swapped * 9 / 10)) ]; }
eventually 30 out
gomemctl timeline cold.service
# Marking its live data brings it back.
http 8002 '/set?free=1' >/dev/null
back() { [ "$(moved swapped_in_bytes)" -ge $((swapped / 2)) ]; }
eventually 30 back
gomemctl timeline cold.service
# Pages of nothing but zeroes are swap that takes no room.
agree() {
	[ "$(moved swapped_in_bytes)" -eq "$(($(pages pswpin) + $(pages swpin_zero)))" ] &&
		[ "$(moved swapped_out_bytes)" -eq "$(($(pages pswpout) + $(pages swpout_zero)))" ]
}
grep -E 'swp|refault_anon' "$dir/memory.stat"
if counts pswpin && ! counts zswpout; then eventually 20 agree; fi
near "bytes in swap, by the daemon" 100 $(($(cgroup_get "$dir" memory.swap.current) + 1048576)) \
	$(($(gomemctl status cold.service --json | jq '.workloads[0].swap_bytes') + 1048576))
