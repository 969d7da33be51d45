#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# What gomemctl timeline hears of a process's collections, against what its own MemStats says of them: every one, and
# of each the exact pause.

load lib.bash
load cycles.bash

setup_file() {
	build cycles
}

teardown() {
	stop_all
}

heard() {
	[ "$(jq -s "map(select($1)) | length" "$heard")" -ge "$2" ]
}

# Listens while the program collects: 12 times by allocating, 8 times forced, 12 more; and 5 other stops of the world.
listen() {
	publisher_start "$1"
	heard=$BATS_TEST_TMPDIR/heard
	: >"$heard"
	start "$gomemctl" timeline "$publisher" --json --for 60s >"$heard" 2>"$BATS_TEST_TMPDIR/errors"
	listener=$started
	# What is heard at all says that it listens.
	eventually 20 heard_after_a_stop
	# The library that the helper has mapped, whatever was asked for.
	library=$(sed -n 's:.*/\(libbpf\.so[^ ]*\)$:\1:p' "/proc/$(pgrep -P "$listener")/maps" | sort -u)
	before=$(jq -s 'map(select(.event == "gc").num_gc) | max // 0' "$heard")
	tell "heap 12"
	tell "forced 8"
	tell "heap 12"
	eventually 20 heard '.event == "gc"' 32
	tell report
}

heard_after_a_stop() {
	alive "$listener" || return 3
	tell "forced 1"
	heard '.event == "gc"' 1
}

exact() {
	local program
	for program in $(built cycles "$1"); do
		echo "# $program"
		listen "$program"
		# Since it listens no collection is left out, and each has its pause to the nanosecond.
		jq -s -e --slurpfile said "$said" --argjson before "$before" '
			map(select(.event == "gc" and .num_gc > $before)) as $gc
			| ($gc | length) >= 32
			and ($gc | map(.num_gc)) == [range($before + 1; $before + 1 + ($gc | length))]
			and all($gc[]; . as $c | any($said[]; .num_gc == $c.num_gc and .pause_ns == $c.pause_ns))
			and all($gc[]; .estimate == false and .pauses >= 2 and .duration_ns > .pause_ns)' \
			"$heard" >/dev/null || fail "not the same:" "$(cat "$heard")" "$(cat "$said")"
		triggers
		publisher_stop
	done
}

# Twelve of them were reached by the heap, eight were asked for, twelve more by the heap.
triggers() {
	jq -s -e --argjson before "$before" '
		map(select(.event == "gc" and .num_gc > $before) | .trigger)
		| (map(select(. == "forced")) | length) == 8 and (map(select(. == "heap")) | length) >= 24' \
		"$heard" >/dev/null || fail "triggers:" "$(jq -r .trigger "$heard")"
}

@test "Go 1.21: every collection, with the exact pause and its trigger" { exact 1.21; }
@test "Go 1.22: every collection, with the exact pause and its trigger" { exact 1.22; }
@test "Go 1.23: every collection, with the exact pause and its trigger" { exact 1.23; }
@test "Go 1.24: every collection, with the exact pause and its trigger" { exact 1.24; }
@test "Go 1.25: every collection, with the exact pause and its trigger" { exact 1.25; }
@test "Go 1.26: every collection, with the exact pause and its trigger" { exact 1.26; }
@test "Go 1.27: every collection, with the exact pause and its trigger" { exact 1.27; }

@test "with the oldest libbpf, as Debian 12 ships it: every collection, and all of eBPF's features" {
	LD_LIBRARY_PATH=$("$top/tests/lib/libbpf.sh") || fail "no libbpf of Debian 12"
	export LD_LIBRARY_PATH
	exact 1.24
	[ "$library" = libbpf.so.1.1.2 ] || fail "the helper ran with $library"
	output=$(unshare -n "$gomemctl" features --json)
	holds 'all(.features[] | select(.name == "process-events" or .name == "runtime-probes" or .name == "kernel-events"); .works)'
}

@test "Go 1.19: every collection, with an estimate of its pause that says so" {
	local program
	for program in $(built cycles 1.19); do
		listen "$program"
		jq -s -e --slurpfile said "$said" --argjson before "$before" '
			def median: sort | .[length / 2 | floor];
			map(select(.event == "gc" and .num_gc > $before)) as $gc
			| ($gc | length) >= 32
			and ($gc | map(.num_gc)) == [range($before + 1; $before + 1 + ($gc | length))]
			and all($gc[]; .estimate == true)
			and (([$gc[].pause_ns] | median) / ([$said[] | select(.num_gc > $before).pause_ns] | median)
				| . > 0.2 and . < 3)' "$heard" >/dev/null ||
			fail "not alike:" "$(cat "$heard")" "$(cat "$said")"
		triggers
		publisher_stop
	done
}

@test "a site that is hit too often falls silent, is told, and the collections are heard on" {
	local program
	for program in $(built cycles 1.24); do
		listen "$program"
		tell "stop 100000"
		eventually 20 heard '.event == "guard" and .site == "pause-other"' 1
		tell "heap 5"
		eventually 20 heard '.event == "gc"' 37
		jq -s -e 'map(select(.event == "guard").site) | length == (unique | length)' "$heard" >/dev/null ||
			fail "told more than once for a site" "$(grep guard "$heard")"
		publisher_stop
	done
}

