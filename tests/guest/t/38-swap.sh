# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: uml
# deadline: 400
#
# Live data that does not fit, and swap that takes the rest: what a collection reads back costs more than what it frees, so
# that gomemd stands aside, and says that it does not fit.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

zram_swap 512
said() {
	tail -n 1 "/run/$1.out" | jq -r ".$2"
}
# What it says of itself, for whoever reads of a failure.
say_treated() {
	[ "$code" -ne 0 ] || return 0
	tail -n 3 /run/treated.out >&3
	unit_get treated Result >&3
	tail -n 4 "$(unit_cgroup treated)"/memory.{current,swap.current,events} >&3
}
at_exit say_treated
ended() {
	unit_is "$1" failed || [ "$(unit_get "$1" SubState)" = exited ]
}

# From 40 MiB, which fit with their garbage, to 120 in 96.
load=(-live 40 -garbage 12 -plan "20:live=120" -duration 60s)
srv control 1.24 MemoryMax=96M RemainAfterExit=yes -- "${load[@]}"
eventually 150 ended control
same "without gomemd" success "$(unit_get control Result)"
gomemd_start 'mode = enforce' 'look_max = 1s'
srv treated 1.24 MemoryMax=96M RemainAfterExit=yes -- "${load[@]}"
eventually 90 audit_has treated '.GOMEMD_REASON == "swap" and .GOMEMD_OUTCOME == "restored"'
eventually 30 journal_has 'treated.service: its live data does not fit into 96.0M.*or it is swapped' -u gomemd
eventually 150 ended treated
same "with gomemd" success "$(unit_get treated Result)"
# By its own word. Else it would be GOGC 10 and 96 MiB, and three times the CPU time for its collections.
same "GOGC at the end" 100 "$(said treated gogc)"
same "its soft limit" "$(said control memory_limit_bytes)" "$(said treated memory_limit_bytes)"
echo "GC CPU: $(said control gc_cpu_seconds) s without, $(said treated gc_cpu_seconds) s with"
