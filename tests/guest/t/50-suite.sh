# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: suite
# deadline: 100000
#
# The comparison: each scenario of tests/suite under each regime, one JSON line a run in /t/out/suite.jsonl.
# tests/suite/run starts it and judges the lines; here nothing but a run that could not be made fails.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh
# shellcheck source=tests/suite/lib.sh
. /t/suite/lib.sh

read -r base_seconds rounds swap_mib pattern regimes </t/suite/settings
[ "$swap_mib" = 0 ] || zram_swap "$swap_mib"
at_exit "regime=plain; clean_up; regime_begin"
names=()

# sweep_of SCENARIO: more regimes for those that are compared with a curve.
sweep_of() {
	load_scenario "$1"
	[ -z "$sweep" ] || [[ " $regimes " != *" sweep "* ]] || echo gogc50 gogc75 gogc150 gogc200 gogc400
}

for path in /t/suite/scenarios/*.scenario; do
	scenario=$(basename "$path" .scenario)
	# shellcheck disable=SC2053 # The right side is meant as a pattern.
	[[ $scenario == $pattern ]] || continue
	for ((round = 0; round < rounds; round++)); do
		for regime in ${regimes//sweep/} $(sweep_of "$scenario"); do
			run_one "$scenario" "$regime" >>/t/out/suite.jsonl
		done
	done
done
[ -s /t/out/suite.jsonl ] || fail "no scenario is named like '$pattern'"
