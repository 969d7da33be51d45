#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# What a runtime counts of its own work, read from outside, against what the program says of itself: the pause of every
# collection, the CPU time of all of them, the goroutines that were started, and for how long those that wait have waited.

load lib.bash
load cycles.bash

setup_file() {
	build cycles
}

teardown() {
	stop_all
}

# each_program VERSION TEST: a program of its own for it.
each_program() {
	local program
	for program in $(built cycles "$1"); do
		echo "# $program"
		publisher_start "$program"
		"$2"
		publisher_stop
	done
}

# Both are of the last minute; one collection may have ended just before it. MemStats has the end of each in wall time.
pauses_agree() {
	tell "heap 12"
	tell "forced 8"
	tell report
	probe "$publisher"
	holds '.num_gc == ($said | length) and .last_minute.gc_cycles == .num_gc' --slurpfile said "$said"
	holds '($said | map(.pause_ns) | max) == .last_minute.pause_max_ns' --slurpfile said "$said"
	# A bucket has what is below it and not below the one before it.
	holds '[.last_minute.pause_histogram | foreach .[] as $b (0; $b.below_ns; $b)] as $buckets
		| ([$buckets[].count] | add) == ($said | length)
		and all($buckets | to_entries[]; .value as $b | (($buckets[.key - 1].below_ns // 0) * (if .key > 0 then 1 else 0 end)) as $from
			| $b.count == ([$said[] | select(.pause_ns < $b.below_ns and .pause_ns >= $from)] | length))' \
		--slurpfile said "$said"
	# Half of them are not above it, to a bucket'\''s width.
	holds '($said | map(.pause_ns) | sort | .[(length - 1) / 2 | floor]) as $half
		| .last_minute.pause_p50_ns >= $half * 0.6 and .last_minute.pause_p50_ns <= $half * 1.6' --slurpfile said "$said"
	# More of them than the runtime remembers: then it is of less than a minute, and says of how much.
	tell "forced 300"
	probe "$publisher"
	holds '.last_minute.gc_cycles == 256 and .last_minute.over_usec < 60000000
		and .last_minute.gc_per_minute > 256'
}

cost_agrees() {
	tell "heap 30"
	tell "forced 5"
	# Of Go 1.19 it is known by wall time alone, of which the start of the program is a part.
	if [[ $1 == exact ]]; then
		tell figures
		probe "$publisher"
		holds '($said[0].gc_cpu_ns - .gc_cpu_ns | fabs) <= 0.001 * .gc_cpu_ns + 1000' --slurpfile said "$said"
	else
		eventually 20 cost_is_about
	fi
	holds '.gc_cpu_ns > 0 and .cpu_ns > 0 and .gc_cpu_ns < 4 * .cpu_ns + 1000000000'
}

cost_is_about() {
	tell "forced 1"
	tell figures
	probe "$publisher"
	holds '($said[0].gc_cpu_fraction_ns - .gc_cpu_ns | fabs) <= 0.02 * .gc_cpu_ns' --slurpfile said "$said"
}

exact_cost_agrees() { cost_agrees exact; }
rough_cost_agrees() { cost_agrees rough; }

goroutines_agree() {
	local before
	tell "forced 2"
	tell figures
	probe "$publisher"
	before=$(jq .goroutines_created <<<"$output")
	holds '.goroutines == $said[0].goroutines and .goroutines_created >= .goroutines' --slurpfile said "$said"
	tell "start 1000"
	tell "start 7"
	tell "park 5"
	tell figures
	probe "$publisher"
	holds '.goroutines == $said[0].goroutines' --slurpfile said "$said"
	# The runtime may have started one for itself meanwhile.
	holds '.goroutines_created - $before - $said[0].started | . >= 0 and . <= 3' --argjson before "$before" --slurpfile said "$said"
}

# waiting FILTER [=DURATION]: of those in main.wait; a function of the compiler's may be what `go` was said to.
waiting() {
	gomemctl goroutines "$publisher" --blocked"${2:-}" --json
	[ "$status" -eq 0 ] || fail "exit $status" "$errors"
	holds '[.groups[] | select(.function | test("^main.(wait|park)"))] | '"$1" --slurpfile said "$said"
}

# within HOW FORCED: waited_HOW_ns of those in main.wait is the age of that collection, by the program's own clock.
within() {
	tell figures
	waiting ".[0].waited_$1_ns >= \$said[0].ended_ns[$2]"
	tell figures
	holds "[.groups[] | select(.function | test(\"^main.(wait|park)\"))][0].waited_$1_ns <= \$said[0].began_ns[$2]" \
		--slurpfile said "$said"
}

waited_for() {
	waiting ".[0].waited_max_ns >= $1"
}

# Those that a collection finds waiting are dated by the end of the one before it.
waits_agree() {
	tell "forced 1"
	tell "park 100"
	waiting 'length == 1 and .[0].count == 100 and .[0].dated == 0 and .[0].waited_max_ns == null'
	tell "forced 1"
	waiting '.[0] | .count == 100 and .dated == 100'
	within max 0
	within p50 0
	eventually 20 waited_for 2000000000
	waiting 'length == 1 and .[0].count == 100' =2s
	waiting 'length == 0' =1h
	tell "forced 1"
	tell "park 300"
	waiting '.[0] | .count == 400 and .dated == 100'
	within max 0
	tell "forced 1"
	waiting '.[0] | .count == 400 and .dated == 400'
	within max 0
	within p50 2
	holds '.collection_age_ns > 0 and all(.groups[]; .doing != "running")'
	gomemctl goroutines "$publisher" --blocked
	[[ $output =~ main\.(wait|park) ]] || fail "$output"
}

@test "the matrix below has every Go release there is a toolchain for" {
	local version
	for version in $(go_versions); do
		[ "$(grep -c "^@test .*each_program $version " "$BATS_TEST_FILENAME")" -eq 4 ] || fail "Go $version is missing"
	done
}

@test "Go 1.19: every pause of the last minute is in its place" { each_program 1.19 pauses_agree; }
@test "Go 1.19: collecting cost what the program says" { each_program 1.19 rough_cost_agrees; }
@test "Go 1.19: as many goroutines were made as the program started" { each_program 1.19 goroutines_agree; }
@test "Go 1.19: goroutines have waited since the collection that saw them" { each_program 1.19 waits_agree; }
@test "Go 1.21: every pause of the last minute is in its place" { each_program 1.21 pauses_agree; }
@test "Go 1.21: collecting cost what the program says" { each_program 1.21 exact_cost_agrees; }
@test "Go 1.21: as many goroutines were made as the program started" { each_program 1.21 goroutines_agree; }
@test "Go 1.21: goroutines have waited since the collection that saw them" { each_program 1.21 waits_agree; }
@test "Go 1.22: every pause of the last minute is in its place" { each_program 1.22 pauses_agree; }
@test "Go 1.22: collecting cost what the program says" { each_program 1.22 exact_cost_agrees; }
@test "Go 1.22: as many goroutines were made as the program started" { each_program 1.22 goroutines_agree; }
@test "Go 1.22: goroutines have waited since the collection that saw them" { each_program 1.22 waits_agree; }
@test "Go 1.23: every pause of the last minute is in its place" { each_program 1.23 pauses_agree; }
@test "Go 1.23: collecting cost what the program says" { each_program 1.23 exact_cost_agrees; }
@test "Go 1.23: as many goroutines were made as the program started" { each_program 1.23 goroutines_agree; }
@test "Go 1.23: goroutines have waited since the collection that saw them" { each_program 1.23 waits_agree; }
@test "Go 1.24: every pause of the last minute is in its place" { each_program 1.24 pauses_agree; }
@test "Go 1.24: collecting cost what the program says" { each_program 1.24 exact_cost_agrees; }
@test "Go 1.24: as many goroutines were made as the program started" { each_program 1.24 goroutines_agree; }
@test "Go 1.24: goroutines have waited since the collection that saw them" { each_program 1.24 waits_agree; }
@test "Go 1.25: every pause of the last minute is in its place" { each_program 1.25 pauses_agree; }
@test "Go 1.25: collecting cost what the program says" { each_program 1.25 exact_cost_agrees; }
@test "Go 1.25: as many goroutines were made as the program started" { each_program 1.25 goroutines_agree; }
@test "Go 1.25: goroutines have waited since the collection that saw them" { each_program 1.25 waits_agree; }
@test "Go 1.26: every pause of the last minute is in its place" { each_program 1.26 pauses_agree; }
@test "Go 1.26: collecting cost what the program says" { each_program 1.26 exact_cost_agrees; }
@test "Go 1.26: as many goroutines were made as the program started" { each_program 1.26 goroutines_agree; }
@test "Go 1.26: goroutines have waited since the collection that saw them" { each_program 1.26 waits_agree; }
@test "Go 1.27: every pause of the last minute is in its place" { each_program 1.27 pauses_agree; }
@test "Go 1.27: collecting cost what the program says" { each_program 1.27 exact_cost_agrees; }
@test "Go 1.27: as many goroutines were made as the program started" { each_program 1.27 goroutines_agree; }
@test "Go 1.27: goroutines have waited since the collection that saw them" { each_program 1.27 waits_agree; }
