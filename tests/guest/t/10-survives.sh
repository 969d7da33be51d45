# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 180
#
# The promise: a service that makes garbage in 128 MiB is killed without gomemd, and lives with it at the same load. The
# latency of its requests is told for both, of the killed one as it said last.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

load=(-live 70 -garbage 150 -latency 20ms -duration 15s -http 127.0.0.1:8001)
limits=(MemoryMax=128M MemorySwapMax=0)

stopped() {
	unit_is "$1" failed || unit_is "$1" inactive
}

srv control 1.22 "${limits[@]}" -- "${load[@]}"
last=
follow() {
	local now
	if now=$(http 8001 /stats 2>/dev/null) && [ "$now" ]; then last=$now; fi
	stopped control
}
eventually 40 follow
say_figure survives "P99 without gomemd, until it was killed: $(jq -r '"\(.p99_ms) ms of \(.requests) requests"' <<<"${last:-null}")"
same "result without gomemd" oom-kill "$(unit_get control Result)"

gomemd_start 'mode = enforce'
srv treated 1.22 RemainAfterExit=yes "${limits[@]}" -- "${load[@]}"
finished() {
	unit_is treated failed || [ "$(unit_get treated SubState)" = exited ]
}
eventually 60 finished
cat /run/treated.out
gomemctl audit treated.service
same "result with gomemd" success "$(unit_get treated Result)"
tail -n 1 /run/treated.out | jq -e '.num_gc > 5' >/dev/null || fail "it made no garbage"
say_figure survives "P99 with gomemd, to its end: $(tail -n 1 /run/treated.out | jq -r '"\(.p99_ms) ms of \(.requests) requests"')"
audit_has treated '.GOMEMD_LEVER == "soft_limit" and .GOMEMD_OUTCOME == "done"' ||
	fail "no soft limit in the audit"
