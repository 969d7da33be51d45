# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: uml
# deadline: 300
#
# With endpoint = of a policy the daemon has what programs say of themselves beside their memory: found or named, in a
# network namespace of their own as well; who lies is contradicted in the journal, and who never answers costs nobody else
# anything.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

endpoint() {
	local unit=$1
	shift
	rm -f "/run/$unit.out"
	unit_start "$unit" MemoryMax=300M "StandardOutput=file:/run/$unit.out" "${properties[@]}" -- \
		"$PROGRAMS/endpoint-1.24-plain" "$@"
	eventually 30 srv_ready "$unit"
}

# tier NAME VALUE: of the unit of that name.
tier() {
	printf '[tier %s]\ncgroup = system.slice/%s.service\npriority = 10\nmode = observe\nendpoint = %s\n' "$1" "$1" "$2"
}

# What is known of each, for whoever reads of a failure.
say_endpoints() {
	[ "$code" -ne 0 ] || return 0
	gomemctl status --json | jq -c '.workloads[] | [.workload, (.processes[].endpoint | del(.figures)?)]' >&3
}

properties=()
endpoint found
endpoint liar -fault lies -listen 127.0.0.1:8102
endpoint silent -fault silent -listen 127.0.0.1:8103
endpoint local -tls -listen unix:/run/local.sock
properties=(PrivateNetwork=yes)
endpoint apart -listen 127.0.0.1:8105
properties=()
endpoint off -listen 127.0.0.1:8106

gomemd_start 'mode = observe' 'look_max = 1s' 'metrics_listen = 127.0.0.1:9477'
at_exit say_endpoints
{
	tier found auto
	tier liar http://127.0.0.1:8102/debug/vars
	tier silent auto
	tier local https://unix:/run/local.sock:/metrics
	tier apart http://localhost:8105/debug/vars
} | policy endpoints
systemctl reload gomemd

# says UNIT FILTER: of its one process.
says() {
	gomemctl status "$1.service" --json | jq -e ".workloads[0].processes[0].endpoint | $2"
}

eventually 60 says found '.source == "expvar" and .outcome == "ok" and .figures_age_usec >= 0 and .contradicted == []'
says found '.figures.heap_sys_bytes > 0 and (.url | startswith("http://127.0.0.1:"))'
same "what it was asked" "asked /debug/vars" "$(grep asked /run/found.out | sort -u)"
eventually 60 says local '.source == "prometheus" and .outcome == "ok" and .figures.goroutines > 0'
eventually 60 says apart '.source == "expvar" and .outcome == "ok"'
eventually 60 says liar '.contradicted == ["heap_alloc_bytes", "total_alloc_bytes"]'
eventually 30 journal_has heap_alloc_bytes MESSAGE_ID=07e0ffad144e4746be2ea35697b45806
same "records of others" 0 "$(journalctl -q --boot -o json MESSAGE_ID=07e0ffad144e4746be2ea35697b45806 | jq -r .GOMEMD_WORKLOAD | sed /liar/d | wc -l)"
metric() { http 9477 /metrics | tr -d '\r' | grep -qx "gomemd_workload_endpoints$1{workload=\"$2.service\"} $3"; }
eventually 20 metric _contradicted liar 1
eventually 20 metric _answering found 1
metric _contradicted found 0
at_most "what the daemon itself takes for its heap" $((1 << 30)) \
	"$(gomemctl status liar.service --json | jq '.workloads[0].processes[0].heap_alloc_bytes')"

# Whoever does not answer is told so, and meanwhile the others are looked at and asked.
eventually 60 says silent '.outcome == "timeout" and .figures == {}'
at_most "since the last look at another, in us" 20000000 "$(gomemctl status found.service --json | jq '.workloads[0].age_usec')"
says off '. == null' || fail "off is asked"
metric '' silent 1
eventually 20 metric _answering silent 0
! metric '' off 1 || fail "off is counted"
same "what nobody wanted to be asked" 0 "$(grep -c asked /run/off.out || true)" # none is 1 to grep

# The helper is killed: its next answer comes from another.
helper=$(pgrep -x gomemd-fetch)
kill -KILL "$helper"
another() { [ "$(pgrep -x gomemd-fetch)" ] && [ "$(pgrep -x gomemd-fetch)" != "$helper" ]; }
eventually 60 another
eventually 60 says found '.outcome == "ok" and .figures_age_usec < 10000000'

# Whoever has answered and does not any more is counted as that: its last figures are still there.
kill -STOP "$(unit_pid found)"
eventually 60 metric _answering found 0
says found '.figures.heap_sys_bytes > 0'
kill -CONT "$(unit_pid found)"
eventually 90 metric _answering found 1

# Whoever has rights holds no tenant's bytes, and whoever holds them has no rights.
confined=$(pgrep -x gomemd-http)
same "its rights" 0000000000000000 "$(sed -n 's/^CapEff:\t//p' "/proc/$confined/status")"
same "its user" 65534 "$(stat -c %u "/proc/$confined")"
same "its filter" 2 "$(sed -n 's/^Seccomp:\t//p' "/proc/$confined/status")"
