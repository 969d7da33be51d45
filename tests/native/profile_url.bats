#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# escape join --profile with the URL of a running program's profile: by TCP, TLS and a unix socket. The oracle is what the
# same program's profile, fetched by curl into a file, is joined to. What answers may be anything: each fault has one
# error, within bounded memory and time.

load lib.bash
load escape.bash

setup_file() {
	build_as plain pages "$(go_versions | tail -n 1)"
}

setup() {
	report=$BATS_TEST_TMPDIR/report
	printf '%s\n' './main.go:1:6: can inline f with cost 3 as: func() { }' './main.go:46:24: &record{} escapes to heap:' >"$report"
}

teardown() {
	stop_all
}

# serve ARG...: sets $address.
serve() {
	start_ready "$(built pages "$(go_versions | tail -n 1)")" "$@"
	read -r _ address < <(grep '^ready' "$ready_output")
}

join_url() {
	gomemctl escape join --profile "$1" --report "$report" "${@:2}"
}

# own: of a join on standard input the sites of the program itself, of which each answer that it makes adds others.
own() {
	jq -c '[.sites[] | select(.function == ("main.keep", "main.waste")) | del(.share)]'
}

# joined URL FILE: the same as of the file, but for what the program has allocated between the two.
joined() {
	join_url "$1" --values inuse_space --top 100 --json
	[ "$status" -eq 0 ] || fail "$errors"
	local by_url=$output
	escape join --profile "$2" --report "$report" --values inuse_space --top 100 --json
	[ "$(own <<<"$by_url")" = "$(own <<<"$output")" ] || fail "$by_url" "$output"
	[ "$(own <<<"$output" | jq length)" -eq 2 ] || fail "$output"
	holds '.sites[0].bytes >= 500 * 4096 and .sites[0].function == "main.keep"'
}

# faulty PATH EXIT TEXT: one line of error with that, nothing else, in bounded memory.
faulty() {
	status=0
	output=$(ulimit -S -v $((400 * 1024)) && timeout 60 "$gomemctl" escape join --profile "http://$address$1" \
		--report "$report" 2>"$BATS_TEST_TMPDIR/errors") || status=$?
	errors=$(cat "$BATS_TEST_TMPDIR/errors")
	[ "$status" -eq "$2" ] || fail "$1: exit $status" "$errors"
	[ -z "$output" ] || fail "$output"
	[[ $errors == *"http://$address$1: "*"$3"* ]] || fail "$errors"
	[ "$(wc -l <<<"$errors")" -eq 1 ] || fail "$errors"
}

@test "over TCP it is what the file is" {
	serve
	curl -sf -o "$BATS_TEST_TMPDIR/profile" "http://$address/debug/pprof/heap"
	joined "http://$address/debug/pprof/heap" "$BATS_TEST_TMPDIR/profile"
	joined "http://localhost:${address##*:}/debug/pprof/heap" "$BATS_TEST_TMPDIR/profile"
}

@test "over TLS by a certificate of its own it is what the file is" {
	serve -tls
	curl -ksf -o "$BATS_TEST_TMPDIR/profile" "https://$address/debug/pprof/heap"
	joined "https://$address/debug/pprof/heap" "$BATS_TEST_TMPDIR/profile"
	faulty /debug/pprof/heap 1 "write https://"
}

@test "over a unix socket it is what the file is" {
	local socket=$BATS_TEST_TMPDIR/debug.sock
	serve -listen "unix:$socket"
	curl -sf --unix-socket "$socket" -o "$BATS_TEST_TMPDIR/profile" http://localhost/debug/pprof/heap
	joined "http://unix:$socket:/debug/pprof/heap" "$BATS_TEST_TMPDIR/profile"
}

@test "a profile of some seconds is waited for" {
	serve
	join_url "http://$address/debug/pprof/allocs?seconds=11" --json
	[ "$status" -eq 0 ] || fail "$errors"
	holds '.values == "alloc_space" and .bytes_total < 500 * 4096'
}

