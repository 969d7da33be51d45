#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# A live write is obeyed: GOGC at once, the soft limit within a cycle, and both are given back. The oracles are the
# program's own metrics and the kernel's resident size.

load lib.bash

setup_file() {
	build srv 1.19 1.22 1.24 1.27
	build execstorm 1.19 1.22 1.24 1.27
}

teardown() {
	stop_all
}

write() {
	"$top/build/tests/native-write" "$@"
}

# figure KEY: of probe, of the program that was started.
figure() {
	"$gomemctl" probe "$started" --json | jq -r ".$1"
}

figure_below() {
	[ "$(figure "$1")" -lt "$2" ]
}

anon_kib() {
	awk '$1 == "RssAnon:" { print $2 }' "/proc/$started/status"
}

anon_below() {
	[ "$(anon_kib)" -lt "$1" ]
}

anon_above() {
	[ "$(anon_kib)" -gt "$1" ]
}

is_ready() {
	grep -q ready "$BATS_TEST_TMPDIR/out"
}

# collected N: N cycles have ended since the count in $cycles.
collected() {
	[ "$(figure num_gc)" -ge $((cycles + $1)) ]
}

obeyed() {
	local program
	program=$(built srv "$1" | head -n 1)
	start "$program" -live 200 -garbage 200 >"$BATS_TEST_TMPDIR/out"
	eventually 60 is_ready
	cycles=$(figure num_gc)
	eventually 60 collected 2
	eventually 60 anon_above 300000

	# GOGC: the very next goal is the new one, before any cycle has ended.
	write "$started" gogc 20 | jq -e '.holds'
	# Both of one look: a cycle may end between two.
	probe "$started"
	holds '.gc_percent_goal_bytes < 1.25 * .heap_marked_bytes'
	eventually 60 anon_below 330000
	write "$started" gogc 100 | jq -e '.holds'
	eventually 60 anon_above 340000

	# The soft limit: anon comes under it within seconds, and returns when it is lifted.
	write "$started" soft_limit $((270 << 20)) | jq -e '.holds'
	eventually 60 anon_below $((285 << 10))
	write "$started" soft_limit 9223372036854775807 | jq -e '.holds'
	eventually 60 anon_above $((300 << 10))

	write "$started" madvdontneed 0 | jq -e '.holds'
	[ "$(figure madvdontneed)" = false ]
}

@test "Go 1.19: a live write is obeyed and taken back" { obeyed 1.19; }
@test "Go 1.22: a live write is obeyed and taken back" { obeyed 1.22; }
@test "Go 1.24: a live write is obeyed and taken back" { obeyed 1.24; }
@test "Go 1.27: a live write is obeyed and taken back" { obeyed 1.27; }

# The target execs all the time while it is being written to; the canary words of the other image must not change.
storm() {
	local version=$1 marker=$BATS_TEST_TMPDIR/marker n=${STORM_WRITES:-250}
	[ -z "${SOAK:-}" ] || n=25000
	start "$programs_dir/execstorm-$version" -rounds 100000 -canary "$programs_dir/canary-$version" \
		-marker "$marker" -image "$BATS_TEST_TMPDIR/image" >"$BATS_TEST_TMPDIR/storm" 2>&1
	write "$started" soft_limit 123456789012 "$n" >"$BATS_TEST_TMPDIR/writes"
	write "$started" gogc 77 "$n" >>"$BATS_TEST_TMPDIR/writes"
	cat "$BATS_TEST_TMPDIR/writes"
	[ ! -e "$marker" ] || fail "$(cat "$marker")"
	alive "$started" || fail "it died of it" "$(cat "$BATS_TEST_TMPDIR/storm")"
	jq -se 'map(.done) | add > 0' "$BATS_TEST_TMPDIR/writes" >/dev/null || fail "not one write met the Go image"
}

@test "Go 1.19: an exec storm is written to and no other image is touched" { storm 1.19; }
@test "Go 1.22: an exec storm is written to and no other image is touched" { storm 1.22; }
@test "Go 1.24: an exec storm is written to and no other image is touched" { storm 1.24; }
@test "Go 1.27: an exec storm is written to and no other image is touched" { storm 1.27; }

has_collected() {
	[ "$("$gomemctl" probe "$1" --json | jq .num_gc)" -ge "$2" ]
}

# Nothing is allocated, so that every collection is one that the time has forced. Asleep, the runtime looks at its own period
# every minute.
@test "Go 1.19 to 1.27: an idle program is made to collect sooner" {
	local version pid pids=() before=()
	for version in 1.19 1.22 1.24 1.27; do
		start "$(built srv "$version" | head -n 1)" -live 5 -idle >"$BATS_TEST_TMPDIR/out"
		eventually 60 is_ready
		pids+=("$started")
		before+=("$(figure num_gc)")
		write "$started" gc_period 2000000000 | jq -e '.holds'
	done
	for pid in "${pids[@]}"; do
		eventually 120 has_collected "$pid" $((before[0] + 3))
		before=("${before[@]:1}")
	done
}
