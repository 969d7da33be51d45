#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# A program that execs all the time, under one pid, into an image with other data at the same
# addresses, is read right or refused; the other image is never touched.

load lib.bash

setup_file() {
	build execstorm 1.19 1.22 1.24 1.27
}

teardown() {
	stop_all
}

# A figure of the other image would be its pattern, or what it wears of the program's start.
read_or_refused() {
	gomemctl probe "$1" --json
	case $status in
	0) holds '.gogc == 137 and .memory_limit_bytes == 1234567890' ;;
	2) [ -z "$output" ] || fail "refused, and yet it printed: $output" ;;
	1) dead "$1" || fail "failed on a living process: $errors" ;;
	*) fail "exit $status" "$errors" ;;
	esac
}

storm() {
	local version=$1 marker=$BATS_TEST_TMPDIR/marker i
	for ((i = 0; i < ${STORMS:-3}; i++)); do
		GOGC=137 GOMEMLIMIT=1234567890 start "$programs_dir/execstorm-$version" -rounds 300 -exits 200 \
			-canary "$programs_dir/canary-$version" -marker "$marker" \
			-image "$BATS_TEST_TMPDIR/image" >"$BATS_TEST_TMPDIR/storm" 2>&1
		while alive "$started" && [ ! -e "$marker" ]; do
			read_or_refused "$started"
		done
		[ ! -e "$marker" ] || fail "$(cat "$marker")"
		grep -Eq '^(done|left)' "$BATS_TEST_TMPDIR/storm" || fail "$(cat "$BATS_TEST_TMPDIR/storm")"
	done
}

@test "Go 1.19: read right or refused in an exec storm" { storm 1.19; }
@test "Go 1.22: read right or refused in an exec storm" { storm 1.22; }
@test "Go 1.24: read right or refused in an exec storm" { storm 1.24; }
@test "Go 1.27: read right or refused in an exec storm" { storm 1.27; }