# forced_and_told: the program collects, and a line for a person tells of a forced collection.
forced_and_told() {
	tell "forced 1"
	grep -qE '^[0-9T:.-]+Z +gc +[0-9]+ us  #[0-9]+ forced, paused [0-9]+ us, [0-9.]+[KM]? -> [0-9.]+[KM]?, goal [0-9.]+M$' "$heard"
}

@test "timeline prints a line a collection for a person" {
	publisher_start "$(built cycles 1.24 | head -n 1)"
	heard=$BATS_TEST_TMPDIR/heard
	start "$gomemctl" timeline "$publisher" --for 60s >"$heard" 2>&1
	eventually 20 forced_and_told || fail "$(cat "$heard")"
	publisher_stop
}

# trapped PID: how many bytes of its executable's code are not those of the file, as the breakpoint of a probe is not.
trapped() {
	python3 - "$1" <<'P'
import sys
pid, n = sys.argv[1], 0
exe = open("/proc/%s/exe" % pid, "rb")
with open("/proc/%s/mem" % pid, "rb") as memory:
    for line in open("/proc/%s/maps" % pid):
        where, rights, offset, _, inode = line.split()[:5]
        if "x" not in rights or inode == "0":
            continue
        start, end = (int(x, 16) for x in where.split("-"))
        memory.seek(start)
        exe.seek(int(offset, 16))
        n += sum(a != b for a, b in zip(memory.read(end - start), exe.read(end - start)))
print(n)
P
}

is_trapped() {
	[ "$(trapped "$publisher")" -gt 0 ]
}

is_whole() {
	[ "$(trapped "$publisher")" -eq 0 ]
}

@test "what listened leaves nothing: neither a probe nor a helper, at its end and when it is killed" {
	local program how helper
	program=$(built cycles 1.24 | head -n 1)
	publisher_start "$program"
	is_whole
	for how in end kill; do
		start "$gomemctl" timeline "$publisher" --for "$([ $how = end ] && echo 3s || echo 60s)" >"$BATS_TEST_TMPDIR/heard" 2>&1
		eventually 20 is_trapped
		helper=$(pgrep -P "$started" -x gomemd-listen)
		[ "$how" = end ] || kill -KILL "$started"
		eventually 20 dead "$started"
		eventually 10 dead "$helper"
		eventually 10 is_whole
	done
	# It runs on as before.
	tell "forced 3"
	publisher_stop
}

# The program's own trace: "gc 7 @0.1s 1%: ... ms cpu, 39->40->4 MB, 40 MB goal, ... 2 P (forced)".
traced() {
	sed -nE 's/^gc ([0-9]+) @.* ms cpu, ([0-9]+)->([0-9]+)->([0-9]+) MB, ([0-9]+) MB goal.*/{"num_gc":\1,"before":\2,"end":\3,"after":\4,"goal":\5}/p' \
		"$1"
}

# A heap of some 3 MiB may grow to 36: what begins, what is left, what it was for and what came between are four figures.
# To a MiB where the program allocates on while it is looked at.
heap_agrees() {
	local program trace=$BATS_TEST_TMPDIR/trace wrapped=$BATS_TEST_TMPDIR/program
	for program in $(built cycles "$1"); do
		: >"$trace"
		printf '#!/bin/bash\nexec env GODEBUG=gctrace=1 GOGC=900 "%s" 2>"%s"\n' "$program" "$trace" >"$wrapped"
		chmod 755 "$wrapped"
		listen "$wrapped"
		jq -s -e --slurpfile said <(traced "$trace") --argjson before "$before" '
			def mib: . / 1048576;
			def near($n; $by): . - $n | . >= -$by and . < 1 + $by;
			INDEX($said[]; .num_gc) as $trace
			| map(select(.event == "gc" and .num_gc > $before)) as $gc
			| ($gc | length) >= 32
			and all($gc[]; . as $c | $trace["\(.num_gc)"] as $t | $trace["\(.num_gc - 1)"] as $earlier
				| (.heap_before_bytes | mib | near($t.before; 1))
				and (.heap_after_bytes | mib | near($t.after; 0)) and (.heap_goal_bytes | mib | near($t.goal; 0))
				and (.allocated_bytes // 0 | mib | near($t.end - $earlier.after; 2)))' \
			"$heard" >/dev/null || fail "not the same:" "$(jq -c 'select(.event == "gc")
				| [.num_gc, .heap_before_bytes, .heap_after_bytes, .heap_goal_bytes, .allocated_bytes]' "$heard")" "$(cat "$trace")"
		publisher_stop
	done
}

@test "Go 1.19: the heap of a collection is what the program's own trace says" { heap_agrees 1.19; }
@test "Go 1.22: the heap of a collection is what the program's own trace says" { heap_agrees 1.22; }
@test "Go 1.27: the heap of a collection is what the program's own trace says" { heap_agrees 1.27; }

@test "what cannot be listened to is refused" {
	start sleep 60
	gomemctl timeline "$started" --for 1s
	[ "$status" -eq 2 ] || fail "exit $status" "$errors"
	gomemctl timeline nobody --for 1s
	[ "$status" -eq 2 ] || fail "exit $status" "$errors"
}
