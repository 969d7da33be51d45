# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: uml
# deadline: 240
#
# What the service serves on metrics_listen, in its sandbox: figures are those of the kernel's files, of the process's memory
# and of gomemctl; a change is counted; a workload that has ended has no series; a reload moves the server, and a unix socket
# is no worse than an address.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'metrics_listen = 127.0.0.1:9477' 'look_max = 1s' 'helper_deadline = 20s'
# Its name is its own: the journal of the guest has other tests' services in it.
srv metered 1.24 MemoryMax=200M -- -live 40 -idle
eventually 30 srv_ready metered
eventually 30 known metered.service
dir=$(unit_cgroup metered)
pid=$(unit_pid metered)

answers() { http 9477 "$1" | grep -qx ok; }
eventually 60 answers /readyz
answers /livez || fail "/livez does not answer ok"

# value SERIES: as it was scraped, the name with its labels up to the closing brace.
scrape() { scraped=$(http 9477 /metrics | tr -d '\r'); }
value() { awk -v s="$1" 'index($0, s " ") == 1 { print $NF }' <<<"$scraped"; }
of_app() { value "gomemd_workload_$1{workload=\"metered.service\"}"; }
labelled() { value "gomemd_workload_$1{workload=\"metered.service\",$2}"; }

# agree: at rest all of it stands still, and the next look has it.
agree() {
	scrape
	[ "$(of_app limit_bytes)" = "$(cat "$dir/memory.max")" ] &&
		[ "$(of_app anon_bytes)" = "$(cgroup_get "$dir" memory.stat anon)" ] &&
		[ "$(labelled memory_events_total 'event="oom_kill"')" = "$(cgroup_get "$dir" memory.events oom_kill)" ] &&
		[ "$(of_app memory_limit_bytes)" = "$(probe "$pid" memory_limit_bytes)" ] &&
		[ "$(of_app gogc_percent)" = "$(probe "$pid" gogc)" ] &&
		[ "$(of_app heap_live_bytes)" = "$(probe "$pid" heap_marked_bytes)" ] &&
		[ "$(of_app usage_bytes)" = "$(gomemctl status metered.service --json | jq '.workloads[0].usage_bytes')" ]
}
eventually 60 agree
same "state calm" 1 "$(labelled state 'state="calm"')"
same "processes that are believed" 1 "$(of_app processes_proved)"
written() {
	scrape
	[ "$(labelled adjustments_total 'lever="soft_limit",reason="headroom",outcome="done"')" -ge 1 ]
}
eventually 30 written
recorded() {
	scrape
	[ "$(audit_of metered | jq -s '[.[] | select(.GOMEMD_LEVER == "soft_limit" and .GOMEMD_OUTCOME == "done")] | length')" = \
		"$(awk '/^gomemd_workload_adjustments_total{workload="metered.service",lever="soft_limit".*outcome="done"/ { n += $NF } END { print n }' <<<"$scraped")" ]
}
eventually 30 recorded
cgroup=$(unit_cgroup gomemd)
# Between what the kernel's files say before and after the scrape.
before=$(cgroup_get "$cgroup" cpu.stat usage_usec)
scrape
cpu=$(value gomemd_unit_cpu_seconds_total | awk '{ printf "%d", $1 * 1000000 + 0.5 }')
at_least "CPU time of the unit, in us" "$before" "$cpu"
at_most "CPU time of the unit, in us" "$(cgroup_get "$cgroup" cpu.stat usage_usec)" "$cpu"
# It has mapped more than it has now, once: neither its peak nor one process of it is taken for that.
memory_agrees() {
	local now had
	now=$(cgroup_get "$cgroup" memory.current)
	scrape
	had=$(value gomemd_unit_memory_bytes)
	[ "$had" -gt $((now - now / 50)) ] && [ "$had" -lt $((now + now / 50)) ]
}
eventually 20 memory_agrees
grep -m 30 'metered.service' <<<"$scraped"

# A collection, and the counter has it.
cycles=$(of_app gc_cycles_total)
srv busy 1.24 MemoryMax=300M -- -live 20 -garbage 40
rises() { scrape && [ "$(value 'gomemd_workload_gc_cycles_total{workload="busy.service"}')" -ge 3 ]; }
eventually 60 rises
at_least "collections, which never become fewer" "$cycles" "$(of_app gc_cycles_total)"
count=$(value 'gomemd_workload_gc_pause_seconds_count{workload="busy.service"}')
missed=$(value 'gomemd_workload_gc_pauses_missed_total{workload="busy.service"}')
same "pauses and collections" "$(value 'gomemd_workload_gc_cycles_total{workload="busy.service"}')" $((count + missed))

# Gone with the workload.
unit_stop busy
gone() { scrape && ! grep -q 'busy.service' <<<"$scraped"; }
eventually 30 gone

# At another place after a reload; and what cannot be listened on is said.
sed -i 's|^metrics_listen.*|metrics_listen = /run/gomemd/metrics.sock|' "$conf"
systemctl reload gomemd
by_socket() {
	python3 - <<-'END'
		import socket
		s = socket.socket(socket.AF_UNIX)
		s.connect("/run/gomemd/metrics.sock")
		s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\n")
		text = b"".join(iter(lambda: s.recv(65536), b""))
		assert b"200 OK" in text and text.endswith(b"# EOF\n") and b'metered.service' in text
	END
}
eventually 20 by_socket
! (: <>/dev/tcp/127.0.0.1/9477) 2>/dev/null || fail "it still listens on the port"
same "mode and group of the socket" "660 gomemd" "$(stat -c '%a %G' /run/gomemd/metrics.sock)"
same "the same of the control socket" "660 gomemd" "$(stat -c '%a %G' /run/gomemd/control.sock)"
sed -i 's|^metrics_listen.*|metrics_listen = /sys/no.sock|' "$conf"
systemctl reload gomemd
refused() { journal_has 'Cannot serve metrics on /sys/no.sock'; }
eventually 20 refused
gomemctl status metered.service >/dev/null

# The sandbox is as tight as it is meant to be.
exposure=$(systemd-analyze security gomemd.service --no-pager | sed -n 's/.*exposure level for gomemd.service: \([0-9.]*\).*/\1/p')
say_figure metrics "exposure of the unit: $exposure"
at_most "exposure of the unit, in tenths" 35 "$(tr -d . <<<"$exposure")"
