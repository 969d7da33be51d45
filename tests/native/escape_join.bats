#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # those of lib.bash
#
# What a program's own profile shows, joined with what the compiler said when it was built. The oracles are the sum that
# the profile has, read by go tool pprof, and the lines of the source.

load lib.bash
load escape.bash

versions="1.19 1.24 1.26 1.27"

# go_tool VERSION COMMAND...: with the program's source at hand.
go_tool() {
	GOFLAGS=-trimpath in_module orders "$@"
}

setup_file() {
	export work=$BATS_FILE_TMPDIR version
	new_module orders "$top/tests/programs/orders/main.go"
	for version in $versions; do
		go_tool "$version" go build -gcflags=all=-m=2 -o "$work/orders-$version" . 2>"$work/report-$version"
		go_tool "$version" go build -ldflags='-s -w' -o "$work/stripped-$version" .
		"$work/stripped-$version" "$work/profile-$version"
	done
}

setup() {
	work=$BATS_FILE_TMPDIR
}

# line_of TEXT: of the source.
line_of() {
	grep -nF -- "$1" "$work/orders/orders.go" | head -n 1 | cut -d: -f1
}

# site_is VERSION TEXT CLASSES: what is allocated at the line with this text has one of these classes ("2c|5b").
site_is() {
	local line
	line=$(line_of "$2")
	# shellcheck disable=SC2016 # jq's own
	holds '[.sites[] | select((.file // "") | endswith("/orders.go")) | select(.line == $line and (.class | test("^(" + $class + ")$")) and .bytes > 1000)] | length > 0' \
		--argjson line "$line" --arg class "$3" || fail "Go $1: $2 is not of class $3"
}

# joins VERSION CLASS FLOOR: CLASS is that of what is made with a size that is not constant.
joins() {
	escape join --profile "$work/profile-$1" --report "$work/report-$1" --binary "$work/orders-$1" --top 1000 --json
	# shellcheck disable=SC2016 # jq's own
	holds '.share >= $floor and .share_with_implicit >= 0.98' --argjson floor "$3"
	# shellcheck disable=SC2016 # jq's own
	holds '.bytes_total == $n' --argjson n "$(bytes_in "$work/profile-$1" "$1")"
	holds '.bytes_total == .bytes_joined + ([.unjoined[]] | add)'
	holds '.bytes_total == ([.sites[].bytes] | add)'
	# It is given to json.Marshal and kept in a map: which of the two the compiler explains is its own choice.
	site_is "$1" 'o := newOrder(i)' '2c|5b'
	# From 1.25 on it is allocated where its size turns out to be too large, and the compiler names what it is stored in.
	site_is "$1" 'o.Lines = lines(' "$2"
	site_is "$1" 'make([]byte, 512)' 3a
	# What the standard library allocates for it has its cause in the program.
	# shellcheck disable=SC2016 # jq's own
	holds '[.sites[] | select((.function // "") | startswith("encoding/json")) | select(.cause) | .cause.function] | length > 0 and all(startswith("main."))'
}

@test "Go 1.19: a profile is joined with the report of its build" { joins 1.19 6 0.91; }
@test "Go 1.24: a profile is joined with the report of its build" { joins 1.24 6 0.91; }
@test "Go 1.26: a profile is joined with the report of its build" { joins 1.26 5b 0.87; }
@test "Go 1.27: a profile is joined with the report of its build" { joins 1.27 5b 0.87; }

@test "without the binary the profile's own symbols serve" {
	escape join --profile "$work/profile-1.24" --report "$work/report-1.24" --json
	holds '.share >= 0.91'
}

@test "a profile may come from an endpoint, through a pipe" {
	escape join --profile "$work/profile-1.24" --report "$work/report-1.24" --json
	local by_file=$output
	escape join --profile <(cat "$work/profile-1.24") --report "$work/report-1.24" --json
	[ "$output" = "$by_file" ]
	gomemctl escape join --profile <(:) --report "$work/report-1.24"
	[ "$status" -eq 2 ]
	[[ $errors == *"is empty"* ]]
}

