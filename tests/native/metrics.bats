#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # those of lib.bash
#
# What a daemon serves on metrics_listen: promtool finds nothing to say, a Prometheus of Debian's scrapes it, the figures are
# those of the programs' own /metrics, and nobody's requests harm it. The rules: each alert fires where it should, and is
# silent where something is missing.

load lib.bash

setup_file() {
	build srv 1.24
	"$top/tests/lib/programs.sh" prometheus@bookworm >"$BATS_FILE_TMPDIR/prometheus"
	"$top/tests/lib/programs.sh" promtool@bookworm >"$BATS_FILE_TMPDIR/promtool"
}

teardown() {
	stop_all
}

# serve [SETTING...]: the daemon in a mount namespace of its own, over cgroups of files; one holds a busy program, one an idle
# one. Sets $port, $busy_port, $idle_port, $socket.
serve() {
	local program
	port=$(free_port) busy_port=$(free_port) idle_port=$(free_port)
	program=$(built srv 1.24 | head -n 1)
	scratch=$BATS_TEST_TMPDIR
	start unshare --mount "$top/tests/native/metrics_scene.sh" "$scratch" "$program" "$busy_port" "$idle_port" \
		"metrics_listen = ${listen:-127.0.0.1:$port}" "$@" >"$scratch/scene.log" 2>&1
	eventually 60 serves
}

serves() {
	alive "$started" || { cat "$scratch/scene.log" "$scratch/log"; return 3; }
	fetch /readyz | grep -qx ok && fetch /metrics | grep -q 'workload="idle.service"'
}

fetch() {
	if [ "${listen:-}" ]; then
		curl -sS --max-time 20 --unix-socket "$listen" "${@:2}" "http://localhost$1"
	else
		curl -sS --max-time 20 "${@:2}" "http://127.0.0.1:$port$1"
	fi
}

# figure NAME WORKLOAD [LABEL="VALUE"]
figure() {
	fetch /metrics | awk -v s="gomemd_workload_$1{workload=\"$2\"${3:+,$3}}" 'index($0, s " ") == 1 { print $2 }'
}

own() {
	curl -sS --max-time 20 "http://127.0.0.1:$1/metrics" | sed -n "s/^srv_$2 //p"
}

# near PERMILLE WANTED ACTUAL
near() {
	awk -v p="$1" -v w="$2" -v a="$3" 'BEGIN { exit !(a != "" && a >= w * (1 - p / 1000) && a <= w * (1 + p / 1000)) }' ||
		fail "wanted $2 within $1 permille, it is '$3'"
}

@test "promtool has nothing to say about the text, and OpenMetrics ends as it must" {
	serve
	fetch /metrics >"$scratch/text"
	run "$(cat "$BATS_FILE_TMPDIR/promtool")" check metrics <"$scratch/text"
	[ "$status" -eq 0 ] && [ -z "$output" ] || fail "$output"
	fetch /metrics -H 'Accept: application/openmetrics-text; version=1.0.0' -D "$scratch/header" >"$scratch/open"
	grep -qi '^content-type: application/openmetrics-text; version=1.0.0' "$scratch/header"
	[ "$(tail -n 1 "$scratch/open")" = '# EOF' ]
	grep -q '^# TYPE gomemd_build info$' "$scratch/open"
	# Every series is of a family that the man page has, and is there once.
	grep -v '^#' "$scratch/text" | sed 's/ [^ ]*$//' | sort | uniq -d >"$scratch/twice"
	[ ! -s "$scratch/twice" ] || fail "$(cat "$scratch/twice")"
	grep -v '^#' "$scratch/text" | sed 's/[{ ].*//; s/_\(bucket\|sum\|count\)$//' | sort -u | while read -r name; do
		grep -q "^\.BR $name \"" "$top/doc/gomemd-metrics.7" || fail "$name is not in the man page" || exit 1
	done
}

agree_idle() {
	near 20 "$(own "$idle_port" heap_goal_bytes)" "$(figure heap_goal_bytes idle.service)" &&
		near 50 "$(own "$idle_port" heap_alloc_bytes)" "$(figure heap_alloc_bytes idle.service)" &&
		[ "$(figure goroutines idle.service)" -ge 1 ] && [ "$(figure anon_bytes idle.service)" = 6291456 ] &&
		[ "$(figure limit_bytes idle.service)" = 268435456 ] && [ "$(figure gogc_percent idle.service)" = 100 ]
}

set_busy() {
	curl -sS --max-time 20 "http://127.0.0.1:$busy_port/set?idle=$1" >/dev/null
}

daemon_looks() {
	fetch /metrics | sed -n 's/^gomemd_looks_total //p'
}

# both NAME OWN: what the daemon counts and what the program does, which does nothing and has been looked at since.
both() {
	figure "$1" busy.service
	own "$busy_port" "$2"
}

