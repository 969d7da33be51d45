#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# Go libraries inside of C programs: one runtime is read exactly, a forked copy of one is refused, and of
# several none is written to.

bats_require_minimum_version 1.5.0
load lib.bash

setup_file() {
	local build=("$top/tests/lib/build-programs.sh")
	make -s -C "$top" build/tests/native-write
	"${build[@]}" --program chost "$programs_dir"
	"${build[@]}" --program publisher --variant cshared "$programs_dir" 1.19 1.22 1.24 1.27
}

setup() {
	host=$programs_dir/chost
	children=$BATS_TEST_TMPDIR/children
}

teardown() {
	[ ! -s "$children" ] || sed -n 's/^ready //p' "$children" | xargs -r kill -KILL || true
	stop_all
}

library() {
	printf '%s\n' "$programs_dir/publisher-$1-cshared"
}

# host_start COMMAND...: what its children say goes to a file.
host_start() {
	publisher_start env GOGC=137 GOMEMLIMIT=1234567890 \
		bash -c 'exec 2>"$0" && exec "$@"' "$children" "$host" "$@"
}

agrees() {
	local before differences
	for _ in 1 2 3; do
		ask work 8
		ask stop
		before=$reply
		probe "$publisher"
		ask go
		[[ $reply != *'"steady":true'* ]] || break
	done
	differences=$(jq -rn -L "$BATS_TEST_DIRNAME" --argjson before "$before" --argjson after "$reply" \
		--argjson probe "$output" 'include "compare"; differences($before; $after; $probe)')
	[ -z "$differences" ] || fail "$differences" "published $before" "probed $output"
	holds '.runtime_count == 1 and all(.gates[]; .ok) and .exe == $exe' --arg exe "$(realpath "$host")"
}

exact() {
	host_start "$(library "$1")"
	agrees
}

@test "Go 1.19: a library inside of a C program is read exactly" { exact 1.19; }
@test "Go 1.22: a library inside of a C program is read exactly" { exact 1.22; }
@test "Go 1.24: a library inside of a C program is read exactly" { exact 1.24; }
@test "Go 1.27: a library inside of a C program is read exactly" { exact 1.27; }

# The daemon's own way of writing does not.
not_written() {
	run -1 "$top/build/tests/native-write" "$1" gogc 50
}

# forked HOW VERSION
forked() {
	local child
	host_start "$1" "$(library "$2")"
	eventually 20 says "$children" ready
	child=$(sed -n 's/^ready //p' "$children")
	refused "$child" alive
	not_written "$child"
	# The parent's runtime is as alive as before.
	agrees
}

@test "Go 1.19: a forked child of it has a dead runtime, and is refused" { forked fork 1.19; }
@test "Go 1.27: a forked child of it has a dead runtime, and is refused" { forked fork 1.27; }
@test "Go 1.24: a forked child with threads of its own is refused as well" { forked fork-threads 1.24; }

@test "two runtimes in one process are told, and only observed" {
	host_start "$(library 1.24)" "$(library 1.22)"
	probe "$publisher"
	holds '.runtime_count == 2'
	holds '[.gates[] | select(.ok | not) | .name] == ["single-runtime"]'
	not_written "$publisher"
	probe "$publisher"
	holds '.gogc == 137'
	gomemctl scan --json
	holds 'any(.processes[]; .pid == $pid and (.error | test("single-runtime")))' --argjson pid "$publisher"
}
