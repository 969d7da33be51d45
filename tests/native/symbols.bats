#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # the variables of lib.bash
#
# Addresses become the calls that the program's own runtime names for them, inlined ones included, and types what
# fmt calls them: for every Go release, stripped and moved in memory too.

load lib.bash
load profile.bash

setup_file() {
	build_witness
}

teardown() {
	stop_all
}

# One call to each address, as runtime.CallersFrames has them.
calls_agree() {
	local said=$home/stacks got=$home/calls
	tell stacks "$said.raw"
	grep . "$said.raw" | fold_type_arguments 3 >"$said"
	[ "$(wc -l <"$said")" -gt 300 ] || fail "only $(wc -l <"$said") calls were told"
	[ "$(cut -f3 "$said" | grep -c inlined)" -gt 20 ] || fail "hardly a call of them is inlined"
	cut -f1 "$said" | "$profile" calls "$witness" | fold_type_arguments 3 >"$got"
	diff "$said" "$got" >"$home/difference" || fail "told < and resolved >:" "$(head -n 20 "$home/difference")"
}

# All calls at the innermost address of a machine function are what the runtime gives an address each: expanded, the
# first address of each stack, and each that follows the last inlined call, gives those that stand behind it.
expansions_agree() {
	local said=$home/stacks got=$home/expanded
	cut -f1 "$said" | "$profile" expand "$witness" | fold_type_arguments 3 >"$got"
	awk -F '\t' '
		FNR == NR { told[++n] = $2 FS $3 FS $4 FS $5; next }
		BEGIN { at = 1; off = 0 }
		/^$/ { at++; off = 0; next }
		{
			if (told[at + off] != $2 FS $3 FS $4 FS $5) {
				print "call " at " + " off ": told " told[at + off] ", expanded " $0
				bad++
			}
			deepest = off > deepest ? off : deepest
			off++
		}
		END { if (deepest < 2) { print "nothing is inlined twice"; bad++ } exit bad > 0 }
	' "$said" "$got" >"$home/difference" || fail "$(head -n 20 "$home/difference")"
}

types_agree() {
	tell types "$home/types"
	[ "$(wc -l <"$home/types")" -gt 30 ] || fail "only $(wc -l <"$home/types") types were told"
	cut -f1 "$home/types" | "$profile" types "$witness" >"$home/resolved"
	diff "$home/types" "$home/resolved" || fail "told < and resolved >"
}

# What is no type, and what is no code, is refused and not guessed.
nothing_is_made_up() {
	local first last
	first=$(cut -f1 "$home/types" | sort | head -n 1)
	printf '%s\n' 0 1 c000000000 ffffffffffffffff "${first%?}1" | "$profile" types "$witness" >"$home/none"
	[ "$(grep -c 'none$' "$home/none")" -eq 5 ] || fail "taken for types:" "$(cat "$home/none")"
	last=$(printf '%s\n' 0 1 c000000000 ffffffffffffffff | "$profile" calls "$witness" | grep -c 'error 48$')
	[ "$last" -eq 4 ] || fail "taken for code"
}

agree() {
	local program
	for program in $(built witness "$1"); do
		echo "# $program"
		witness_start env GOGC=off "$program"
		calls_agree
		expansions_agree
		types_agree
		nothing_is_made_up
		stop_all
	done
}

@test "Go 1.19: calls, inlined calls and types are as the runtime names them" { agree 1.19; }
@test "Go 1.21: calls, inlined calls and types are as the runtime names them" { agree 1.21; }
@test "Go 1.22: calls, inlined calls and types are as the runtime names them" { agree 1.22; }
@test "Go 1.23: calls, inlined calls and types are as the runtime names them" { agree 1.23; }
@test "Go 1.24: calls, inlined calls and types are as the runtime names them" { agree 1.24; }
@test "Go 1.25: calls, inlined calls and types are as the runtime names them" { agree 1.25; }
@test "Go 1.26: calls, inlined calls and types are as the runtime names them" { agree 1.26; }
@test "Go 1.27: calls, inlined calls and types are as the runtime names them" { agree 1.27; }

# Go's own tools read the file's tables, ours the process's memory: 2000 addresses over the whole text.
tools_agree() {
	local program pcs=$BATS_TEST_TMPDIR/pcs goroot
	goroot=$("$top/tests/lib/toolchain.sh" "$1")
	program=$(built witness "$1" | grep 'plain$')
	witness_start env GOGC=off "$program"
	nm "$program" | awk 'tolower($2) == "t" && $3 !~ /^(_|runtime\.(e?text|etypes))/ { print $1 }' |
		awk '{ print "0x" $1 }' | awk 'NR % 4 == 1' | head -n 2000 >"$pcs.entries"
	while read -r entry; do printf '0x%x\n' $((entry)) $((entry + 9)); done <"$pcs.entries" >"$pcs"
	env -i PATH="$PATH" HOME="$BATS_TEST_TMPDIR" GOROOT="$goroot" GOTOOLCHAIN=local GOFLAGS=-mod=mod GOPROXY=off \
		GOCACHE="$cache/gocache" "$goroot/bin/go" tool addr2line "$program" <"$pcs" | paste - - >"$pcs.said"
	"$profile" entries "$witness" <"$pcs" | awk -F '\t' '{ print $4 ":" $5 }' >"$pcs.got"
	[ "$(wc -l <"$pcs.got")" -gt 1000 ] || fail "only $(wc -l <"$pcs.got") addresses"
	cut -f2- "$pcs.said" | sed 's/^:-1$/?:0/' >"$pcs.lines" # padding behind a function
	diff "$pcs.lines" "$pcs.got" >"$home/difference" || fail "told < and resolved >:" "$(head -n 20 "$home/difference")"
}

@test "Go 1.19: go tool addr2line says the same lines" { tools_agree 1.19; }
@test "Go 1.24: go tool addr2line says the same lines" { tools_agree 1.24; }
@test "Go 1.27: go tool addr2line says the same lines" { tools_agree 1.27; }
