#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# gomemctl allocs hears where a program allocates; what its own /debug/pprof/allocs has counted meanwhile says whether
# that is so.

load lib.bash
load profile.bash
load allocs.bash

setup_file() {
	build_as "plain stripped pie" allocator 1.19 1.22 1.24 1.27
}

teardown() {
	stop_all
}

# What the program's own profile gained between two looks: site, bytes, share.
gained() {
	sites_of "$1" 16384 | sort -t $'\t' -k 1,2 >"$home/first"
	sites_of "$2" 16384 | sort -t $'\t' -k 1,2 | awk -F '\t' -v OFS='\t' -v first="$home/first" '
		BEGIN { while ((getline <first) > 0) before[$1 " " $2] = $4 }
		{ site = $1 " " $2; bytes[site] = $4 - before[site]; all += bytes[site] }
		END { for (s in bytes) if (bytes[s] > 0) print s, bytes[s], bytes[s] / all }
	' | sort -t $'\t' -k 2,2 -rn
}

# Sites over 1,000 samples within 5 points, and the first four are the same four.
shares_agree() {
	gained "$home/before" "$home/after" >"$home/said"
	jq -r '.sites[] | ["\(.function) \(.file):\(.line)", .share, .samples] | @tsv' <<<"$output" >"$home/got"
	awk -F '\t' '
		FNR == NR { share[$1] = $3; next }
		$3 < 1000 { next }
		{ d = $2 - share[$1]; n++; if (d > .05 || d < -.05) { print "heard " $2 ", counted " share[$1] + 0 ": " $1; bad++ } }
		END { if (n < 3) print "only " n + 0 " sites have 1000 samples"; exit bad || n < 3 }
	' "$home/said" "$home/got" || fail "$(head -n 12 "$home/said")" "$(cat "$home/got")"
	diff <(head -n 4 "$home/said" | cut -f 1 | sort) <(head -n 4 "$home/got" | cut -f 1 | sort) ||
		fail "not the same four:" "$(head -n 12 "$home/said")" "$(cat "$home/got")"
}

# Twice off is off, however the machine is busy: what was heard a second, and what MemStats counted meanwhile.
rate_agrees() {
	holds '.bytes_per_second > $counted / 2 and .bytes_per_second < $counted * 2' --argjson counted "$(rate_of "$1" "$2")"
}

allocs_agree() {
	local program started_at ended_at
	for program in $(built allocator "$1"); do
		echo "# $program"
		witness_start "$program"
		tell heap "$home/before"
		started_at=$(total)
		gomemctl allocs "$witness" --for 6s --top 30 --json
		ended_at=$(total)
		tell heap "$home/after"
		[ "$status" -eq 0 ] || fail "exit $status" "$errors"
		holds '.schema == 1 and .pid == $pid and .lost == 0 and .left_out == 0 and (.guarded | not) and .rate == 16384
			and .sampler == "profile" and .why_spans == null and .observed == 1 and .cost == null' \
			--argjson pid "$witness"
		shares_agree
		rate_agrees "$started_at" "$ended_at"
		classes_agree
		# It was built to allocate 4 : 2 : 1 at these, each inlined into the one around it.
		holds '[.sites[] | select(.function == "main.four").bytes] as [$four]
			| [.sites[] | select(.function == "main.two").bytes] as [$two]
			| ([.sites[] | select(.function == "main.one").bytes] | add) as $one
			| ($four / $two | . > 1.7 and . < 2.3) and ($two / $one | . > 1.6 and . < 2.4)'
		holds '.sites[0].callers[:3] | map(.function) == ["main.middle", "main.round", "main.allocate"]'
		holds '(.sites == (.sites | sort_by(-.bytes))) and (([.sites[].samples] | add) == .samples)'
		stop_all
	done
}

@test "Go 1.19: allocs hears what the program's own profile counts" { allocs_agree 1.19; }
@test "Go 1.22: allocs hears what the program's own profile counts" { allocs_agree 1.22; }
@test "Go 1.24: allocs hears what the program's own profile counts" { allocs_agree 1.24; }
@test "Go 1.27: allocs hears what the program's own profile counts" { allocs_agree 1.27; }

@test "allocs prints a line a site for a person" {
	witness_start "$(built allocator 1.24 | head -n 1)"
	gomemctl allocs "$witness" --for 1s --top 2
	[ "$status" -eq 0 ] || fail "exit $status" "$errors"
	grep -qE '^[0-9.]+[KM] a second over [0-9.]+ s, from [0-9]+ samples, one in 16384 bytes$' <<<"$output" || fail "$output"
	grep -qE ' slice-made +uint8 +main.four +[^ ]*main.go:[0-9]+$' <<<"$output" || fail "$output"
	[ "$(grep -c 'main.go:' <<<"$output")" -eq 2 ] || fail "$output"
}

@test "a sampler that is too busy is left alone after its first second" {
	witness_start "$(built allocator 1.24 | head -n 1)" -rate 1 -rounds 20
	gomemctl allocs "$witness" --for 5s --json
	[ "$status" -eq 0 ] || fail "exit $status" "$errors"
	holds '.guarded and .rate == 1 and .samples + .lost <= 10000 and .seconds < 5'
}

@test "what cannot be listened to is refused" {
	start sleep 60
	gomemctl allocs "$started" --for 1s
	[ "$status" -eq 2 ] || fail "exit $status" "$errors"
	gomemctl allocs nobody --for 1s
	[ "$status" -eq 2 ] || fail "exit $status" "$errors"
	gomemctl allocs $$
	[ "$status" -eq 2 ] || fail "exit $status" "$errors"
}