# rest: nothing is allocated any more, no collection has ended since, and looks of both programs have seen that.
rest() {
	local at=0 ended=none
	set_busy true
	rests() {
		[ "$(own "$busy_port" num_gc)" = "$ended" ] || { ended=$(own "$busy_port" num_gc) at=$(daemon_looks); return 1; }
		[ "$(daemon_looks)" -ge $((at + 8)) ]
	}
	eventually 60 rests
}

@test "figures are those of the kernel's files and of the program's own" {
	local cycles bytes pauses now now_cycles seen missed seen_before missed_before
	serve
	eventually 30 agree_idle
	rest
	seen_before=$(figure gc_pause_seconds_count busy.service)
	missed_before=$(figure gc_pauses_missed_total busy.service)
	mapfile -t cycles < <(both gc_cycles_total num_gc)
	mapfile -t bytes < <(both allocated_bytes_total total_alloc_bytes)
	mapfile -t pauses < <(both gc_pause_seconds_sum pause_total_ns)
	set_busy false
	counted() { [ "$(figure gc_cycles_total busy.service)" -ge $((cycles[0] + 100)) ]; }
	eventually 90 counted
	rest
	mapfile -t now < <(both gc_cycles_total num_gc)
	now_cycles=${now[0]}
	near 20 $((now[1] - cycles[1])) $((now_cycles - cycles[0]))
	mapfile -t now < <(both allocated_bytes_total total_alloc_bytes)
	near 20 $((now[1] - bytes[1])) $((now[0] - bytes[0]))
	mapfile -t now < <(both gc_pause_seconds_sum pause_total_ns)
	# What a late look missed is in no bucket, and its share not in the sum: counted, and all there with it.
	seen=$(($(figure gc_pause_seconds_count busy.service) - seen_before))
	missed=$(($(figure gc_pauses_missed_total busy.service) - missed_before))
	near 20 $((now_cycles - cycles[0])) $((seen + missed))
	near 100 $(((now[1] - pauses[1]) * seen / (seen + missed))) \
		"$(awk -v a="${now[0]}" -v b="${pauses[0]}" 'BEGIN { printf "%d", (a - b) * 1e9 }')"
}

@test "a series ends with its workload, and counters of the others never go back" {
	local before
	serve
	before=$(figure gc_cycles_total busy.service)
	curl -sS --max-time 5 "http://127.0.0.1:$idle_port/exit" >/dev/null 2>&1 || true # it ends before it answers
	touch "$scratch/end-idle"
	ended() { ! fetch /metrics | grep -q idle.service; }
	eventually 60 ended
	[ "$(figure gc_cycles_total busy.service)" -ge "$before" ]
}

