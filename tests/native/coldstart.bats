#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # those of lib.bash
#
# A program that allocates as fast as it can from its first instruction is met before its heap has grown, by its own
# word: every start of it, however its execs are told and however it was linked.

load lib.bash

setup_file() {
	# The script builds the programs itself; here once, where it is not timed.
	for variant in plain pie cgo; do
		"$top/tests/lib/build-programs.sh" --program coldstart --variant "$variant" "$programs_dir" 1.19 1.24 1.27
	done
}

# cold ROUNDS NAME=VALUE...: the figures are in $figures.
cold() {
	local rounds=$1
	shift
	figures=$BATS_TEST_TMPDIR/figures
	env COLDSTART_FIGURES="$figures" "$@" "$top/tests/bench/coldstart.sh" "$rounds" 3>&- >"$BATS_TEST_TMPDIR/said" 2>&1 ||
		fail "coldstart.sh ended with $?" "$(cat "$BATS_TEST_TMPDIR/said")"
}

# met ROUNDS MS: each governed start saw its soft limit within so many milliseconds; no other ever saw one.
met() {
	jq -s -e --argjson n "$1" --argjson ms "$2" '
		[.[] | select(.event == "limit")] as $met
		| [.[] | select(.event == "end" and .arm != "alone").arm] as $arms
		| ($arms | length) >= $n and all($arms[]; . as $arm | [$met[] | select(.arm == $arm)] | length == $n)
		and all($met[]; .arm != "alone" and .us < $ms * 1000)' "$figures" >/dev/null ||
		fail "not each start was met in time:" "$(cat "$figures")"
}

told_by() {
	jq -s -e --arg by "$1" 'all(.[]; .by == $by)' "$figures" >/dev/null || fail "not by $1:" "$(cat "$figures")"
}

# The median of the highest resident sets, against that of the starts which nobody governed.
stays_lower() {
	jq -s -e 'def peak($a): [.[] | select(.event == "end" and .arm == $a).peak_kib] | sort | .[length / 2 | floor];
		peak("known") < 0.85 * peak("alone")' "$figures" >/dev/null || fail "no lower:" "$(cat "$figures")"
}

# The goals are 100 ms for a known executable file and 400 ms for a new one; ten times the latter is the deadline, and a
# start that is met by a scan alone would be met within a minute.
@test "told by the connector: every start is met, and its heap stays lower" {
	cold 3 COLDSTART_EVENTS=connector
	told_by connector
	met 3 4000
	stays_lower
}

@test "told by tracepoints: the same" {
	cold 3 COLDSTART_EVENTS=bpf COLDSTART_LOSE=net
	[ -e /sys/kernel/btf ] || skip "this kernel has no BTF"
	told_by btf-tracepoint
	met 3 4000
	stays_lower
}

@test "told by raw tracepoints, without the kernel's type information: the same" {
	cold 3 COLDSTART_EVENTS=bpf COLDSTART_LOSE=net,btf
	told_by raw-tracepoint
	met 3 4000
	stays_lower
}

@test "a program whose loader is still at work when it is first looked at is met: PIE and cgo, oldest and newest" {
	local which
	for which in 1.19-pie 1.24-pie 1.27-pie 1.19-cgo 1.27-cgo; do
		cold 2 "COLDSTART_PROGRAM=$which" "COLDSTART_ARMS=known new" COLDSTART_DURATION=2s
		met 2 4000
	done
}

@test "a storm of execs, more than are told: a start in the middle of it is found by the scan at its end" {
	cold 2 COLDSTART_EVENTS=bpf COLDSTART_STORM=1 COLDSTART_ARMS=new COLDSTART_DURATION=6s
	met 2 6000
}
