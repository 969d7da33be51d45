#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# The cap on goroutine creation, against what the program counts itself: the rate that is reached, that every goroutine
# does its work, what neighbours feel of it, and that whatever ends the helper lets the program run.

load lib.bash

versions="1.19 1.27"
span=3
[ -z "${SOAK:-}" ] || { versions="1.19 1.22 1.24 1.27" span=20; }

setup_file() {
	# shellcheck disable=SC2086 # a version a word
	build_as plain spawner $versions
	build_as "stripped pie" spawner 1.24
}

teardown() {
	stop_all
	publisher_stop 2>/dev/null || true # not every test has one
}

# plain VERSION: one program, whatever else was built of it.
plain() {
	built spawner "$1" | grep -e -plain
}

spawner_start() {
	publisher_start "$1" "${2:-4}"
	spawner=$publisher
}

# limit RATE SECONDS: in the background; returns once it is in force, which is after the first thread is traced. The
# helper's pid is in $tracer.
limit() {
	limit_output=$(mktemp "$BATS_TEST_TMPDIR/limit.XXXXXX")
	start "$gomemctl" throttle "$spawner" --rate "$1/s" --for "$2s" --json >"$limit_output" 2>&1
	limiter=$started
	eventually 20 traced
	eventually 20 creates_at_most $((2 * $1 + 100))
}

creates_at_most() {
	measure 0.2
	[ "$rate" -le "$1" ]
}

tracer_of() {
	sed -n 's/^TracerPid:\t//p' "/proc/$1/status"
}

traced() {
	tracer=$(tracer_of "$spawner")
	[ "$tracer" -ne 0 ]
}

