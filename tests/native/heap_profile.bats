#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # the variables of lib.bash
#
# The heap profile read from memory is the one that the program itself prints, number by number, for every Go release.

load lib.bash
load profile.bash

setup_file() {
	build_witness
	build_as plain publisher
}

teardown() {
	stop_all
}

# Both without the stacks that have nothing to tell; those that the telling itself adds are such.
profiles_agree() {
	"$profile" heap "$witness" 2>"$home/header" | grep -v '^0: 0 \[0: 0\]' | sort >"$home/got"
	tell heap "$home/said.raw"
	grep -E '^[0-9]+: [0-9]+ \[[0-9]+: [0-9]+\] @' "$home/said.raw" | grep -v '^0: 0 \[0: 0\]' | sort >"$home/said"
	[ "$(wc -l <"$home/said")" -ge "$1" ] || fail "only $(wc -l <"$home/said") stacks were told"
	diff "$home/said" "$home/got" >"$home/difference" ||
		fail "told < and read >:" "$(head -n 20 "$home/difference")" "$(cat "$home/header")"
}

header_says() {
	grep -qE "$1" "$home/header" || fail "no '$1' in: $(cat "$home/header")"
}

agree() {
	local program
	for program in $(built witness "$1"); do
		echo "# $program"
		# Every allocation is sampled: hundreds of stacks; then what is published changes with each collection.
		witness_start env GOGC=off "$program" -rate 1
		profiles_agree 20
		header_says '^rate 0 .* published left out 0$'
		tell collect
		profiles_agree 20
		stop_all

		# As it is by default, while nothing has been collected, and after. Each P samples once more after the rate has
		# changed, and all samples count here: one P has done so before it is ready.
		witness_start env GOGC=off GOMAXPROCS=1 "$program" -collect=false -sites 200
		profiles_agree 5
		header_says '^rate 0 buckets [0-9]+ left out 0$'
		tell rate 524288
		tell collect
		profiles_agree 5
		header_says '^rate 524288 .* published left out 0$'
		stop_all
	done
}

@test "Go 1.19: the heap profile is the program's own" { agree 1.19; }
@test "Go 1.21: the heap profile is the program's own" { agree 1.21; }
@test "Go 1.22: the heap profile is the program's own" { agree 1.22; }
@test "Go 1.23: the heap profile is the program's own" { agree 1.23; }
@test "Go 1.24: the heap profile is the program's own" { agree 1.24; }
@test "Go 1.25: the heap profile is the program's own" { agree 1.25; }
@test "Go 1.26: the heap profile is the program's own" { agree 1.26; }
@test "Go 1.27: the heap profile is the program's own" { agree 1.27; }

@test "where the linker has switched profiling off, that is what is said" {
	local version program
	for version in $(go_versions); do
		program=$(built publisher "$version")
		publisher_start "$program"
		[ "$("$profile" heap "$publisher")" = off ] || fail "$program: $("$profile" heap "$publisher" | head -n 3)"
		publisher_stop
	done
}
