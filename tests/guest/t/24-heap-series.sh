# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 480
#
# heap_series: the daemon takes the heap profile of a service again and again, and of all its lines the one that leaks
# grows most. A restart begins anew; without the key nothing is kept.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

series() { gomemctl heap leaker.service --json | jq -r ".heap.processes[0].$1"; }
points() { series 'points // 0'; }
has_points() { [ "$(points)" -ge "$1" ]; }
has_none() { [ "$(series 'points')" = null ]; }
tier() { # HEAP_SERIES
	policy 60-series <<-P
		[tier series]
		cgroup = system.slice/leaker.service
		priority = 10
		mode = enforce
		heap_profile = on
		heap_series = $1
	P
}
leaker() { # VARIANT FLAGS...
	local variant=$1
	shift
	rm -f /run/leaker.out
	unit_start leaker MemoryMax=1G StandardOutput=file:/run/leaker.out StandardInput=null -- \
		"$PROGRAMS/leaker-1.24-$variant" -live 16 -still 24 -rate 16 "$@"
	eventually 30 grep -q ready /run/leaker.out
}

# By how fast they grow.
growing='[.heap.processes[0].culprits[] | select(.kind == "heap")] | sort_by(-.slope_bytes_per_min)'
say_cost() { gomemctl status --json | jq -c '[.daemon.heap_profiles, .daemon.heap_profiles_usec]' >&3; }
gomemd_start 'mode = recommend' 'look_max = 1s'
at_exit say_cost
tier 1s
systemctl reload gomemd

# Linked without profiling, and it leaks at one of its sites. Cycles go on while looks are at rest: time tells.
leaker unsampled -leak 1024
eventually 240 has_points 4
# Sampling began while it ran: what its other sites replace is sampled little by little, and seems to grow until all was
# replaced.
leak_stands_out() {
	gomemctl heap leaker.service --json | jq -e "$growing |
		.[0].function == \"main.leak\" and .[0].slope_bytes_per_min > 4 * .[1].slope_bytes_per_min"
}
eventually 180 leak_stands_out
gomemctl heap leaker.service --json >/t/out/heap-series.json
gomemctl heap leaker.service
series=$(gomemctl heap leaker.service --json | jq ".heap.processes[0] + {sites: ($growing)}")
holds() { jq -e "$1" <<<"$series" >/dev/null || fail "does not hold: $1"; }
same "what grows most" main.leak "$(jq -r '.sites[0].function' <<<"$series")"
line=$(gomemctl heap "$(unit_pid leaker)" --json | jq -r '.sites[] | select(.function == "main.leak").line')
same "its line" "$line" "$(jq -r '.sites[0].line' <<<"$series")"
holds '.sites[0].slope_bytes_per_min > 4 * (.sites[1].slope_bytes_per_min)'
# Of what it never lets go all that it allocates stays.
holds '.sites[0] | .slope_bytes_per_min * 2 > .alloc_bytes_per_min and .slope_bytes_per_min < 2 * .alloc_bytes_per_min'
holds '.sites[0] | .rises >= .points - 2 and .falls <= 1'
holds '.cycles >= .points - 1 and .span_usec > 0 and .points <= 16'
holds 'any(.sites[]; .function == "main.holdLarge") and any(.sites[]; .function == "main.dropGarbage")'
say_figure heap-series "heap profiles and microseconds:" \
	"$(gomemctl status --json | jq -c '[.daemon.heap_profiles, .daemon.heap_profiles_usec]')"

# Restarted, it is another heap; of one that was linked with profiling the rate stays its own.
pid=$(unit_pid leaker)
unit_stop leaker
leaker plain
eventually 200 has_points 1
[ "$(series pid)" != "$pid" ] || fail "it has the pid of the one before"
at_most "collections of the new one" "$(probe "$(unit_pid leaker)" num_gc)" "$(series num_gc)"
same "its own rate" 524288 "$(series mem_profile_rate)"

# Off: what was known goes.
tier off
systemctl reload gomemd
eventually 20 has_none
same "no interval" null "$(gomemctl heap leaker.service --json | jq -r .heap.interval_usec)"
