#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# What programs say of themselves over HTTP: gomemctl endpoint finds and asks them, in their own network namespace, and a
# slow, huge, lying or hostile one costs no more than its own figures.

load lib.bash

setup_file() {
	build_as plain endpoint "$(go_versions | tail -n 1)"
}

setup() {
	home=$BATS_TEST_TMPDIR/home
	mkdir "$home"
}

teardown() {
	stop_all
}

program() {
	built endpoint "$(go_versions | tail -n 1)"
}

# serve ARG...: sets $started and $address.
serve() {
	start_ready "$(program)" "$@"
	read -r _ address < <(grep '^ready' "$ready_output")
}

# asked URL: a request of it has to be answered, in time: the budget is 2 s, ten times that on a busy machine.
asked() {
	local begun=$SECONDS
	gomemctl endpoint "$started" --url "$1" --json
	[ -n "$output" ] || fail "no answer: $errors" || return 1
	[ $((SECONDS - begun)) -le 20 ] || fail "took $((SECONDS - begun)) s"
}

# fault NAME OUTCOME: is what comes of it; nothing is known then.
fault() {
	serve -fault "$1"
	asked "http://$address/debug/vars"
	[ "$status" -eq 1 ] || fail "exit $status"
	holds '.endpoints | length == 1 and .[0].outcome == $want and .[0].figures == {}' --arg want "$2"
	holds '.memory.heap_alloc_bytes > 0'
}

@test "its memstats are what its memory shows" {
	serve
	asked "http://$address/debug/vars"
	[ "$status" -eq 0 ]
	holds '.endpoints[0] | .outcome == "ok" and .source == "expvar" and .http_status == 200 and .contradicted == []'
	holds '.endpoints[0].figures.heap_sys_bytes > 0 and .endpoints[0].figures.num_gc == .memory.num_gc'
}

@test "what it listens on is found, and only the paths for debugging are asked" {
	serve
	gomemctl endpoint "$started" --json
	[ "$status" -eq 0 ]
	holds '[.endpoints[] | select(.outcome == "ok") | .source] == ["expvar", "prometheus"]'
	[ "$(grep '^asked' "$ready_output" | sort -u | tr '\n' ' ')" = "asked /debug/pprof/heap asked /debug/vars asked /metrics " ] ||
		fail "$(cat "$ready_output")"
}

@test "over TLS by a certificate of its own, by url and found" {
	serve -tls
	asked "https://$address/debug/vars"
	holds '.endpoints[0].outcome == "ok" and .endpoints[0].contradicted == []'
	gomemctl endpoint "$started" --json
	holds 'any(.endpoints[]; .outcome == "ok" and (.url | startswith("https://")))'
}

@test "over a unix socket, beneath the process's own root" {
	serve -listen "unix:$home/debug.sock"
	asked "http://unix:$home/debug.sock:/debug/vars"
	holds '.endpoints[0].outcome == "ok" and .endpoints[0].contradicted == []'
	ln -s debug.sock "$home/link"
	asked "http://unix:$home/link:/metrics"
	holds '.endpoints[0].outcome == "ok" and .endpoints[0].source == "prometheus"'
}

@test "a socket that the process itself could not connect to is not asked for it" {
	local theirs
	[ "$(id -u)" -eq 0 ] || skip "another user needs root"
	serve -listen "unix:$home/private.sock"
	cp "$(program)" /tmp/gomemd-test-endpoint.$$
	start_ready setpriv --reuid 65534 --regid 65534 --clear-groups "/tmp/gomemd-test-endpoint.$$" -listen 127.0.0.1:0
	theirs=$started
	rm "/tmp/gomemd-test-endpoint.$$"
	gomemctl endpoint "$theirs" --url "http://unix:$home/private.sock:/debug/vars" --json
	holds '.endpoints[0].outcome == "refused"'
	chmod 777 "$home/private.sock"
	gomemctl endpoint "$theirs" --url "http://unix:$home/private.sock:/debug/vars" --json
	holds '.endpoints[0].outcome == "ok"'
}

@test "in another network namespace, at 127.0.0.1, and not in this one" {
	[ "$(id -u)" -eq 0 ] || skip "another namespace needs root"
	start_ready unshare -n sh -c 'ip link set lo up 2>/dev/null || ifconfig lo up; exec "$@"' sh "$(program)" -listen 127.0.0.1:6060
	! (: <"/dev/tcp/127.0.0.1/6060") 2>/dev/null || skip "somebody listens on 6060 here"
	asked http://127.0.0.1:6060/debug/vars
	holds '.endpoints[0].outcome == "ok" and .endpoints[0].contradicted == []'
	gomemctl endpoint "$started" --json
	holds 'any(.endpoints[]; .outcome == "ok" and .source == "expvar")'
}

