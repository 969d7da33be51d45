#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# Go 1.20, of which Debian has no toolchain: esbuild's packages of two releases. Its own words are the oracle: the
# settings it was started with, a line for each collection (GODEBUG=gctrace=1), and, when it is told to quit, a
# list of its goroutines.

load lib.bash

setup() {
	home=$BATS_TEST_TMPDIR/home
	mkdir "$home"
	words=$home/words
}

teardown() {
	stop_all
}

collections() {
	grep -c '^gc [0-9]* @' "$words" || true
}

# A change makes it build again, which takes collections; it looks for changes every few seconds, and passes over
# what is changed all the time.
collected() {
	[ "$(collections)" -lt "$1" ] || return 0
	[ "$SECONDS" -ge "${next_change:-0}" ] || return 1
	printf '// %s\n' "$RANDOM" >>"$home/in.js"
	next_change=$((SECONDS + 4))
	return 1
}

rebuild() {
	eventually 60 collected $(($(collections) + 1))
}

# at_rest: a probe with no collection before or after that it does not know of.
at_rest() {
	local before
	before=$(collections)
	probe "$started"
	[ "$before" -eq "$(collections)" ] && [ "$(jq .num_gc <<<"$output")" -eq "$before" ]
}

# trace FIELD: of the last collection that the probe knows: the live heap, in MiB, and Ps; pauses of all, in ms.
trace() {
	local n
	n=$(jq .num_gc <<<"$output")
	grep '^gc [0-9]* @' "$words" | head -n "$n" | awk -v want="$1" '
		{
			split($5, clock, "+")
			pauses += clock[1] + clock[3]
			for (i = 1; i <= NF; i++) {
				if ($i ~ /->.*->/) { split($i, heap, "->"); live = heap[3] }
				if ($i == "P") procs = $(i - 1)
			}
		}
		END { print want == "live" ? live : want == "procs" ? procs : pauses }'
}

# User goroutines, as a Go program lists them when it is told to quit: the runtime's own are made by it.
listed_goroutines() {
	awk '/^goroutine [1-9][0-9]* / { n++ } /^created by runtime[.]/ { n-- } END { print n }' "$words"
}

quits() {
	grep -q '^SIGQUIT' "$words" && dead "$started"
}

go_120() {
	local release=$1 version=$2 program i goal cycles
	command -v npm >/dev/null || skip "npm, which has programs of Go 1.20, is not installed"
	program=$("$BATS_TEST_DIRNAME/old-go.sh" "$release") || skip "the package registry does not have it or is not reached"
	mkfifo "$BATS_TEST_TMPDIR/never"
	for ((i = 0; i < 20000; i++)); do
		printf 'export function f%d(a, b) { return a * %d + b.map(x => x + %d).join("-") }\n' "$i" "$i" "$i"
	done >"$home/in.js"
	# It watches until its input ends.
	start env GOGC=137 GOMEMLIMIT=1234567890 GODEBUG=gctrace=1 "$program" "$home/in.js" --watch \
		--outfile="$home/out.js" <>"$BATS_TEST_TMPDIR/never" >"$words" 2>&1
	eventually 60 test -s "$home/out.js"
	for ((i = 0; i < 3; i++)); do rebuild; done
	eventually 60 at_rest
	holds '.go_version == $version and .gogc == 137 and .memory_limit_bytes == 1234567890' --arg version "$version"
	holds '.layout == "go1.20/gcController+72" and all(.gates[]; .ok) and .runtime_count == 1'
	holds '(.heap_marked_bytes / 1048576 | floor) == $live' --argjson live "$(trace live)"
	holds '.gomaxprocs == $procs' --argjson procs "$(trace procs)"
	# Printed to two or three digits, and without the way into the pause and out of it.
	holds '.pause_total_ns / 1e6 | . > $sum * 0.9 and . < $sum * 1.3 + 1' --argjson sum "$(trace pauses)"
	# The next collection says what its goal was.
	cycles=$(jq .num_gc <<<"$output")
	goal=$(jq '.heap_goal_bytes / 1048576 | floor' <<<"$output")
	rebuild
	grep -qE "^gc $((cycles + 1)) @.* $goal MB goal" "$words" ||
		fail "the goal was not $goal MB: $(grep "^gc $((cycles + 1)) " "$words")"
	# What it lists is what it had when it was stopped.
	kill -STOP "$started"
	eventually 10 stopped "$started"
	probe "$started"
	kill -QUIT "$started"
	kill -CONT "$started"
	eventually 20 quits
	holds '.goroutines == $listed' --argjson listed "$(listed_goroutines)" || fail "$(grep ^goroutine "$words")"
}

@test "Go 1.20.1 agrees with what it says of its collections and goroutines" { go_120 0.17.11 go1.20.1; }
@test "Go 1.20.5 agrees with what it says of its collections and goroutines" { go_120 0.18.11 go1.20.5; }
