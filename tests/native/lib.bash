# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the native tests share. A test that starts processes does it by start or publisher_start,
# and its teardown calls stop_all.

top=$(realpath "${BASH_SOURCE[0]%/*}/../..")
# shellcheck source=tests/lib/wait.sh
. "$top/tests/lib/wait.sh"
gomemctl=${GOMEMCTL:-$top/build/gomemctl}
programs_dir=${GOMEMD_TEST_PROGRAMS:-$top/build/tests/programs}

# The gates that may refuse a process, by the names in the daemon's gobin/runtime.c.
gates='moduledata|version|functions|gc-controller|layout|single-runtime|enablegc|gc-percent|memory-limit|heap-goal|mapped-ready|alive'

# From here on in a test, what fails says why.
fail() {
	printf '%s\n' "$@"
	return 1
}

# eventually SECONDS COMMAND...: until it succeeds, or says by 3 that it never will. What it prints is
# shown only then.
eventually() {
	local deadline=$((SECONDS + $1)) seconds=$1 result said=$BATS_TEST_TMPDIR/said
	shift
	while :; do
		result=0
		"$@" >"$said" 2>&1 || result=$?
		[ "$result" -ne 0 ] || return 0
		if [ "$result" -eq 3 ] || [ "$SECONDS" -ge "$deadline" ]; then
			fail "not within $seconds s: $*" "$(cat "$said")"
			return 1
		fi
		wait_seconds 0.05 # between two looks
	done
}

# build PROGRAM [VERSION...]: builds it in one variant a version, with SOAK=1 in all. The paths go to
# a list, from which built takes them; to be called in setup_file.
build() {
	local options=(--program "$1")
	shift
	[ -n "${SOAK:-}" ] || options+=(--quick)
	"$top/tests/lib/build-programs.sh" "${options[@]}" "$programs_dir" "$@" >>"$BATS_FILE_TMPDIR/built"
}

# build_as VARIANTS PROGRAM [VERSION...]: the same in all of these variants.
build_as() {
	local variant options=(--program "$2")
	for variant in $1; do options+=(--variant "$variant"); done
	"$top/tests/lib/build-programs.sh" "${options[@]}" "$programs_dir" "${@:3}" >>"$BATS_FILE_TMPDIR/built"
}

# built PROGRAM VERSION: the paths.
built() {
	grep -F "/$1-$2-" "$BATS_FILE_TMPDIR/built" || fail "no $1 was built with Go $2"
}

go_versions() {
	"$top/tests/lib/toolchain.sh" --list
}

started_pids=()

# start COMMAND...: in the background, by the caller's redirections, its input too; the pid is in
# $started. bats waits for whoever holds its descriptor 3.
start() {
	"$@" <&0 3>&- &
	started=$!
	started_pids+=("$started")
}

alive() {
	kill -0 "$1" 2>/dev/null
}

dead() {
	! alive "$1"
}

# stopped PID: all of its threads, by a signal.
stopped() {
	! grep -h '^State:' "/proc/$1"/task/*/status | grep -qv 'T (stopped)'
}

stop() {
	kill -TERM "$1" 2>/dev/null || return 0
	eventually 10 dead "$1" || kill -KILL "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

stop_all() {
	local pid
	for pid in "${started_pids[@]}"; do stop "$pid"; done
	started_pids=()
}

says() {
	grep -q -- "$2" "$1" 2>/dev/null
}

# start_ready COMMAND...: started, and "ready" printed. The output is in $ready_output.
start_ready() {
	ready_output=$(mktemp "$BATS_TEST_TMPDIR/output.XXXXXX")
	start "$@" >"$ready_output" 2>&1
	eventually 60 says "$ready_output" ready || fail "$*: $(cat "$ready_output")"
}

# publisher_start COMMAND...: a publisher that commands are sent to by ask; its first line, which has its
# version and pid, is in $reply. The descriptors are opened for both directions, so that nobody waits for
# the other end.
publisher_start() {
	local home
	home=$(mktemp -d "$BATS_TEST_TMPDIR/publisher.XXXXXX")
	mkfifo "$home/in" "$home/out"
	exec {to_publisher}<>"$home/in" {from_publisher}<>"$home/out"
	start "$@" <&"$to_publisher" >&"$from_publisher"
	publisher=$started
	answer
}

answer() {
	read -rt 60 -u "$from_publisher" reply || fail "the publisher does not answer"
}

ask() {
	printf '%s\n' "$*" >&"$to_publisher"
	answer || return 1
	[[ $reply != *'"error"'* ]] || fail "the publisher says: $reply"
}

publisher_stop() {
	stop "$publisher"
	exec {to_publisher}>&- {from_publisher}>&-
}

# gomemctl ARG...: as run does, but with a deadline and the two outputs apart, in $output and $errors.
gomemctl() {
	status=0
	output=$(timeout "${DEADLINE:-60}" "$gomemctl" "$@" 2>"$BATS_TEST_TMPDIR/errors") || status=$?
	errors=$(cat "$BATS_TEST_TMPDIR/errors")
}

# probe PID: has to succeed.
probe() {
	gomemctl probe "$1" --json
	[ "$status" -eq 0 ] || fail "probe $1 ($(readlink "/proc/$1/exe")): exit $status" "$errors" "$output"
}

# holds FILTER [JQ-ARG...]: a statement about $output.
holds() {
	local filter=$1
	shift
	jq -e "$@" "$filter" <<<"$output" >/dev/null || fail "does not hold: $filter $*" "$output"
}

# refusal PROBED: exit 2, nothing on standard output, one line.
refusal() {
	gomemctl probe "$1" --json
	[ "$status" -eq 2 ] || fail "exit $status where 2 was expected" "$errors" "$output" || return 1
	[ -z "$output" ] || fail "refused, and yet it printed: $output" || return 1
	[ "$(wc -l <<<"$errors")" -eq 1 ] || fail "not one line:" "$errors" || return 1
	[[ $errors != *[[:cntrl:]]* ]] || fail "control characters in: ${errors@Q}"
}

# refused PID [GATE]: in a line that names a gate (that one).
refused() {
	refusal "$1" || return 1
	[[ $errors =~ ${2:-$gates} ]] || fail "names no gate (${2:-any}): $errors"
}

# free_port: one that nobody listens on.
free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			printf '%s\n' "$port"
			return
		fi
	done
}
