#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# What is no Go program, or none that can be proved, is refused: exit 2, one line that names the
# gate, soon. Never a guess.

load lib.bash

setup_file() {
	"$top/tests/lib/build-programs.sh" --program forged --program fuse-block "$programs_dir"
}

teardown() {
	stop_all
	[ -z "${mountpoint:-}" ] || ! mountpoint -q "$mountpoint" || umount -l "$mountpoint"
}

@test "sleep is refused: it has no moduledata" {
	start sleep 600
	refused "$started" moduledata
}

@test "bash is refused: it has no moduledata" {
	mkfifo "$BATS_TEST_TMPDIR/never"
	start bash -c 'read -r <>"$0"' "$BATS_TEST_TMPDIR/never"
	refused "$started" moduledata
}

@test "python3 is refused: it has no moduledata" {
	start_ready python3 -uc 'import time; print("ready"); time.sleep(600)'
	refused "$started" moduledata
}

@test "node is refused: it has no moduledata" {
	command -v node >/dev/null || skip "node is not installed"
	start_ready node -e 'console.log("ready"); setInterval(() => {}, 1000)'
	refused "$started" moduledata
}

@test "a kernel thread is refused" {
	[ "$(cat /proc/2/comm 2>/dev/null)" = kthreadd ] || skip "no kernel thread is visible here"
	gomemctl probe 2 --json
	[ "$status" -eq 2 ]
}

@test "a process that does not exist is an error, not a crash" {
	start true
	wait "$started"
	gomemctl probe "$started" --json
	[ "$status" -eq 1 ] || [ "$status" -eq 2 ] || fail "exit $status" "$errors"
	[ -z "$output" ] && [ -n "$errors" ]
}

# esbuild's packages of these releases were built with Go 1.16, 1.17 and 1.18.
old_go() {
	local release=$1 program
	command -v npm >/dev/null || skip "npm, which has programs of an old Go, is not installed"
	program=$("$BATS_TEST_DIRNAME/old-go.sh" "$release") || skip "the package registry does not have it or is not reached"
	mkfifo "$BATS_TEST_TMPDIR/never"
	echo 'let x = 1' >"$BATS_TEST_TMPDIR/in.js"
	# It watches until its input ends.
	start "$program" "$BATS_TEST_TMPDIR/in.js" --watch --outfile="$BATS_TEST_TMPDIR/out.js" \
		<>"$BATS_TEST_TMPDIR/never" >"$BATS_TEST_TMPDIR/output" 2>&1
	eventually 10 several_threads "$started"
	refused "$started" "${2:-}"
}

# A Go program that runs, and does not merely start.
several_threads() {
	local tasks=(/proc/"$1"/task/*)
	[ ${#tasks[@]} -ge 3 ]
}

@test "a program of Go 1.16 is refused" { old_go 0.11.23; }
@test "a program of Go 1.17 is refused" { old_go 0.14.10; }
@test "a program of Go 1.18, which has no soft limit, is refused by its version" { old_go 0.14.45 version; }

@test "every forged runtime is refused within 20 s, and lives on" {
	local variant failed=0
	for variant in $("$programs_dir/forged" --list); do
		start_ready "$programs_dir/forged" "$variant" "$BATS_TEST_TMPDIR"
		DEADLINE=20 refused "$started" || { echo "# forged $variant" && failed=1; }
		alive "$started" || { echo "# forged $variant died of it" && failed=1; }
		stop "$started"
	done
	[ "$failed" -eq 0 ]
}

fuse_serve() {
	[ -c /dev/fuse ] || skip "no /dev/fuse"
	mountpoint=$BATS_TEST_TMPDIR/blocks
	mkdir "$mountpoint"
	start_ready "$programs_dir/fuse-block" serve "$mountpoint" "$@"
	server=$started
}

@test "a mapping whose reads never end is refused within 20 s" {
	fuse_serve
	start_ready "$programs_dir/fuse-block" map "$mountpoint/file"
	DEADLINE=20 gomemctl probe "$started" --json
	# Before the rest, so that nothing of this test is left waiting.
	stop "$server"
	[ "$status" -eq 2 ] || fail "exit $status (124: the deadline)" "$errors"
	[ -z "$output" ]
}

@test "an executable whose reads never end holds nobody up" {
	local first
	fuse_serve "$(command -v sleep)"
	start "$mountpoint/file" 600
	first=$started
	eventually 10 says "/proc/$first/maps" "$mountpoint/file"
	kill -USR1 "$server"
	DEADLINE=20 gomemctl probe "$first" --json
	stop "$server"
	[ "$status" -eq 2 ] || fail "exit $status (124: the deadline)" "$errors"
}