# None of its threads is.
untraced() {
	! grep -h '^TracerPid:' "/proc/$spawner"/task/*/status | grep -qv '	0$'
}

# measure SECONDS: what it creates a second, by its own count and clock, in $rate.
measure() {
	local before
	ask figures
	before=$reply
	wait_seconds "$1" # over which it is measured
	ask figures
	rate=$(jq -n --argjson a "$before" --argjson b "$reply" \
		'($b.started - $a.started) * 1e9 / ($b.at_ns - $a.at_ns) | floor')
}

# reaches RATE [SECONDS]: within a 20th of it. A machine that is busy may keep it below for a while, and nothing above.
reaches() {
	measure "${2:-$span}"
	echo "# asked for $1/s, $rate/s reached"
	if [ $((rate * 20)) -gt $(($1 * 21)) ]; then return 3; fi
	[ $((rate * 20)) -ge $(($1 * 19)) ]
}

exceeds() {
	measure 0.5
	[ "$rate" -gt "$1" ]
}

did_all_its_work() {
	ask stop
	[[ $reply == *'"ok": true'* ]] || fail "not every goroutine did its work: $reply"
}

# capped PROGRAM RATE: and free again after it.
capped() {
	spawner_start "$1"
	eventually $((20 * span)) limited_reaches "$2"
	output=$(cat "$limit_output")
	holds '.outcome == "limited" and .rate_per_second == $cap and .calls > 0 and .holds > 0' --argjson cap "$2"
	holds '.reached_per_second < 1.1 * $cap and .held_longest_usec > 0 and .calls_over <= .calls' --argjson cap "$2"
	eventually 20 untraced
	did_all_its_work
	publisher_stop
}

limited_reaches() {
	local result=0
	# A machine that has no time for twice as many shows only that there are not more.
	measure 1
	if [ "$rate" -lt $((2 * $1)) ]; then
		echo "# free it creates but $rate/s"
		limit "$1" $((span + 2))
		eventually 20 creates_at_most $(($1 * 21 / 20))
		eventually 60 dead "$limiter"
		return
	fi
	limit "$1" $((span + 2))
	reaches "$1" || result=$?
	eventually 20 dead "$limiter"
	return "$result"
}

@test "goroutines come as fast as the cap says, and each does its work" {
	local version rate rates="2000 20000 100000"
	for version in $versions; do
		for rate in $rates; do
			# One rate a release is enough to see it work.
			[ -n "${SOAK:-}" ] || { [ "$rate" = 20000 ] && [ "$version" = 1.27 ]; } ||
				{ [ "$rate" = 2000 ] && [ "$version" = 1.19 ]; } || continue
			echo "# Go $version"
			capped "$(plain "$version")" "$rate"
		done
	done
}

@test "stripped and position-independent programs are limited too" {
	local program
	for program in $(built spawner 1.24 | grep -v plain); do
		capped "$program" 20000
	done
}

@test "many threads at a low cap have their turns" {
	spawner_start "$(plain 1.27)" 64
	limit 200 30
	eventually 20 reaches 200
	did_all_its_work
}

@test "a neighbour hardly notices" {
	local program address=$BATS_TEST_TMPDIR/beside alone=() limited=()
	program=$(plain 1.27)
	start_ready "$program" --beside "$address"
	for _ in 1 2 3; do
		alone+=("$("$program" --ask "$address" "$span" | jq .p95_ms)")
		spawner_start "$program"
		limit 20000 $((span + 20))
		limited+=("$("$program" --ask "$address" "$span" | jq .p95_ms)")
		stop "$limiter"
		stop "$spawner"
	done
	echo "# 95 % of answers within, alone: ${alone[*]} ms, beside it: ${limited[*]} ms"
	jq -en '[$ARGS.positional[] | tonumber] | (.[:3] | sort | .[1]) as $alone | (.[3:] | sort | .[1]) as $limited
		| $limited < 12 and ($limited < 1.5 * $alone or $limited < $alone + 1)' \
		--args "${alone[@]}" "${limited[@]}" >/dev/null || fail "${alone[*]} ms alone, ${limited[*]} ms beside it"
}

@test "when the helper is killed, or its owner, the program runs on" {
	local who
	spawner_start "$(plain 1.19)"
	for who in tracer limiter; do
		limit 500 120
		kill -KILL "${!who}"
		eventually 20 untraced
		eventually 20 exceeds 5000
		stop "$limiter"
	done
	did_all_its_work
}

# left_alone TRACER COMMAND...: what COMMAND, given the process, traces is left to it, and what we trace to us.
left_alone() {
	local theirs
	command -v "$1" >/dev/null || skip "$1 is not installed"
	spawner_start "$(plain 1.19)" # a release that Debian's delve knows
	start "$@" "$spawner" >"$BATS_TEST_TMPDIR/tracer.out" 2>&1
	eventually 20 traced
	theirs=$tracer
	eventually 20 exceeds 10000 # it has done with stopping it
	gomemctl throttle "$spawner" --rate 1000/s --for 5s
	[ "$status" -eq 1 ] || fail "exit $status" "$output" "$errors"
	[[ $errors == *"is traced by process $theirs"* ]] || fail "does not say by whom: $errors"
	traced && [ "$tracer" = "$theirs" ] || fail "$tracer traces it now"
	# Nor does a second one of ours, or theirs again, take it from the first.
	stop "$started"
	eventually 20 untraced
	limit 1000 60
	gomemctl throttle "$spawner" --rate 2000/s --for 5s
	[ "$status" -eq 1 ] && [[ $errors == *"is traced by process $tracer"* ]] || fail "exit $status" "$errors"
	! timeout 30 "$@" "$spawner" >"$BATS_TEST_TMPDIR/second.out" 2>&1 </dev/null || fail "it took the process from us"
	stop "$limiter"
	did_all_its_work
}

@test "a process that strace traces is left to it" {
	left_alone strace -f -qq -e trace=none -o "$BATS_TEST_TMPDIR/strace" -p
}

@test "a process that delve debugs is left to it" {
	left_alone dlv --headless --continue --accept-multiclient --check-go-version=false --listen=127.0.0.1:0 attach
}

@test "without the rights it says so and touches nothing" {
	spawner_start "$(plain 1.27)"
	output=$(setpriv --inh-caps=-bpf,-sys_admin,-perfmon --bounding-set=-bpf,-sys_admin,-perfmon \
		"$gomemctl" throttle "$spawner" --rate 1000/s --for 5s 2>&1) && fail "it is limited: $output"
	[[ $output == *"unsupported here"* && $output == *CAP_BPF* ]] || fail "$output"
	untraced
	exceeds 10000
}

@test "a program that is stopped stays so, and goes on limited" {
	spawner_start "$(plain 1.27)"
	limit 2000 90
	kill -STOP "$spawner"
	eventually 20 in_group_stop
	kill -CONT "$spawner"
	eventually $((4 * span)) reaches 2000
	stop "$limiter"
	did_all_its_work
}

# Held in a stop that its tracer listens to, which /proc shows as a trace.
in_group_stop() {
	! grep -h '^State:' "/proc/$spawner"/task/*/status | grep -qvE 'T \(stopped\)|t \(tracing stop\)' &&
		! exceeds_nothing
}

exceeds_nothing() {
	local before
	before=$(awk '{ print $14 + $15 }' "/proc/$spawner/stat")
	wait_seconds 0.2 # in which whoever runs uses the CPU
	[ "$(awk '{ print $14 + $15 }' "/proc/$spawner/stat")" != "$before" ]
}

@test "what it becomes by an exec is not limited" {
	spawner_start "$(built spawner 1.24 | grep -e -stripped)"
	limit 2000 90
	ask exec
	[ "$reply" = ready ] || fail "$reply"
	eventually 20 untraced
	eventually 20 exceeds 10000
	eventually 20 dead "$limiter"
	output=$(cat "$limit_output")
	holds '.outcome == "gone"'
	did_all_its_work
}

@test "for ten minutes every goroutine does its work" {
	local version
	[ -n "${SOAK:-}" ] || skip "SOAK=1 has the time for it"
	for version in $versions; do
		spawner_start "$(plain "$version")"
		limit 20000 $((600 / $(wc -w <<<"$versions")))
		eventually 700 dead "$limiter"
		output=$(cat "$limit_output")
		holds '.outcome == "limited" and (.reached_per_second - 20000 | fabs) < 1000'
		did_all_its_work
		publisher_stop
	done
}
