# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 420
#
# The alarm before the kill: of a service that leaks, the time of its end is told while there is time, with the
# line that grows; the kernel is the judge of that time. What was learned of a service is there at its
# next start.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

alert_id=918d95ed3dc84462b00bdb3ed12b65bb
alerts_of() {
	journalctl --sync
	journalctl -o json --no-pager MESSAGE_ID=$alert_id GOMEMD_WORKLOAD="$1.service"
}
alerted() {
	alerts_of "$1" | jq -se "any(.[]; $2)"
}
gomemd_start 'mode = enforce' 'look_max = 1s' 'audit_burst = 1000'

# It grows by 3 MiB a second, with garbage beside.
rm -f /run/leaky.out
unit_start leaky MemoryMax=320M MemorySwapMax=0 StandardOutput=file:/run/leaky.out StandardInput=null -- \
	"$PROGRAMS/leaker-1.24-plain" -live 24 -still 8 -rate 4 -leak 3072
eventually 30 grep -q ready /run/leaky.out
eventually 90 alerted leaky '.GOMEMD_ALERT == "growth" and (.GOMEMD_SECONDS_TO_OOM | tonumber) > 0'
record=$(alerts_of leaky | jq -sc 'map(select(.GOMEMD_ALERT == "growth"))[0]')
same "a limit for a leak of gigabytes a day" null "$(jq -r .GOMEMD_RECOMMENDED_LIMIT <<<"$record")"
grows() {
	journalctl --sync
	journalctl -o json --no-pager GOMEMD_OCCASION=growth GOMEMD_WORKLOAD=leaky.service | jq -se 'any(.[]; .GOMEMD_FUNCTION == "main.leak")'
}
eventually 60 grows

# At half of its way, by its own memory, and at its end, by the kernel.
halfway() { [ "$(cgroup_get "$(unit_cgroup leaky)" memory.stat anon)" -gt $((180 << 20)) ]; }
eventually 90 halfway
foretold=$(gomemctl explain leaky.service --json | jq '.explain.forecast.to_oom_usec')
from=${EPOCHREALTIME/[.,]/}
gomemctl explain leaky.service | grep '^forecast: growth'
eventually 240 unit_is leaky failed
took=$((${EPOCHREALTIME/[.,]/} - from))
same "result" oom-kill "$(unit_get leaky Result)"
say_figure forecast "half-way, $((foretold / 1000000)) s were foretold; it took $((took / 1000000)) s"
# Near the end the collector has most of the one CPU, and what leaks by the clock leaks slower than before: how exact a forecast
# is, test-forecast judges.
at_least "foretold, and a third of what it took" $((took / 3)) "$foretold"
at_most "foretold, and half as much again as it took" $((took * 3 / 2)) "$foretold"

# Steady: no alert.
srv steady 1.24 MemoryMax=256M -- -live 60 -garbage 40 -mmap 80
learned() { jq -e '.explain.numbers.N > 60 * 1048576' <<<"$(gomemctl explain steady.service --json)"; }
eventually 60 learned
never_within 20 alerted steady true

# It ends, and so does the daemon. The next run of both knows what is not Go's before there is any.
unit_stop steady
systemctl stop gomemd
grep -q '/system.slice/steady.service$' /var/lib/gomemd/learned || fail "nothing was kept of it"
systemctl start gomemd
srv steady 1.24 MemoryMax=256M -- -live 60 -garbage 40
eventually 30 known steady.service
eventually 20 learned
