#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash and culprits.bash
#
# gomemctl culprits: of a service with one thing wrong in it, stripped, with the compiler's report filed beforehand, the
# first culprit is the line that is wrong, with its class. The oracles are comments in the source, and the program's own
# profiles, which have to say so too. Once each; with SOAK=1 ten times, of which nine have to hold.

load lib.bash
load escape.bash
load culprits.bash

versions="1.19 1.22 1.24 1.27"

setup_file() {
	export work=$BATS_FILE_TMPDIR
	local version
	for version in $versions; do culprits_build "$version"; done
}

teardown_file() {
	culprits_forget
}

setup() {
	work=$BATS_FILE_TMPDIR
}

teardown() {
	stop_all
}

# rounds COMMAND...: nine of ten. What it calls returns by itself where it fails, since bats does not see to that here.
rounds() {
	local n=1 i failed=0
	[ -z "${SOAK:-}" ] || n=10
	for ((i = 0; i < n; i++)); do
		"$@" || failed=$((failed + 1))
		stop_all
	done
	[ "$failed" -le $((n / 10)) ] || fail "$failed of $n: $*"
}

once() {
	wanted "$2"
	culprits_start "$1" "$2" || return 1
	watch && named "$2" && eventually 60 own_profile "$1" "$2"
}

# Its twin, in which nothing reads a heap profile.
once_unsampled() {
	wanted "$2"
	start_ready "$work/unsampled-$1" "$2" || return 1
	watch && named "$2"
}

# unsampled VERSION: what it has kept since before anybody looked is not to be seen there, so not the pool.
unsampled() {
	local case
	for case in context-12 fields json retry goroutines; do
		rounds once_unsampled "$1" "$case" || return 1
	done
}

# per_request VERSION DEPTH: bytes of the first culprit, by its rate and that of the requests.
per_request() {
	local before after from to
	wanted context
	culprits_start "$1" "context-$2" || return 1
	ask_program served "$BATS_TEST_TMPDIR/before" || return 1
	from=${EPOCHREALTIME/[.,]/}
	watch && named context || return 1
	to=${EPOCHREALTIME/[.,]/}
	ask_program served "$BATS_TEST_TMPDIR/after" && eventually 60 own_profile "$1" context || return 1
	before=$(<"$BATS_TEST_TMPDIR/before") after=$(<"$BATS_TEST_TMPDIR/after")
	bytes=$(jq ".culprits[0].alloc_bytes_per_sec * $((to - from)) / 1000000 / $((after - before)) | floor" <<<"$output")
	stop_all
}

# A context and a string for each layer: 64 bytes, which a sampler sees within a third.
depths() {
	local depth bytes shallow=0
	for depth in 3 7 12; do
		per_request "$1" "$depth" || return 1
		echo "# $depth layers: $bytes bytes a request"
		[ "$bytes" -gt "$shallow" ] || fail "no more than with fewer layers: $shallow" || return 1
		[ "$bytes" -gt $((depth * 64 * 2 / 3)) ] && [ "$bytes" -lt $((depth * 64 * 3 / 2)) ] ||
			fail "not about $((depth * 64)) bytes a request: $bytes" || return 1
		shallow=$bytes
	done
}

@test "Go 1.19: a pool that keeps what was large once" { rounds once 1.19 pool; }
@test "Go 1.19: a context for each layer, and more for more layers" { rounds depths 1.19; }
@test "Go 1.19: bodies that are held until the last attempt" { rounds once 1.19 retry; }
@test "Go 1.19: a map of fields for each line that is logged" { rounds once 1.19 fields; }
@test "Go 1.19: decoding through reflection" { rounds once 1.19 json; }
@test "Go 1.19: a goroutine that nobody ends, for each request" { rounds once 1.19 goroutines; }
@test "Go 1.19: the same where nothing reads a heap profile" { unsampled 1.19; }

@test "Go 1.22: a pool that keeps what was large once" { rounds once 1.22 pool; }
@test "Go 1.22: a context for each layer, and more for more layers" { rounds depths 1.22; }
@test "Go 1.22: bodies that are held until the last attempt" { rounds once 1.22 retry; }
@test "Go 1.22: a map of fields for each line that is logged" { rounds once 1.22 fields; }
@test "Go 1.22: decoding through reflection" { rounds once 1.22 json; }
@test "Go 1.22: a goroutine that nobody ends, for each request" { rounds once 1.22 goroutines; }
@test "Go 1.22: the same where nothing reads a heap profile" { unsampled 1.22; }

@test "Go 1.24: a pool that keeps what was large once" { rounds once 1.24 pool; }
@test "Go 1.24: a context for each layer, and more for more layers" { rounds depths 1.24; }
@test "Go 1.24: bodies that are held until the last attempt" { rounds once 1.24 retry; }
@test "Go 1.24: a map of fields for each line that is logged" { rounds once 1.24 fields; }
@test "Go 1.24: decoding through reflection" { rounds once 1.24 json; }
@test "Go 1.24: a goroutine that nobody ends, for each request" { rounds once 1.24 goroutines; }
@test "Go 1.24: the same where nothing reads a heap profile" { unsampled 1.24; }

@test "Go 1.27: a pool that keeps what was large once" { rounds once 1.27 pool; }
@test "Go 1.27: a context for each layer, and more for more layers" { rounds depths 1.27; }
@test "Go 1.27: bodies that are held until the last attempt" { rounds once 1.27 retry; }
@test "Go 1.27: a map of fields for each line that is logged" { rounds once 1.27 fields; }
@test "Go 1.27: decoding through reflection" { rounds once 1.27 json; }
@test "Go 1.27: a goroutine that nobody ends, for each request" { rounds once 1.27 goroutines; }
@test "Go 1.27: the same where nothing reads a heap profile" { unsampled 1.27; }
