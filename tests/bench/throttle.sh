#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: throttle.sh [SECONDS]
#
# The cap on goroutine creation: for programs of four releases that create as many as they can, and three caps, the rate
# that the program itself counts, the CPU that it uses, and within how long 95 and 99 % of a neighbour's requests are
# answered: alone, beside the program while it is free, and while it is limited. Each for SECONDS (5).
set -eu -o pipefail

cd "$(dirname "$(realpath "$0")")/../.."
# shellcheck source=tests/lib/cache.sh
. tests/lib/cache.sh
# shellcheck source=tests/lib/wait.sh
. tests/lib/wait.sh

seconds=${1:-5}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/bench-throttle.XXXXXX")
neighbour='' tenant='' limiter=''

end() {
	local pid
	for pid in "$limiter" "$tenant" "$neighbour"; do
		[ -z "$pid" ] || kill "$pid" 2>/dev/null || true # it may have ended
	done
	rm -rf "$scratch"
}
trap end EXIT

answers_within() {
	"$asker" --ask "$scratch/beside" "$seconds" | jq -r '"\(.p95_ms) / \(.p99_ms)"'
}

start_tenant() {
	exec {to}<>"$scratch/in" {from}<>"$scratch/out"
	"$1" 4 <&"$to" >&"$from" &
	tenant=$!
	read -rt 60 -u "$from" _
}

figures() {
	echo figures >&"$to"
	read -rt 60 -u "$from" reply
	echo "$reply"
}

cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$tenant/stat"
}

# measure: a line of rate, CPUs and the neighbour's answers.
measure() {
	local before ticks answers after
	before=$(figures) ticks=$(cpu_ticks)
	answers=$(answers_within)
	after=$(figures) ticks=$(($(cpu_ticks) - ticks))
	jq -nr --argjson a "$before" --argjson b "$after" --arg ticks "$ticks" --arg hz "$(getconf CLK_TCK)" --arg answers "$answers" \
		'(($b.at_ns - $a.at_ns) / 1e9) as $s | "\(($b.started - $a.started) / $s | round)/s, \(($ticks | tonumber) / ($hz | tonumber) / $s * 100 | round / 100) CPU, answers \($answers) ms"'
}

limited() {
	[ "$(sed -n 's/^TracerPid:\t//p' "/proc/$tenant/status")" -ne 0 ]
}

until_not() {
	for _ in {1..200}; do
		"$@" || return 0
		wait_seconds 0.05
	done
	die "still: $*"
}

limit() {
	build/gomemctl throttle "$tenant" --rate "$1/s" --for "$((seconds + 60))s" >/dev/null &
	limiter=$!
	for _ in {1..200}; do
		! limited || return 0
		wait_seconds 0.05
	done
	die "process $tenant is not limited"
}

programs=$(tests/lib/build-programs.sh --program spawner --variant plain build/tests/programs 1.19 1.22 1.24 1.27)
asker=$(tail -n 1 <<<"$programs")
mkfifo "$scratch/in" "$scratch/out"
"$asker" --beside "$scratch/beside" >"$scratch/neighbour" &
neighbour=$!
for _ in {1..200}; do
	! grep -q ready "$scratch/neighbour" || break
	wait_seconds 0.05
done

for program in $programs; do
	name=${program##*/}
	echo "$name: alone, answers $(answers_within) ms (95 % / 99 %)"
	start_tenant "$program"
	echo "$name: free, $(measure)"
	for cap in 2000 20000 100000; do
		limit "$cap"
		echo "$name: cap of $cap/s, $(measure)"
		kill "$limiter"
		wait "$limiter" || true # by the signal just sent
		limiter=''
		until_not limited
	done
	kill "$tenant"
	wait "$tenant" || true # likewise
	tenant=''
done
