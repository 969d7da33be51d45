#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# Sampling that is switched on from outside in a program that was linked without: its sites are those of the same source
# that was linked with, under the same load, and the program runs on as if nothing had been.

load lib.bash

setup_file() {
	build_as "plain unsampled" leaker 1.19 1.22 1.24 1.27
	make -s -C "$top" build/tests/native-write
}

teardown() {
	stop_all
}

write() {
	"$top/build/tests/native-write" "$1" heap_profile "$2"
}

# leaker VARIANT: running, its pid in $started and its words in $ready_output.
leaker() {
	start_ready "$programs_dir/leaker-$version-$1" -live 128 -rate 128 -still 0 <&"$silent"
}

# shares PID FIELD: each site of package main with its share of FIELD in percent, the biggest first.
shares() {
	"$gomemctl" heap "$1" --json --top 100 | jq -r --arg field "$2" '
		[.sites[] | select(.function | startswith("main.hold") or startswith("main.drop"))] |
		(map(.[$field]) | add) as $all | sort_by(-.[$field])[] |
		"\(.function):\(.line) \(if $all > 0 then 100 * .[$field] / $all | floor else 0 end)"'
}

# The same sites, the first of them first, and no share further from the other's than ten points.
agree() {
	shares "$sampled" "$1" >"$BATS_TEST_TMPDIR/with"
	shares "$unsampled" "$1" >"$BATS_TEST_TMPDIR/without"
	paste "$BATS_TEST_TMPDIR/with" "$BATS_TEST_TMPDIR/without"
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/with" | cut -d' ' -f1)" = "$(head -n 1 "$BATS_TEST_TMPDIR/without" | cut -d' ' -f1)" ] &&
		join -a 1 -a 2 -e -100 -o 1.2,2.2 <(sort "$BATS_TEST_TMPDIR/with") <(sort "$BATS_TEST_TMPDIR/without") |
		awk '{ d = $1 - $2; bad += d > 10 || d < -10; n++ } END { exit bad || n < 4 }'
}

allocated() {
	"$gomemctl" heap "$unsampled" --json | jq -e --argjson least $(($1 << 20)) '.published and .alloc_bytes > $least'
}

stats_more() {
	[ "$(grep -c '^rounds' "$words")" -gt "$1" ]
}

# What the program says of itself: its rounds so far, none of them bad.
rounds() {
	local before
	before=$(grep -c '^rounds' "$words") || true
	kill -USR2 "$unsampled"
	eventually 30 stats_more "$before" || return 1
	[[ $(tail -n 1 "$words") == *" bad 0" ]] || fail "it holds what it did not write: $(tail -n 1 "$words")"
	round=$(tail -n 1 "$words" | awk '{ print $2 }')
}

more_rounds() {
	rounds && [ "$round" -gt "$1" ]
}

rate_is() {
	"$gomemctl" heap "$unsampled" --json | jq -e --arg want "$1" '.profiling == $want'
}

switched() {
	version=$1
	mkfifo "$BATS_TEST_TMPDIR/silent"
	exec {silent}<>"$BATS_TEST_TMPDIR/silent"
	leaker plain
	sampled=$started
	leaker unsampled
	unsampled=$started words=$ready_output
	rate_is off || fail "it was linked with profiling"

	write "$unsampled" 524288 | jq -e '.holds'
	eventually 60 allocated 1024
	eventually 60 agree alloc_bytes
	eventually 60 agree inuse_bytes
	rounds
	eventually 60 more_rounds "$round"

	write "$unsampled" 0 | jq -e '.holds'
	rate_is off || fail "it is still sampled"
	rounds
	eventually 60 more_rounds $((round + 100))
	alive "$unsampled"
}

@test "Go 1.19: sampling that is switched on shows what linked-in sampling shows" { switched 1.19; }
@test "Go 1.22: sampling that is switched on shows what linked-in sampling shows" { switched 1.22; }
@test "Go 1.24: sampling that is switched on shows what linked-in sampling shows" { switched 1.24; }
@test "Go 1.27: sampling that is switched on shows what linked-in sampling shows" { switched 1.27; }
