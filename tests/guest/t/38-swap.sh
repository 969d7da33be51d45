# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: uml
# deadline: 540
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

# From 40 MiB, which fit with their garbage, to 120 in 96. It ends by itself, or when it is told to.
load=(-live 40 -garbage 12 -plan "20:live=120")
srv control 1.24 MemoryMax=96M RemainAfterExit=yes -- "${load[@]}" -duration 60s
eventually 150 ended control
same "without gomemd" success "$(unit_get control Result)"
gomemd_start 'mode = enforce' 'look_max = 1s'
srv treated 1.24 MemoryMax=96M RemainAfterExit=yes -- "${load[@]}" -duration 300s
# What lives is known at the end of a collection, and one that reads from swap can take its time.
stands_aside() {
	gomemctl status treated.service --json |
		jq -e '[.workloads[0].processes[0].levers[] | select(.lever == "soft_limit" or .lever == "gogc") |
			.reason == "swap" and .ours == false] == [true, true]'
}
eventually 200 stands_aside
journal_has 'treated.service: its live data does not fit into 96.0M.*or it is swapped' -u gomemd || fail "nobody is told"
audit_has treated '.GOMEMD_OUTCOME == "restored"' || fail "no record says that it was given back"
systemctl kill -s TERM treated
eventually 60 ended treated
same "with gomemd" success "$(unit_get treated Result)"
# By its own word. Else it would be GOGC 10 and 96 MiB, and three times the CPU time for its collections.
same "GOGC at the end" 100 "$(said treated gogc)"
same "its soft limit" "$(said control memory_limit_bytes)" "$(said treated memory_limit_bytes)"
