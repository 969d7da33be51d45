#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # those of lib.bash
#
# README's two commands on a machine that has make and nothing else: what they need is installed before anything is built.

load lib.bash

# The shell's own tools, and no compiler, no pkg-config.
setup() {
	local tool
	bin=$BATS_TEST_TMPDIR/bin
	mkdir "$bin"
	for tool in sh bash make uname mkdir sed nproc; do ln -s "$(command -v "$tool")" "$bin/$tool"; done
}

# first TARGET: what make would do first where nothing is built, told without doing it. What comes after would need what that
# installs.
first() {
	env -i PATH="$bin" make -n -C "$top" BUILD="$BATS_TEST_TMPDIR/unbuilt" "$1" \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	grep -v '^make' "$BATS_TEST_TMPDIR/out" | head -n 1
}

@test "make demo and make check install first, and say nothing of what is not there yet" {
	[ "$(first demo)" = tests/deps.sh ] || fail "$(cat "$BATS_TEST_TMPDIR/out")"
	[ "$(first check)" = tests/check.sh ] || fail "$(cat "$BATS_TEST_TMPDIR/out")"
	# Whatever is said while the Makefile is read is said for each target; this one ends there.
	[ ! -s "$BATS_TEST_TMPDIR/err" ] || fail "$(cat "$BATS_TEST_TMPDIR/err")"
	grep -qx 'parts=(deps build .*)' "$top/tests/check.sh"
}
