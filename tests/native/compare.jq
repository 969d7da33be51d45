# SPDX-License-Identifier: Apache-2.0
#
# What of a probe is not what the program published. The publications were made right before it and
# right after; a figure that moved by itself lies between them.

def exact: ["gogc", "memory_limit_bytes", "num_gc", "pause_total_ns", "goroutines", "gomaxprocs", "mem_profile_rate"];

def near: ["heap_alloc_bytes", "total_alloc_bytes", "heap_goal_bytes", "heap_inuse_bytes", "heap_free_bytes",
	"heap_released_bytes", "heap_sys_bytes", "mapped_ready_bytes", "heap_marked_bytes", "stack_scan_bytes",
	"globals_scan_bytes"];

# RFC 3339 with however many digits of a second, as with nine.
def nine_digits:
	if . == null then null
	else capture("^(?<s>[^.Z]*)([.](?<f>[0-9]*))?Z$") | .s + "." + ((.f // "") + "000000000")[0:9] + "Z"
	end;

# A span of stacks that is freed of the runtime's own accord becomes free heap, and may be given back right after.
def slack: {heap_free_bytes: 65536, heap_sys_bytes: 65536};

def within($a; $b; $more): ([$a, $b] | min * 0.99) - $more <= . and . <= ([$a, $b] | max * 1.01) + $more;

def differences($before; $after; $probe):
	(exact[] | select($probe[.] != $before[.]) | "\(.): published \($before[.]), probed \($probe[.])"),
	(near[] | select($before[.] != null) | . as $key
		| select($probe[$key] == null or ($probe[$key] | within($before[$key]; $after[$key]; slack[$key] // 0) | not))
		| "\($key): published \($before[$key]) and \($after[$key]), probed \($probe[$key])"),
	($before.last_gc_time | nine_digits) as $said
	| ($probe.last_gc_time | nine_digits) as $read
	| select($said != $read) | "last_gc_time: published \($said), probed \($read)",
	($before.gc_cpu_limiter_last_cycle // $probe.gc_cpu_limiter.last_cycle) as $cycle
	| select($probe.gc_cpu_limiter.last_cycle != $cycle)
	| "gc_cpu_limiter.last_cycle: published \($cycle), probed \($probe.gc_cpu_limiter.last_cycle)";
