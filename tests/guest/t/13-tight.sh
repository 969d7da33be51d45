# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# A death spiral ends: (a) by relaxing a static soft limit where there is room, (b) by saying which limit would fit.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

cpu() {
	tail -n 1 "/run/$1.out" | jq -r .gc_cpu_seconds
}
ended() {
	unit_is "$1" failed || [ "$(unit_get "$1" SubState)" = exited ]
}

# (a) 100 MiB live under GOMEMLIMIT=100MiB, in a cgroup of 512 MiB.
load=(-live 100 -garbage 10 -duration 20s)
spiral=(MemoryMax=512M MemorySwapMax=0 RemainAfterExit=yes 'Environment=GOMEMLIMIT=104MiB')
srv control 1.24 "${spiral[@]}" -- "${load[@]}"
eventually 60 ended control
gomemd_start 'mode = enforce' 'look_max = 1s'
srv treated 1.24 "${spiral[@]}" -- "${load[@]}"
eventually 30 audit_has treated '.GOMEMD_REASON == "tight" and .GOMEMD_OUTCOME == "done"'
eventually 60 ended treated
same "it was not killed" success "$(unit_get treated Result)"
echo "GC CPU: $(cpu control) s without, $(cpu treated) s with"
jq -n --argjson a "$(cpu control)" --argjson b "$(cpu treated)" -e '$b < 0.7 * $a' >/dev/null ||
	fail "GC CPU did not fall by 30 %"

# (b) 110 MiB live in 128 MiB: nothing fits.
srv toolarge 1.24 MemoryMax=128M MemorySwapMax=0 -- -live 106 -garbage 5 -duration 60s
does_not_fit() {
	journalctl --sync
	journalctl -o json --no-pager GOMEMD_ALERT=does-not-fit GOMEMD_WORKLOAD=toolarge.service |
		jq -e '(.GOMEMD_RECOMMENDED_LIMIT | tonumber) > 134217728'
}
eventually 60 does_not_fit
changes() {
	audit_of toolarge | jq -s '[.[] | select(.GOMEMD_LEVER == "soft_limit" and .GOMEMD_OUTCOME == "done")] | length'
}
before=$(changes)
never_within 5 unit_is toolarge failed
at_most "changes in five seconds more: no oscillation" $((before + 2)) "$(changes)"
