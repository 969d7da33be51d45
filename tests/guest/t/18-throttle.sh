# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# Garbage before throttle: only where collecting did not help is memory.high set, through systemd, above what is there
# and below the limit; it is a lease, and goes when the daemon goes.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s'
srv full 1.24 MemoryMax=512M MemorySwapMax=0 -- -live 415 -garbage 30
dir=$(unit_cgroup full)
throttled() { [ "$(cgroup_get "$dir" memory.high)" != max ]; }
eventually 90 throttled
high=$(cgroup_get "$dir" memory.high)
at_most "memory.high" $((512 << 20)) "$high"
same "systemd knows of it" "$high" "$(unit_get full MemoryHigh)"
audit_has full '.GOMEMD_LEVER == "memory_high" and .GOMEMD_REASON == "throttle"' || fail "no record of memory.high"
first_of() { audit_of full | jq -rs "[.[] | select(.GOMEMD_LEVER == \"$1\")][0].time"; }
[[ "$(first_of gogc)" < "$(first_of memory_high)" ]] || fail "memory.high came before GOGC"
systemctl daemon-reload
same "after daemon-reload" "$high" "$(cgroup_get "$dir" memory.high)"
systemctl stop gomemd
same "after the daemon's stop" max "$(cgroup_get "$dir" memory.high)"
same "it lives" active "$(unit_get full ActiveState)"
