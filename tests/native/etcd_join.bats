#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# A large program that nobody here wrote, at work: what etcd allocates for 100,000 puts and 100,000 ranges is joined with
# what the compiler said when it was built. The oracles are what the client was answered, what the server counts itself, the
# sum that the profile has by go tool pprof, and the report's own lines.
#
# What is not joined is what no line is printed for; to Go 1.24 these are appends too, so that the share there is that of
# what requests append to. It grows with the copies of a buffer that a range makes after a put: two clients that read what
# they have put, one after the other, are such a load.

load lib.bash
load escape.bash

requests=100000 # of each kind
clients=2

setup() {
	work=$BATS_TEST_TMPDIR
}

teardown() {
	stop_all
	rm -rf "${data:-/nonexistent}"
}

soak_only() {
	[ -n "${SOAK:-}" ] || skip "only with SOAK=1: it takes a quarter of an hour; escape_join.bats does the same on a small program"
}

healthy() {
	alive "$started" || { cat "$work/log"; return 3; }
	curl -sf --max-time 10 "http://$endpoint/health" | grep -q '"health":"true"'
}

start_etcd() {
	local peer
	endpoint=127.0.0.1:$(free_port)
	peer=http://127.0.0.1:$(free_port)
	# In memory, so that no disk is waited for.
	data=$(mktemp -d /dev/shm/gomemd-etcd.XXXXXX)
	start env -i PATH="$PATH" HOME="$work" "$built/etcd" --data-dir "$data" --unsafe-no-fsync --enable-pprof \
		--log-level error --listen-client-urls "http://$endpoint" --advertise-client-urls "http://$endpoint" \
		--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" \
		>"$work/log" 2>&1 </dev/null
	eventually 120 healthy
}

# counted METHOD: calls that the server has answered well, by its own metrics.
counted() {
	curl -sf --max-time 60 "http://$endpoint/metrics" |
		awk -v method="grpc_method=\"$1\"" '/^grpc_server_handled_total/ && /grpc_code="OK"/ && index($0, method) { print $2 }'
}

# What was allocated up to here is all in the profile once a collection has ended.
profile_of_load() {
	start_etcd
	"$built/etcd-load" "$endpoint" "$requests" "$clients" >"$work/answered"
	[ "$(jq -c '[.puts, .ranges]' "$work/answered")" = "[$requests,$requests]" ]
	[ "$(counted Put | jq -s 'add == $n' --argjson n "$requests")" = true ]
	[ "$(counted Range | jq -s 'add >= $n' --argjson n "$requests")" = true ]
	curl -sf --max-time 300 -o "$work/profile" "http://$endpoint/debug/pprof/allocs?gc=1"
	stop "$started"
}

# told VERSION: the figures, and where most of what has no line was allocated.
told() {
	jq -r '"\(.share * 1000 | floor / 10) % of \(.bytes_total / 1048576 | floor) MiB joined, \(.share_with_implicit * 1000 | floor / 10) % with class 0; \(.unjoined)"' \
		<<<"$output" | sed "s/^/# Go $1: /"
	jq -r '[.sites[] | select(.outcome != "site")][:20][] | "\(.share * 1000 | floor / 10) % \(.outcome) \(.function):\(.line)"' \
		<<<"$output" | sed 's/^/#	/'
}

# Of no line that something was allocated at and not joined the report says that anything is on the heap.
nothing_missed() {
	local missed
	jq -r '.sites[] | select(.outcome != "site" and .file) | "\(.file):\(.line)"' <<<"$output" >"$work/unjoined"
	[ -s "$work/unjoined" ]
	missed=$(awk 'NR == FNR { unjoined[$0] = 1; next }
		/: moved to heap: / || / escapes to heap$/ { split($1, p, ":"); if ((p[1] ":" p[2]) in unjoined) print }' \
		"$work/unjoined" "$built/report")
	[ -z "$missed" ] || fail "said, and not joined: $missed"
}

# joins VERSION FLOOR
joins() {
	local built endpoint
	built=$("$top/tests/lib/etcd.sh" "$1")
	profile_of_load
	DEADLINE=600 escape join --binary "$built/etcd" --profile "$work/profile" --report "$built/report" --top 1000 --json
	told "$1" >&3
	# What a request takes at the least: its key, its value, the messages that they are in.
	holds '.bytes_total > 2000 * $n' --argjson n "$requests"
	holds '.bytes_total == $n' --argjson n "$(bytes_in "$work/profile" "$1")"
	holds '.bytes_total == .bytes_joined + ([.unjoined[]] | add)'
	nothing_missed
	holds '.share >= $floor' --argjson floor "$2"
	holds '.share_with_implicit >= 0.98'
}

@test "etcd built with Go 1.24: its profile is joined with the report of its build" { soak_only && joins 1.24 0.81; }
@test "etcd built with Go 1.26: its profile is joined with the report of its build" { soak_only && joins 1.26 0.94; }