@test "what a tenant's own network forbids is refused, and no right is missing for that" {
	[ "$(id -u)" -eq 0 ] || skip "another namespace needs root"
	start_ready unshare -n sh -c 'ip link set lo up && ip route add prohibit 127.0.0.2 table local; exec "$@"' sh "$(program)" -listen 127.0.0.1:6060
	asked http://127.0.0.2:6060/debug/vars
	holds '.endpoints[0].outcome == "refused"'
}

@test "a packed answer is unpacked" {
	serve -fault zipped
	asked "http://$address/debug/vars"
	holds '.endpoints[0].outcome == "ok" and .endpoints[0].contradicted == []'
}

@test "one that lies about its heap is contradicted by its memory" {
	serve -fault lies
	asked "http://$address/debug/vars"
	holds '.endpoints[0].contradicted == ["heap_alloc_bytes", "total_alloc_bytes"]'
	holds '.memory.heap_alloc_bytes < 1073741824'
}

@test "of figures of the wrong type none is known, and the others are" {
	serve -fault types
	asked "http://$address/debug/vars"
	holds '.endpoints[0].figures == {"frees": 7}'
}

@test "a redirect is not followed" {
	fault redirect status
	! says "$ready_output" elsewhere || fail "$(cat "$ready_output")"
}

@test "one that never answers times out" { fault silent timeout; }
@test "one that answers byte by byte times out" { fault slow timeout; }
@test "an endless body is too large" { fault endless too-large; }
@test "a body that unpacks to a gigabyte is too large" { fault bomb too-large; }
@test "a body of too many values is too large" { fault values too-large; }
@test "a body that is too deep is too large" { fault deep too-large; }
@test "an endless header is too large" { fault header too-large; }
@test "one that closes at once is garbled" { fault close garbled; }
@test "an answer that is cut off is garbled" { fault cut garbled; }
@test "random bytes are garbled" { fault garbage garbled; }
@test "an answer without figures has nothing" { fault other nothing; }
@test "what is not there is not" { fault missing status; }

@test "nobody who listens is refused, and names are none" {
	serve
	asked "http://127.0.0.1:$(free_port)/metrics"
	holds '.endpoints[0].outcome == "refused"'
	gomemctl endpoint "$started" --url http://example.org/metrics
	[ "$status" -eq 2 ]
}

@test "without the library it is said, and nothing else fails" {
	serve
	[ "$(id -u)" -eq 0 ] || skip "hiding a library needs root"
	output=$(unshare -m sh -c 'for f in $(ldconfig -p | sed -n "s/.*=> \(.*libcurl[^ ]*\)/\1/p"); do mount --bind /dev/null "$f"; done; exec "$@"' \
		sh "$gomemctl" endpoint "$started" --url "http://$address/metrics" --json 2>/dev/null) || true
	holds '.endpoints[0].outcome == "no-library" and .memory.heap_alloc_bytes > 0'
}

etcd() {
	local program peer port
	program=$("$top/tests/lib/programs.sh" "$1")
	port=$(free_port) peer=http://127.0.0.1:$(free_port)
	start env -i PATH="$PATH" HOME="$home" GOGC=137 GOMEMLIMIT=1234567890 "$program" --enable-pprof --data-dir "$home/data" \
		--log-level error --listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
		--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" \
		>"$BATS_TEST_TMPDIR/output" 2>&1 </dev/null
	eventually 60 curl -sf --max-time 10 -o "$home/page" "http://127.0.0.1:$port/debug/vars"
	gomemctl endpoint "$started" --json
	[ "$status" -eq 0 ] || fail "$errors"
	holds '[.endpoints[] | select(.outcome == "ok") | .source] == ["expvar", "prometheus", "pprof"]'
	holds '[.endpoints[] | select(.outcome == "ok" and .source != "pprof") | .contradicted] == [[], []]'
	holds '.memory.gogc == 137 and all(.endpoints[] | .figures.gogc; . == null or . == 137)'
}

@test "etcd of bookworm: all three, and none contradicted" { etcd etcd@bookworm; }
@test "etcd of trixie: all three, and none contradicted" { etcd etcd@trixie; }

prometheus() {
	local program port
	program=$("$top/tests/lib/programs.sh" "$1")
	port=$(free_port)
	printf 'scrape_configs: []\n' >"$home/prometheus.yml"
	start env -i PATH="$PATH" HOME="$home" "$program" --config.file="$home/prometheus.yml" \
		--storage.tsdb.path="$home/data" --web.listen-address="127.0.0.1:$port" \
		>"$BATS_TEST_TMPDIR/output" 2>&1 </dev/null
	eventually 60 curl -sf --max-time 10 -o "$home/page" "http://127.0.0.1:$port/metrics"
	gomemctl endpoint "$started" --json
	holds '[.endpoints[] | select(.outcome == "ok") | .source] == ["prometheus", "pprof"]'
	holds 'all(.endpoints[] | select(.source == "prometheus"); .contradicted == [] and .figures.goroutines > 0)'
}

@test "prometheus of bookworm has no expvar" { prometheus prometheus@bookworm; }
@test "prometheus of trixie has no expvar" { prometheus prometheus@trixie; }
