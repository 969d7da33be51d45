#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # those of lib.bash
#
# What --json prints is what gomemctl(1) says: each member that comes is named in its verb's section, and each that the
# section lists comes.

load lib.bash
load profile.bash

setup_file() {
	local build=("$top/tests/lib/build-programs.sh" --variant plain)
	{
		"${build[@]}" --variant unsampled --program allocator "$programs_dir" 1.24
		"${build[@]}" --program cycles "$programs_dir" 1.24
	} >>"$BATS_FILE_TMPDIR/built"
}

teardown() {
	stop_all
}

# section NAME...: of the page's JSON.
section() {
	local name
	for name; do sed -n "/^\.SS $name\$/,/^\.S[SH] /p" "$top/doc/gomemctl.1"; done
}

# Members at any depth.
members() {
	jq -r '.. | objects | keys[]' | grep -vx schema | sort -u
}

# listed: what the items of a section's list name.
listed() {
	awk '/^\.TP/ { getline; sub(/^\.BR? /, ""); gsub(/"|,/, " "); print }' | xargs -n 1 | sort -u
}

# agrees SECTIONS [MEMBER...]: of $output, but for those members, which it takes more than this to see.
agrees() {
	local word page=$BATS_TEST_TMPDIR/page said=$BATS_TEST_TMPDIR/members
	# shellcheck disable=SC2086 # a list of names
	section $1 >"$page"
	members <<<"$output" >"$said"
	[ "$(wc -l <"$said")" -ge 3 ] || fail "hardly a member in: $output"
	while read -r word; do
		grep -qE "(^|[ \"(])$word([ \",.;:)]|\$)" "$page" || fail "the section $1 does not name '$word'"
	done <"$said"
	shift
	for word in $(listed <"$page"); do
		[[ " $* " == *" $word "* ]] || grep -qx "$word" "$said" || fail "the page lists '$word', which does not come"
	done
}

@test "probe, heap, goroutines, allocs: each member is in the page, and each of the page comes" {
	witness_start "$(built allocator 1.24 | head -n 1)"
	gomemctl probe "$witness" --json
	agrees probe
	gomemctl heap "$witness" --json
	agrees heap
	gomemctl goroutines "$witness" --json
	agrees goroutines collection_age_ns
	gomemctl goroutines "$witness" --blocked --json
	agrees goroutines
	gomemctl allocs "$witness" --for 2s --json
	agrees allocs
	witness_start "$(built allocator 1.24 | tail -n 1)"
	gomemctl allocs "$witness" --for 1s --json
	holds '.sampler == "spans"'
	agrees allocs
}

collected() {
	ask heap 3
	says "$heard" allocated_bytes
}

@test "timeline: each member is in the page, and each of the page comes, but for what the daemon adds" {
	heard=$BATS_TEST_TMPDIR/heard
	publisher_start "$(built cycles 1.24)"
	start "$gomemctl" timeline "$publisher" --for 60s --json >"$heard"
	eventually 20 collected
	# So often that it is not listened to any more.
	ask stop 100000
	eventually 20 says "$heard" '"guard"'
	output=$(cat "$heard")
	agrees timeline lever from to reason status usage_bytes swapped_in_bytes swapped_out_bytes swap_bytes
}

@test "features, scan: each member is in the page, and each of the page comes" {
	output=$(setpriv --bounding-set=-bpf,-perfmon,-sys_admin --inh-caps=-bpf,-perfmon,-sys_admin "$gomemctl" features --json)
	agrees features
	witness_start "$(built allocator 1.24 | head -n 1)"
	start sleep 60
	gomemctl scan --json
	holds 'any(.processes[]; has("error") | not)'
	agrees 'scan probe' error
}