@test "goroutines are counted" {
	serve
	join_url "http://$address/debug/pprof/goroutine" --values goroutine --json
	holds '.values == "goroutine" and .bytes_total >= 3 and .bytes_total < 100'
}

@test "what is no profile is said to be none" {
	serve
	faulty /debug/pprof/ 2 "is no profile"
	faulty "/debug/pprof/heap?debug=1" 2 "is no profile"
	faulty "/debug/pprof/goroutine?debug=2" 2 "is no profile"
	faulty /debug/vars 2 "is no profile"
	faulty /debug/pprof/goroutine 2 "has no alloc_space; it has goroutine"
}

@test "other answers are said to be what they are, with the mend" {
	serve
	faulty /debug/pprof/none-such 1 "it answers 404"
	faulty /fault/secret 1 "it answers 401: no credentials are sent"
	faulty /fault/empty 1 "the answer is empty"
	faulty /fault/cut 1 "was cut off"
}

@test "a redirect is not followed, though a profile is there" {
	serve
	faulty /fault/elsewhere 1 "it answers 302, a redirect"
}

@test "an endless answer, and one that unpacks to a gigabyte, are too large" {
	serve
	faulty /fault/endless 1 "is over 64 MiB"
	faulty /fault/encoded 1 "is over 64 MiB"
	faulty /fault/bomb 2 "larger than any program's profile"
}

@test "one that answers byte by byte is given up" {
	local begun=$SECONDS
	serve
	faulty /fault/slow 1 "no whole answer within 10 s"
	[ $((SECONDS - begun)) -lt 40 ] || fail "took $((SECONDS - begun)) s"
}

@test "nobody who listens, and what is no address" {
	local bad
	join_url "http://127.0.0.1:$(free_port)/debug/pprof/heap"
	[ "$status" -eq 1 ]
	[[ $errors == *"nobody listens there"* ]] || fail "$errors"
	for bad in http://example.org/debug/pprof/heap https://user@127.0.0.1/ http:// "unix:/run/x.sock:/debug/pprof/heap"; do
		join_url "$bad"
		[ "$status" -eq 2 ] || fail "$bad: $status"
		[[ $errors == *"$bad: is no http://ADDRESS:PORT/PATH"* ]] || fail "$errors"
	done
}

@test "another user's socket is not to be had by it" {
	[ "$(id -u)" -eq 0 ] || skip "another user needs root"
	local theirs
	theirs=$(mktemp -d /tmp/gomemd-test.XXXXXX)
	chmod 755 "$theirs"
	# A checkout may be where that user cannot look.
	cp "$report" "$theirs/report"
	cp "$gomemctl" "$(dirname "$gomemctl")/gomemd-fetch" "$theirs"
	serve -listen "unix:$theirs/debug.sock"
	chmod 700 "$theirs/debug.sock"
	status=0
	errors=$(setpriv --reuid 65534 --regid 65534 --clear-groups timeout 60 "$theirs/gomemctl" escape join \
		--profile "http://unix:$theirs/debug.sock:/debug/pprof/heap" --report "$theirs/report" 2>&1) || status=$?
	rm -r "$theirs"
	[ "$status" -eq 1 ] || fail "exit $status: $errors"
	[[ $errors == *"Permission denied"* ]] || fail "$errors"
}

@test "without the library it is said" {
	serve
	[ "$(id -u)" -eq 0 ] || skip "hiding a library needs root"
	status=0
	errors=$(unshare -m sh -c 'for f in $(ldconfig -p | sed -n "s/.*=> \(.*libcurl[^ ]*\)/\1/p"); do mount --bind /dev/null "$f"; done; exec "$@"' \
		sh "$gomemctl" escape join --profile "http://$address/debug/pprof/heap" --report "$report" 2>&1) || status=$?
	[ "$status" -eq 1 ] || fail "exit $status: $errors"
	[[ $errors == *"libcurl is missing"* ]] || fail "$errors"
}
