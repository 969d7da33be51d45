# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 180
#
# The promise: a service that makes garbage in 128 MiB is killed without gomemd, and lives with it at the same load.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

load=(-live 70 -garbage 150 -latency 20ms -duration 15s)
limits=(MemoryMax=128M MemorySwapMax=0)

stopped() {
	unit_is "$1" failed || unit_is "$1" inactive
}

srv control 1.22 "${limits[@]}" -- "${load[@]}"
eventually 40 stopped control
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
tail -n 1 /run/treated.out | jq -r '"P99 under governance: \(.p99_ms) ms"'
audit_has treated '.GOMEMD_LEVER == "soft_limit" and .GOMEMD_OUTCOME == "done"' ||
	fail "no soft limit in the audit"
