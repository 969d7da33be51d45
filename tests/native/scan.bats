#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# `gomemctl scan` finds every Go process of the machine, and nothing that is none.

load lib.bash

setup_file() {
	build publisher 1.19 1.24 1.27
	build srv 1.22
	"$top/tests/lib/build-programs.sh" --program forged --program fuse-block "$programs_dir"
}

teardown() {
	stop_all
	[ -z "${mountpoint:-}" ] || ! mountpoint -q "$mountpoint" || umount -l "$mountpoint"
}

scan() {
	gomemctl scan --json
	[ "$status" -eq 0 ] || fail "scan: exit $status" "$errors"
	holds '.schema == 1 and (.processes | type) == "array"'
}

# listed PID FILTER: has one row, of which FILTER holds.
listed() {
	holds "[.processes[] | select(.pid == \$pid)] | length == 1 and (.[0] | has(\"error\") | not) and (.[0] | $2)" \
		--argjson pid "$1"
}

not_listed() {
	holds 'all(.processes[]; .pid != $pid)' --argjson pid "$1"
}

@test "each Go program is listed with its figures, bash and sleep are not" {
	local version program sleeper pids=()
	for version in 1.19 1.24 1.27; do
		program=$(built publisher "$version" | head -n 1)
		publisher_start env GOGC=137 GOMEMLIMIT=1234567890 "$program"
		pids+=("$publisher")
	done
	start_ready "$(built srv 1.22 | head -n 1)" -live 20 -garbage 20
	pids+=("$started")
	start sleep 600
	sleeper=$started
	# What is live is what the last collection has marked.
	marked() { scan && listed "${pids[3]}" '.heap_live_bytes > 20000000'; }
	eventually 30 marked
	for program in "${pids[@]:0:3}"; do
		listed "$program" '.gogc == 137 and .memory_limit_bytes == 1234567890 and .num_gc >= 0'
	done
	listed "${pids[3]}" '.gogc == 100 and .memory_limit_bytes == null'
	listed "${pids[3]}" '(.go_version | startswith("go1.22.")) and all(.gates[]; .ok)'
	listed "${pids[3]}" 'has("workload") and has("limit_bytes") and has("limit_origin") and has("verdict")'
	not_listed "$sleeper"
	not_listed "$$"
}

@test "the rows say the same as probe" {
	local program row
	program=$(built publisher 1.24 | head -n 1)
	publisher_start "$program"
	ask stop
	scan
	row=$(jq -c --argjson pid "$publisher" '.processes[] | select(.pid == $pid)' <<<"$output")
	probe "$publisher"
	# What the scavenger moves meanwhile is left out, and what goes on with time.
	holds 'del(.schema, .cpu_ns, .last_minute.over_usec, .last_minute.gc_per_minute, .heap_free_bytes, .heap_released_bytes, .mapped_ready_bytes) | to_entries
		| map(select(($row | del(.last_minute.over_usec, .last_minute.gc_per_minute))[.key] != .value)) == []' --argjson row "$row"
}

@test "a mapping whose reads never end does not keep scan from the others" {
	local server program
	[ -c /dev/fuse ] || skip "no /dev/fuse"
	mountpoint=$BATS_TEST_TMPDIR/blocks
	mkdir "$mountpoint"
	start_ready "$programs_dir/fuse-block" serve "$mountpoint"
	server=$started
	start_ready "$programs_dir/fuse-block" map "$mountpoint/file"
	program=$(built publisher 1.24 | head -n 1)
	publisher_start env GOGC=137 "$program"
	gomemctl scan --json
	# Before the rest, so that nothing of this test is left waiting.
	stop "$server"
	[ "$status" -eq 0 ] || fail "scan: exit $status (124: the deadline)" "$errors"
	listed "$publisher" '.gogc == 137'
}

@test "forged runtimes are rows with an error or none, and the real one beside them is read" {
	local variant program forged=()
	for variant in variables-garbage goal-does-not-follow functab-loop thousand-moduledata; do
		start_ready "$programs_dir/forged" "$variant"
		forged+=("$started")
	done
	program=$(built publisher 1.24 | head -n 1)
	publisher_start env GOGC=137 "$program"
	scan
	listed "$publisher" '.gogc == 137'
	for program in "${forged[@]}"; do
		holds 'all(.processes[] | select(.pid == $pid); has("error"))' --argjson pid "$program"
	done
}
