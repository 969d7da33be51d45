#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# Go programs that nobody here wrote, as Debian ships them: stripped, of several Go releases. Each is
# started with GOGC=137 and GOMEMLIMIT=1234567890, which have to be read back; what it says of itself
# on its own /metrics before and after the probe brackets the rest.

load lib.bash

setup_file() {
	command -v curl >/dev/null || fail "curl is not installed"
}

setup() {
	home=$BATS_TEST_TMPDIR/home
	mkdir "$home"
	port=$(free_port)
	metrics_url=http://127.0.0.1:$port/metrics
}

teardown() {
	stop_all
}

# start_debian NAME ARG...: sets $started and $version, the Go release by the toolchain's own account.
start_debian() {
	local program
	program=$("$top/tests/lib/programs.sh" "$1")
	shift
	version=$("$(latest_toolchain)/bin/go" version "$program" | sed 's/.*: //')
	cd "$home" || return 1
	start env -i PATH="$PATH" HOME="$home" GOGC=137 GOMEMLIMIT=1234567890 "$program" "$@" \
		>"$BATS_TEST_TMPDIR/output" 2>&1 </dev/null
}

latest_toolchain() {
	"$top/tests/lib/toolchain.sh" "$(go_versions | tail -n 1)"
}

# scrape: the exposition as one JSON object, of the figures without labels and the program's own.
scrape() {
	alive "$started" || fail "it ended: $(tail -n 5 "$BATS_TEST_TMPDIR/output")" || return 3
	scraped=$(curl -sf --max-time 10 "$metrics_url" | grep '^go_[a-z_]* ' |
		jq -Rn '[inputs | split(" ") | {(.[0]): (.[1] | tonumber)}] | add') &&
		[ "$scraped" != null ]
}

# What a client library does not export is not compared.
bracketed() {
	differences=$(jq -rn -L "$BATS_TEST_DIRNAME" --argjson before "$1" --argjson after "$2" \
		--argjson probe "$output" 'include "metrics"; differences($before; $after; $probe)')
	[ -z "$differences" ] || fail "$differences"
}

read_back() {
	probe "$started"
	holds '.gogc == 137 and .memory_limit_bytes == 1234567890'
	holds '.goroutines_created >= .goroutines and .gc_cpu_ns >= 0 and .gc_cpu_ns <= 2 * .cpu_ns + 100000000'
	holds '.last_minute.gc_cycles == .num_gc or .num_gc > 256 or .last_minute.over_usec > 59000000'
	holds '.go_version == $version' --arg version "$version"
	holds '.exe == $exe' --arg exe "$(readlink "/proc/$started/exe")"
	holds 'all(.gates[]; .ok) and .runtime_count == 1'
	holds '.goroutines > 0 and .heap_live_bytes > 0'
}

# Every site of its heap and every goroutine has a name, and the list of these is as long as the runtime counts it, but
# for what comes and goes meanwhile.
profiles_read() {
	gomemctl goroutines "$started" --json
	[ "$status" -eq 0 ] || fail "goroutines: $errors" || return 1
	holds '.unreadable == 0 and .left_out == 0 and all(.groups[]; .function != "?")' || return 1
	holds '.goroutines > 0 and (.goroutines - .counted | . * .) <= 100' || return 1
	gomemctl heap "$started" --json
	[ "$status" -eq 0 ] || fail "heap: $errors" || return 1
	holds '.profiling == "off" or (.sites | length) > 0 and all(.sites[]; .function | startswith("0x") | not)'
}

# The runtime of a running program moves all the time: a few brackets, of which one has to fit.
agrees_with_its_metrics() {
	local before try
	eventually 60 scrape
	read_back
	profiles_read
	for try in 1 2 3 4 5; do
		scrape && before=$scraped
		probe "$started"
		scrape
		! bracketed "$before" "$scraped" || return 0
		echo "# bracket $try does not fit"
	done
	return 1
}

etcd() {
	local peer
	peer=http://127.0.0.1:$(free_port)
	start_debian "$1" --data-dir "$home/data" --log-level error \
		--listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
		--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer"
	agrees_with_its_metrics
}

prometheus() {
	printf 'scrape_configs: [{job_name: self, scrape_interval: 1s, static_configs: [{targets: ["127.0.0.1:%s"]}]}]\n' \
		"$port" >"$home/prometheus.yml"
	start_debian "$1" --config.file="$home/prometheus.yml" --storage.tsdb.path="$home/data" \
		--web.listen-address="127.0.0.1:$port"
	agrees_with_its_metrics
}

node_exporter() {
	start_debian "$1" --web.listen-address="127.0.0.1:$port"
	agrees_with_its_metrics
}

caddy() {
	printf '{\n\tadmin 127.0.0.1:%s\n}\n' "$port" >"$home/Caddyfile"
	start_debian "$1" run --config "$home/Caddyfile"
	agrees_with_its_metrics
}

containerd() {
	[ "$(id -u)" -eq 0 ] || skip "containerd needs root"
	metrics_url=http://127.0.0.1:$port/v1/metrics
	cat >"$home/config.toml" <<-END
		version = 2
		root = "$home/root"
		state = "$home/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$home/containerd.sock"
		[ttrpc]
		address = "$home/containerd.ttrpc.sock"
		[metrics]
		address = "127.0.0.1:$port"
	END
	start_debian "$1" --config "$home/config.toml"
	agrees_with_its_metrics
}

# It has no such metrics: the settings, and what its monitor says of its own.
nats() {
	local monitor
	monitor=$(free_port)
	start_debian "$1" -a 127.0.0.1 -p "$port" -m "$monitor"
	eventually 30 curl -sf --max-time 10 -o "$home/varz" "http://127.0.0.1:$monitor/varz"
	read_back
	holds '.gomaxprocs == $said' --argjson said "$(jq .gomaxprocs "$home/varz")"
}

soak_only() {
	[ -n "${SOAK:-}" ] || skip "only with SOAK=1; its sister of the other suite runs"
}

@test "etcd of bookworm agrees with its own metrics" { etcd etcd@bookworm; }
@test "etcd of trixie agrees with its own metrics" { etcd etcd@trixie; }
@test "prometheus of bookworm agrees with its own metrics" { prometheus prometheus@bookworm; }
@test "prometheus of trixie agrees with its own metrics" { prometheus prometheus@trixie; }
@test "caddy of bookworm agrees with its own metrics" { soak_only && caddy caddy@bookworm; }
@test "caddy of trixie agrees with its own metrics" { caddy caddy@trixie; }
@test "containerd of bookworm agrees with its own metrics" { containerd containerd@bookworm; }
@test "containerd of trixie agrees with its own metrics" { soak_only && containerd containerd@trixie; }
@test "node-exporter of bookworm agrees with its own metrics" { soak_only && node_exporter node-exporter@bookworm; }
@test "node-exporter of trixie agrees with its own metrics" { node_exporter node-exporter@trixie; }
@test "nats-server of bookworm is read back" { soak_only && nats nats-server@bookworm; }
@test "nats-server of trixie is read back" { nats nats-server@trixie; }