@test "an index serves as its report does, for the stripped twin as well" {
	escape join --profile "$work/profile-1.24" --report "$work/report-1.24" --json
	local by_report=$output
	escape import --binary "$work/stripped-1.24" --output "$work/index" "$work/report-1.24" --json
	holds '.sites > 100 and (.go_version | startswith("go1.24"))'
	escape join --profile "$work/profile-1.24" --report "$work/index" --binary "$work/orders-1.24" --json
	[ "$(jq -c '[.share, .unjoined]' <<<"$output")" = "$(jq -c '[.share, .unjoined]' <<<"$by_report")" ]
}

@test "the index of another build is refused" {
	escape import --binary "$work/orders-1.24" --output "$work/index" "$work/report-1.24"
	gomemctl escape join --profile "$work/profile-1.27" --report "$work/index" --binary "$work/orders-1.27"
	[ "$status" -eq 2 ]
	[[ $errors == *"report does not match"* ]]
}

@test "escape build makes the report itself, for what runs in production" {
	local path=$PATH
	run go_tool 1.24 "$gomemctl" escape build --binary "$work/stripped-1.24" --output "$work/built"
	[ "$status" -eq 0 ] || fail "$output"
	escape join --profile "$work/profile-1.24" --report "$work/built" --binary "$work/stripped-1.24" --json
	holds '.share >= 0.91'
	run go_tool 1.24 "$gomemctl" escape build --binary "$work/stripped-1.27" --output "$work/none"
	[ "$status" -eq 1 ]
	[[ $output == *"report does not match"* ]]
	[ ! -e "$work/none" ]
	PATH=/nonexistent run "$gomemctl" escape build --output "$work/none"
	PATH=$path
	[ "$status" -eq 1 ]
	[[ $output == *"no go in PATH"* ]]
}

@test "escape build that is ended leaves nothing behind" {
	local tools=$BATS_TEST_TMPDIR/tools directory
	mkdir "$tools"
	# As Go's tool: it ends by SIGINT, and after it has written.
	cat >"$tools/go" <<-'SCRIPT'
		#!/bin/bash
		trap 'exit 1' INT
		: >"$4"
		exec {pause}<>"${0%/go}/pause"
		echo "$4" >"${0%/go}/wrote"
		read -r -u "$pause" # until it is ended
	SCRIPT
	chmod +x "$tools/go"
	mkfifo "$tools/pause"
	PATH=$tools:$PATH start "$gomemctl" escape build --output "$work/none" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null
	eventually 20 test -s "$tools/wrote"
	directory=$(dirname "$(cat "$tools/wrote")")
	[ -d "$directory" ]
	kill "$started"
	wait "$started" && fail "it ended as if it had been done"
	[ "$?" -eq 143 ]
	[ ! -e "$directory" ] || fail "$directory is left"
}

@test "what is no profile, no report or no Go program is refused" {
	local bad
	echo "heap profile: 1: 2 [3: 4] @ heap/1" >"$work/text"
	head -c 3000 "$work/profile-1.24" >"$work/cut"
	for bad in "$work/text" "$work/cut" /dev/null "$work" "$work/none-such"; do
		gomemctl escape join --profile "$bad" --report "$work/report-1.24"
		[ "$status" -eq 2 ] || fail "$bad: exit $status"
		[ -z "$output" ] && [ -n "$errors" ]
	done
	gomemctl escape join --profile "$work/profile-1.24" --report "$work/profile-1.24"
	[ "$status" -eq 2 ]
	gomemctl escape import --binary /bin/true --output "$work/none" "$work/report-1.24"
	[ "$status" -eq 2 ]
	[[ $errors == *"no Go program"* ]]
	gomemctl escape join --profile "$work/profile-1.24" --report "$work/report-1.24" --values inuse_time
	[ "$status" -eq 2 ]
	[[ $errors == *alloc_space* ]]
}
