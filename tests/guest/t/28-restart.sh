# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# tight = restart: a service whose live data has outgrown its limit is restarted cleanly before the kernel kills it, where
# that gives something back, and never twice in a row; elsewhere it is said why not.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s'
policy 60-tight <<-'INI'
	[tier outgrown]
	limit = 100Mi..200Mi
	priority = 10
	tight = restart
	[outgrown.emergency]
	when = usage > 92% limit
	gogc = 10
	[scope only-said]
	cgroup = system.slice/said.service
	mode = recommend
INI
systemctl reload gomemd

# restarts UNIT FILTER: its records of restarts that the filter takes.
restarts() {
	audit_of "$1" | jq -e "select(.GOMEMD_RESTART) | select($2)" >/dev/null
}
another_run() {
	[ "$(unit_get "$1" InvocationID)" != "$2" ] && unit_is "$1" active
}

# shellcheck disable=SC2016,SC2154 # evaluated at the end
at_exit '[ "$code" -eq 0 ] || journalctl -q -o short-monotonic -u swelling.service -u leak.scope -g "swelling|Memory cgroup|Killed" | cut -c1-160 | tail -n 40 >&3'
# One that is too large from its start on, and three that come to be: governed, only told of, and none that could be started.
small=(MemoryMax=128M MemorySwapMax=0)
load=(-live 10 -garbage 1 -http)
srv large 1.24 "${small[@]}" -- -live 106 -garbage 5
srv swelling 1.24 "${small[@]}" -- "${load[@]}" 127.0.0.1:7001
srv said 1.24 "${small[@]}" Environment=GOMEMLIMIT=118MiB -- "${load[@]}" 127.0.0.1:7002
at_exit 'systemctl kill -s KILL leak.scope'
systemd-run --quiet --scope --unit=leak --property=MemoryMax=128M --property=MemorySwapMax=0 -- \
	"$PROGRAMS/srv-1.24-plain" "${load[@]}" 127.0.0.1:7003 </dev/null >/run/scope.out 2>&1 &
run=$(unit_get swelling InvocationID)
start_is_known() {
	gomemctl explain "$1.service" --json | jq -e '.explain.restart.live_at_start_bytes > 0'
}
eventually 90 start_is_known swelling
eventually 90 start_is_known said
# In two steps, as no burst of garbage is to decide who is first; the last leaves a collector no room within 92 % of the limit,
# and the kernel some MiB still. The second answer may not come: it is restarted, or killed, over what it is told there.
for port in 7001 7002 7003; do http "$port" '/set?live=86'; done
collected() { [ "$(probe "$(unit_pid swelling)" heap_marked_bytes)" -gt $((80 << 20)) ]; }
eventually 60 collected
for port in 7001 7002 7003; do http "$port" '/set?live=103' || true; done

eventually 60 another_run swelling "$run"
restarts swelling '.GOMEMD_OUTCOME == "begun" and (.GOMEMD_LIVE | tonumber) > 4 * (.GOMEMD_LIVE_AT_START | tonumber)' ||
	fail "it is not said before why it is restarted"
eventually 20 restarts swelling '.GOMEMD_OUTCOME == "done"'
! journal_has "swelling.service: .*'oom-kill'" || fail "the kernel was first"

eventually 30 restarts said '.GOMEMD_OUTCOME == "recommended"'
eventually 30 restarts large '.GOMEMD_RESTART == "no-gain" or .GOMEMD_RESTART == "start-unknown"'
journalctl --sync
eventually 30 eval "gomemctl audit leak.scope --json | jq -e 'select(.GOMEMD_RESTART == \"no-service\")'"

# Once, however soon it is tight again, and over a restart of the daemon.
waits() {
	gomemctl explain swelling.service --json | jq -e '.explain.restart.wait_usec > 500000000'
}
eventually 20 waits
systemctl restart gomemd
eventually 20 waits
! restarts said '.GOMEMD_OUTCOME != "recommended"' || fail "what only was to be said was done"
