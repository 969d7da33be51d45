#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # the variables of lib.bash
#
# What goroutines wait for, where they began, which go statement made them and how many there are is what the program's
# own dump of them says, for every Go release; and their stacks are what the program counts as such.

load lib.bash
load profile.bash

setup_file() {
	build_witness
}

teardown() {
	stop_all
}

# The program's dump as "what it does, where it began, what made it, at which line, how many". The one that dumps runs
# just then, and waits for a command else; what the runtime itself made is told without that.
dumped() {
	awk '
		function told() { if (name != "") n[doing "\t" name "\t" made]++; name = "" }
		/^goroutine [0-9]+ .*\[/ {
			told()
			doing = $0; sub(/^[^[]*\[/, "", doing); sub(/[],].*/, "", doing)
			begun = 0; made = "?\t?"; next
		}
		/^created by / { begun = 1; made = $3; next }
		begun == 1 && /^\t/ { begun = 2; made = made "\t" $1; next }
		/^[^\t ].*\)$/ && !begun { name = $0; sub(/\([^()]*\)$/, "", name) }
		END { told(); for (what in n) print what "\t" n[what] }
	' "$1" | sed 's/^running\tmain\.main\t/syscall\tmain.main\t/' | fold_type_arguments 3 | summed
}

# Of lines that differ in their last field alone.
summed() {
	awk -F '\t' '{ k = $0; sub(/\t[0-9]*$/, "", k); n[k] += $NF } END { for (k in n) print k "\t" n[k] }' | sort
}

# Where arguments are passed a function of the compiler's is what `go` was said to.
as_dumped() {
	awk -F '\t' -v OFS='\t' '
		$2 ~ /^main\.park(Sum)?\./ { $2 = "main.waitClosure" }
		$2 == "runtime.main" { $2 = "main.main" }
		$3 ~ /^runtime\./ { $3 = $4 = "?" }
		1
	' | fold_type_arguments 3 | summed
}

read_from_outside() {
	"$profile" goroutines "$witness" >"$home/got.raw" 2>"$home/header"
	grep -P '\t' "$home/got.raw" | as_dumped >"$home/got"
}

same() {
	tell goroutines "$home/said.raw"
	dumped "$home/said.raw" >"$home/said"
	read_from_outside
	diff "$home/said" "$home/got"
}

# eventually: what was started last may not be waiting yet.
goroutines_agree() {
	local said
	eventually 30 same || return 1
	[ "$(wc -l <"$home/got")" -ge 17 ] || fail "only $(wc -l <"$home/got") groups" "$(cat "$home/got")"
	said=$(sed -n 's/^count //p' "$home/said.raw")
	grep -qx "count $said" "$home/got.raw" && grep -qx "formula $said" "$home/got.raw" ||
		fail "runtime.NumGoroutine says $said:" "$(head -n 2 "$home/got.raw")"
	grep -q 'unreadable 0$' "$home/header" || fail "$(cat "$home/header")"
}

# What the verb says of it.
verb_agrees() {
	gomemctl goroutines "$witness" --json "$@"
	[ "$status" -eq 0 ] || fail "exit $status" "$errors"
	jq -r '.groups[] | select(.runtime | not) |
		[.doing, .function, .created.function, "\(.created.file):\(.created.line)", .count] | @tsv' \
		<<<"$output" | as_dumped | diff "$home/said" -
}

# The runtime counts spans: those of free stacks too, and those of its threads.
stacks_agree() {
	local said got
	said=$(sed -n 's/^stack //p' "$home/said.raw")
	got=$(sed -n 's/^stack //p' "$home/got.raw")
	[ "$got" -le "$said" ] && [ "$got" -ge $((said * 4 / 5)) ] || fail "stacks hold $got of $said bytes"
	# A megabyte is used, so two are held.
	gomemctl goroutines "$witness" --json
	holds '[.groups[] | select(.function == "main.waitDeep") | [.count, .stack_bytes]] == [[4, 8388608]]'
}

agree() {
	local program
	for program in $(built witness "$1"); do
		echo "# $program"
		witness_start env GOGC=off "$program"
		goroutines_agree
		# The list has grown and moved; some of these were others before.
		tell stacks "$home/stacks"
		tell park 100
		goroutines_agree
		[ "$(awk '{ n += $NF } END { print n }' "$home/got")" -gt 1800 ] || fail "$(cat "$home/got")"
		eventually 30 verb_agrees
		eventually 30 verb_agrees --blocked
		stacks_agree
		stop_all
	done
}

@test "Go 1.19: goroutines wait and began where the program says" { agree 1.19; }
@test "Go 1.21: goroutines wait and began where the program says" { agree 1.21; }
@test "Go 1.22: goroutines wait and began where the program says" { agree 1.22; }
@test "Go 1.23: goroutines wait and began where the program says" { agree 1.23; }
@test "Go 1.24: goroutines wait and began where the program says" { agree 1.24; }
@test "Go 1.25: goroutines wait and began where the program says" { agree 1.25; }
@test "Go 1.26: goroutines wait and began where the program says" { agree 1.26; }
@test "Go 1.27: goroutines wait and began where the program says" { agree 1.27; }