@test "a Prometheus scrapes it: up, nothing left out, and the figures are in its answers" {
	local web
	serve
	web=$(free_port)
	cp "$top/deploy/prometheus/gomemd.rules.yml" "$scratch/"
	cat >"$scratch/prometheus.yml" <<-END
		global: {scrape_interval: 1s, evaluation_interval: 1s}
		rule_files: [gomemd.rules.yml]
		scrape_configs:
		  - job_name: gomemd
		    honor_labels: true
		    static_configs: [{targets: ["127.0.0.1:$port"]}]
	END
	start "$(cat "$BATS_FILE_TMPDIR/prometheus")" --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/tsdb" \
		--web.listen-address="127.0.0.1:$web" >"$scratch/prometheus.log" 2>&1
	ask_prometheus() {
		curl -sS --max-time 10 --get --data-urlencode "query=$1" "http://127.0.0.1:$web/api/v1/query" |
			jq -r '.data.result[0].value[1]'
	}
	is_up() { [ "$(ask_prometheus 'up{job="gomemd"}')" = 1 ]; }
	eventually 60 is_up
	has_workload() { [ "$(ask_prometheus 'gomemd_workload_limit_bytes{workload="idle.service"}')" = 268435456 ]; }
	eventually 20 has_workload
	[ "$(ask_prometheus gomemd_metrics_dropped_total)" = 0 ]
	recorded() { [[ $(ask_prometheus 'workload:gomemd_room_used:ratio{workload="idle.service"}') == 0.0* ]]; }
	eventually 20 recorded
	[ "$(curl -sS "http://127.0.0.1:$web/api/v1/targets" | jq -r '.data.activeTargets[0].lastError')" = "" ]
}

@test "only GET and HEAD, only what there is, and who is slow, many or long is cut off" {
	local code i
	serve
	[ "$(fetch /metrics -o /dev/null -w '%{http_code}' -X POST -d x=y)" = 405 ]
	[ "$(fetch /metrics -o /dev/null -w '%{http_code}' -X DELETE)" = 405 ]
	[ "$(fetch /other -o /dev/null -w '%{http_code}')" = 404 ]
	[ "$(fetch /metrics -I -o /dev/null -w '%{http_code} %{size_download}')" = "200 0" ]
	code=$(fetch /metrics -o /dev/null -w '%{http_code}' -H "X: $(head -c 40000 /dev/zero | tr '\0' x)" || true) # refused: curl says so, and the code is judged
	[ "$code" != 200 ] || fail "a header of 40000 bytes was taken"
	python3 - "$port" <<-'END'
		import socket, sys, time
		port = int(sys.argv[1])
		slow = []
		for i in range(40):
		    s = socket.create_connection(("127.0.0.1", port), 5)
		    s.settimeout(0.01)
		    slow.append(s)
		# A byte now and then: never idle, and yet ended.
		end = time.monotonic() + 100
		open_ones = set(slow)
		n = 0
		while open_ones and time.monotonic() < end:
		    n += 1
		    for s in list(open_ones):
		        try:
		            s.sendall(b"GET /metrics HTTP/1.1\r\n"[n - 1:n] if n <= 23 else b"x")
		            if s.recv(4096) == b"":
		                open_ones.discard(s)
		        except socket.timeout:
		            pass
		        except OSError:
		            open_ones.discard(s)
		    time.sleep(0.2)  # the pace of a slow client
		assert not open_ones, "%d slow connections are still there" % len(open_ones)
	END
	fetch /livez | grep -qx ok
	[ "$(figure limit_bytes idle.service)" = 268435456 ]
}

@test "a unix socket, in the place of one that was left there; and not in that of a file" {
	listen=$BATS_TEST_TMPDIR/metrics.sock
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$listen"
	serve
	fetch /metrics | grep -q '^gomemd_build_info'
	stop "$started"
	[ ! -e "$listen" ]
	echo precious >"$listen"
	start unshare --mount "$top/tests/native/metrics_scene.sh" "$scratch" "$(built srv 1.24 | head -n 1)" "$busy_port" "$idle_port" \
		"metrics_listen = $listen" >"$scratch/scene.log" 2>&1
	eventually 30 says "$scratch/log" 'Cannot serve metrics'
	[ "$(cat "$listen")" = precious ]
}

@test "what is no address is refused with what would be right; without the library it is said, and all else works" {
	local value
	for value in :9477 9477 localhost:9477 127.0.0.1 127.0.0.1:0 127.0.0.1:65536 '[::1]' '::1:9477' yes; do
		printf '[daemon]\nmetrics_listen = %s\n' "$value" >"$BATS_TEST_TMPDIR/conf"
		run "$top/build/gomemd" --check-config --config "$BATS_TEST_TMPDIR/conf"
		[ "$status" -eq 78 ] && [[ $output == *127.0.0.1:9477* ]] || fail "$value: $status $output"
	done
	scratch=$BATS_TEST_TMPDIR port=$(free_port)
	NO_LIBRARY=1 start unshare --mount "$top/tests/native/metrics_scene.sh" "$scratch" "$(built srv 1.24 | head -n 1)" \
		"$(free_port)" "$(free_port)" "metrics_listen = 127.0.0.1:$port" >"$scratch/scene.log" 2>&1
	eventually 60 says "$scratch/log" 'libmicrohttpd12'
	looks() { "$gomemctl" --socket "$scratch/run/control.sock" status --json | jq -e '.workloads | length == 2'; }
	eventually 60 looks
}

@test "the rules are right, and each alert has a case in which it fires and one in which it is silent" {
	local alert promtool
	promtool=$(cat "$BATS_FILE_TMPDIR/promtool")
	cp "$top/deploy/prometheus/gomemd.rules.yml" "$top/tests/native/rules.yml" "$BATS_TEST_TMPDIR/"
	cd "$BATS_TEST_TMPDIR"
	run "$promtool" check rules gomemd.rules.yml
	[ "$status" -eq 0 ] || fail "$output"
	run "$promtool" test rules rules.yml
	[ "$status" -eq 0 ] || fail "$output"
	for alert in $(sed -n 's/.*- alert: //p' gomemd.rules.yml); do
		grep -A1 "alertname: $alert\$" rules.yml | grep -q 'exp_alerts: \[\]' || fail "$alert: no case is silent" || return 1
		grep -A1 "alertname: $alert\$" rules.yml | grep -q 'exp_alerts:$' || fail "$alert: no case fires" || return 1
		grep -qx "## $alert" "$top/doc/RUNBOOKS.md" || fail "$alert: doc/RUNBOOKS.md does not have it" || return 1
		grep -q "runbook: doc/RUNBOOKS.md#${alert,,}\$" gomemd.rules.yml || fail "$alert: no runbook" || return 1
	done
	# Every metric that the rules name is one of the man page.
	grep -ohE '\bgomemd_[a-z_]+' gomemd.rules.yml | sed 's/_bucket$//' | sort -u | while read -r name; do
		case $name in gomemd_room_used | gomemd_nongo | gomemd_heap_alloc_ratio | gomemd_allocated_bytes | gomemd_gc_cpu_seconds | gomemd_gc_pause_seconds | gomemd_rolled_back) continue ;; esac
		grep -q "^\.BR $name \"" "$top/doc/gomemd-metrics.7" || fail "$name is not in the man page" || exit 1
	done
}
