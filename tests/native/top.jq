# SPDX-License-Identifier: Apache-2.0
#
# What a daemon would answer to `status` and `explain`, for top.bats: $n workloads, one of each kind first.
def process($pid; $live; $held; $gogc; $soft): {
	pid: $pid, exe: "/usr/bin/shop", go_version: "go1.24.4", proved: true, heap_marked_bytes: $live,
	mapped_ready_bytes: $held, heap_goal_bytes: $held, gogc: $gogc, effective_gogc: $gogc, num_gc: 42,
	memory_limit_bytes: $soft, levers: [{lever: "soft_limit", now: $soft, owner: null, would_be: $soft, verdict: "hold",
		reason: "small", ours: true, pinned: false, manual: false}],
	culprits: [{file: "/src/cart/cart.go", line: 42, function: "cart.(*Cart).Add", inuse_bytes: ($live / 2 | floor),
		class: "4a", advice: "bound it"}],
	activity: {last_10s: {alloc_bytes_per_second: 12582912}, last_minute: null}
};
def workload($name; $state; $alert; $limit; $used; $oom): {
	workload: $name, cgroup: "/system.slice/\($name)", tier: "edge", mode: "enforce", state: $state, alert: $alert,
	decision_reason: "headroom", decision_id: "b-7", limit_bytes: $limit, room_bytes: $limit, limit_origin: "/system.slice/\($name)",
	room_origin: "/", usage_bytes: $used, nongo_bytes: 1048576, swap_bytes: 0, allotted_bytes: $limit,
	forecast: {kind: (if $oom then "growth" else "none" end), to_oom_usec: $oom, go_slope_bytes_per_min: 1048576, nongo_slope_bytes_per_min: 0},
	memory_high: {lever: "memory_high", now: null, owner: null, would_be: null, verdict: "hold", reason: "none"}, next: [],
	processes: [process(4242; ($used / 2 | floor); ($used * 3 / 4 | floor); 100; $limit)]
};
{
	schema: 1,
	daemon: {mode: "enforce", writes_stopped: false, changes: 7},
	workloads: ([
		workload("calm.service"; "calm"; "none"; 209715200; 41943040; null),
		workload("leaky.service"; "pressed"; "growth"; 209715200; 188743680; 95000000),
		workload("full.service"; "emergency"; "does-not-fit"; 104857600; 103809024; null),
		workload("free.service"; "calm"; "none"; null; 41943040; null),
		(workload("evil\u001b[2J\u001b]0;owned\u0007\u009b31m.service"; "calm"; "none"; 209715200; 20971520; null) | .mode = "observe")
	] + [range($n) | workload("web-\(.).service"; "calm"; "none"; 1073741824; 134217728 + . * 1048576; null)])
}
