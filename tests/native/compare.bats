#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# A program stops and publishes what its runtime holds; what gomemctl reads then has to be that.
# ROUNDS times for each program: 15, with SOAK=1 1000.

load lib.bash

setup_file() {
	build publisher
}

teardown() {
	stop_all
}

# change ROUND: something new for the next round.
change() {
	local percents=(37 100 137 400) limits=(9223372036854775807 900000000 2000000000)
	ask gogc "${percents[$(($1 % 4))]}"
	ask limit "${limits[$(($1 % 3))]}"
	ask retain "$((1 + RANDOM % 24))"
	[ "$(($1 % 5))" -ne 0 ] || ask goroutines "$((RANDOM % 20))"
}

# One round; a collection of the runtime's own accord between the two publications makes it none.
round() {
	local before said differences
	ask work "$((1 + RANDOM % 16))"
	ask stop
	before=$reply
	probe "$publisher"
	ask go
	[[ $reply == *'"steady":true'* ]] || return 0
	said=$output
	differences=$(jq -rn -L "$BATS_TEST_DIRNAME" --argjson before "$before" --argjson after "$reply" \
		--argjson probe "$said" 'include "compare"; differences($before; $after; $probe)')
	[ -z "$differences" ] || fail "round $1:" "$differences" "published $before" "probed $said"
	rounds_done=$((rounds_done + 1))
}

compare() {
	local program i rounds=${ROUNDS:-15}
	[ -z "${SOAK:-}" ] || rounds=${ROUNDS:-1000}
	for program in $(built publisher "$1"); do
		echo "# $program"
		publisher_start env GOGC=137 GOMEMLIMIT=1234567890 "$program" -goroutines 30
		rounds_done=0
		for ((i = 0; i < rounds + rounds / 5 && rounds_done < rounds; i++)); do
			[ "$i" -eq 0 ] || change "$i"
			round "$i"
		done
		[ "$rounds_done" -eq "$rounds" ] || fail "only $rounds_done rounds of $i came to rest"
		publisher_stop
	done
}

@test "Go 1.19: settings, cycles and pauses exact, the rest within 1 %" { compare 1.19; }
@test "Go 1.21: settings, cycles and pauses exact, the rest within 1 %" { compare 1.21; }
@test "Go 1.22: settings, cycles and pauses exact, the rest within 1 %" { compare 1.22; }
@test "Go 1.23: settings, cycles and pauses exact, the rest within 1 %" { compare 1.23; }
@test "Go 1.24: settings, cycles and pauses exact, the rest within 1 %" { compare 1.24; }
@test "Go 1.25: settings, cycles and pauses exact, the rest within 1 %" { compare 1.25; }
@test "Go 1.26: settings, cycles and pauses exact, the rest within 1 %" { compare 1.26; }
@test "Go 1.27: settings, cycles and pauses exact, the rest within 1 %" { compare 1.27; }
