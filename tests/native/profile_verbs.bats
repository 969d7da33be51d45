#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# gomemctl heap and gomemctl goroutines: what the program's own profiles add up to, without its help.

load lib.bash
load profile.bash

setup_file() {
	build_witness
	build_as plain publisher
}

teardown() {
	stop_all
}

# Sums of truncated estimates: within one for each stack.
sites_agree() {
	tell heap "$home/said.raw"
	sites_of "$home/said.raw" "$1" >"$home/said"
	gomemctl heap "$witness" --json --top 1000
	[ "$status" -eq 0 ] || fail "exit $status" "$errors"
	holds '.schema == 1 and .pid == $pid and .profiling == "on" and .published and (.torn | not)' --argjson pid "$witness"
	holds '.mem_profile_rate == $rate and .left_out == 0 and .site_count == (.sites | length)' --argjson rate "$1"
	jq -r '.sites[] | select(.alloc_bytes > 0) | [.function, "\(.file):\(.line)", .inuse_bytes, .alloc_bytes] | @tsv' \
		<<<"$output" | sort >"$home/got"
	[ "$(wc -l <"$home/got")" -ge 6 ] || fail "only $(cat "$home/got")"
	join -t $'\t' -a 1 -a 2 -e none -o 0,1.2,1.3,2.2,2.3 <(key "$home/said") <(key "$home/got") |
		awk -F '\t' '
			function far(a, b) { return a == "none" || b == "none" || a - b > 64 || b - a > 64 }
			far($2, $4) || far($3, $5) { print "told " $2 " of " $3 ", read " $4 " of " $5 ": " $1; bad++ }
			END { exit bad > 0 }
		' || fail "$(cat "$home/said")"
}

key() {
	awk -F '\t' -v OFS='\t' '{ print $1 " " $2, $3, $4 }' "$1" | sort -t $'\t' -k 1,1
}

heap_agrees() {
	local program
	for program in $(built witness "$1"); do
		echo "# $program"
		witness_start env GOGC=off "$program" -rate 8192
		sites_agree 0
		tell rate 524288
		sites_agree 524288
		holds '[.sites[] | select(.function == "main.siteLarge")][0].callers[0].function == "main.allocate"'
		holds '.sites == (.sites | sort_by(-.inuse_bytes))'
		gomemctl heap "$witness" --top 3
		grep -q '^in use .* one in 524288 bytes$' <<<"$output" || fail "$output"
		[ "$(grep -c 'main.go:' <<<"$output")" -ge 4 ] || fail "$output"
		stop_all
	done
}

@test "Go 1.19: heap says where the program's own profile says" { heap_agrees 1.19; }
@test "Go 1.21: heap says where the program's own profile says" { heap_agrees 1.21; }
@test "Go 1.22: heap says where the program's own profile says" { heap_agrees 1.22; }
@test "Go 1.23: heap says where the program's own profile says" { heap_agrees 1.23; }
@test "Go 1.24: heap says where the program's own profile says" { heap_agrees 1.24; }
@test "Go 1.25: heap says where the program's own profile says" { heap_agrees 1.25; }
@test "Go 1.26: heap says where the program's own profile says" { heap_agrees 1.26; }
@test "Go 1.27: heap says where the program's own profile says" { heap_agrees 1.27; }

parked() {
	gomemctl goroutines "$witness" --json
	[ "$status" -eq 0 ] && jq -e --argjson n "$1" \
		'[.groups[] | select(.function == "main.waitSelect" and .doing == "select" and .count == $n)] | length == 1' \
		<<<"$output"
}

@test "goroutines are counted by what they do and where they began" {
	local program
	for program in $(built witness 1.24); do
		witness_start "$program" -parked 20
		eventually 30 parked 20
		holds '.goroutines == .counted and .unreadable == 0 and .left_out == 0 and .system > 0'
		holds '([.groups[] | select(.runtime | not) | .count] | add) == .goroutines'
		holds '([.groups[] | select(.runtime) | .count] | add) == .system'
		gomemctl goroutines "$witness" --top 2
		grep -q '^20 .* main\.wait.* \./main\.go:[0-9]* *\./main\.go:[0-9]*$' <<<"$output" || fail "$output"
		grep -q '^GOROUTINES .* STARTED AT$' <<<"$output" || fail "$output"
		stop_all
	done
}

@test "a program without heap profiling is told as such, and its goroutines are told" {
	publisher_start "$(built publisher 1.27)" -goroutines 30
	gomemctl heap "$publisher" --json
	[ "$status" -eq 0 ]
	holds '.profiling == "off" and .sites == []'
	gomemctl heap "$publisher"
	grep -q 'linker' <<<"$output" || fail "$output"
	gomemctl goroutines "$publisher" --json
	holds '[.groups[] | select(.doing == "chan receive" and .count == 30)] | length == 1'
}

@test "what is no Go program, or none at all, is refused" {
	start sleep 600
	local verb
	for verb in heap goroutines; do
		gomemctl "$verb" "$started" --json
		[ "$status" -eq 2 ] && [ -z "$output" ] && [[ $errors == *moduledata* ]] || fail "$verb: $status $output $errors"
		gomemctl "$verb" 999999999
		[ "$status" -eq 2 ] && [[ $errors == *gone* ]] || fail "$verb: $status $errors"
		gomemctl "$verb"
		[ "$status" -eq 2 ]
		gomemctl "$verb" "$started" --top 0
		[ "$status" -eq 2 ]
	done
}
