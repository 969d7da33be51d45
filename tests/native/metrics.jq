# SPDX-License-Identifier: Apache-2.0
#
# What of a probe lies outside of what a program's own metrics said before it and after it.

def rising: [
	["num_gc", "go_gc_duration_seconds_count", 0],
	["total_alloc_bytes", "go_memstats_alloc_bytes_total", 0.01]
];

def same: [
	["gogc", "go_gc_gogc_percent", 0],
	["memory_limit_bytes", "go_gc_gomemlimit_bytes", 0],
	["gomaxprocs", "go_sched_gomaxprocs_threads", 0],
	["heap_goal_bytes", "go_memstats_next_gc_bytes", 0.01]
];

# Memory moves; and a scrape has goroutines of its own (for the connection, for each collector),
# which are counted in what it says and are gone when the probe looks.
def about: [
	["heap_inuse_bytes", "go_memstats_heap_inuse_bytes", 0.1],
	["heap_sys_bytes", "go_memstats_heap_sys_bytes", 0.05],
	["goroutines", "go_goroutines", 0.05, 8]
];

# The last collection, to the ms: a float of seconds does not hold more.
def milliseconds:
	if . == null then 0
	else capture("^(?<s>[^.Z]*)([.](?<f>[0-9]*))?Z$")
		| (.s + "Z" | fromdateiso8601) * 1000 + (((.f // "") + "000")[0:3] | tonumber)
	end;

def last_gc($before; $after; $probe):
	($probe.last_gc_time | milliseconds) as $read
	| [$before, $after | .go_memstats_last_gc_time_seconds * 1000] as [$from, $to]
	| select($read < $from - 2 or $read > $to + 2)
	| "last_gc_time: metrics \($from) to \($to) ms, probed \($read)";

def differences($before; $after; $probe):
	((rising + same + about)[] | . as [$key, $metric, $slack, $more]
		| [$before[$metric], $after[$metric]] | select(all(. != null))
		| select($probe[$key] == null or $probe[$key] < min * (1 - $slack) - ($more // 0)
			or $probe[$key] > max * (1 + $slack))
		| "\($key): \($metric) \(.[0]) to \(.[1]), probed \($probe[$key])"),
	(select($before.go_memstats_last_gc_time_seconds != null) | last_gc($before; $after; $probe));
