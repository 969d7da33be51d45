#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: check.sh [PART]...
#
# make check: every part in turn, each with its time; after a failure the others are run all the same.
# At the end stand what failed, by name, and a line a part; the last line is "N passed, N failed, N skipped"
# over all parts. A part says the same of itself in its last such line; one that fails without saying so is
# one failure.
#
#	deps    packages of Debian
#	build   gcc, then clang (objects in build/clang): neither may warn
#	lint    the sources as text
#	unit    without root and without Go programs
#	asan    the same under ASan and UBSan
#	fuzz    each fuzz target over its corpus, and for FUZZ_SECONDS (5) more
#	native  real Go programs on this machine
#	guest   systemd and cgroup v2 in a guest
#	kube    pods of a real container runtime in a guest
set -u

cd "$(dirname "$(realpath "$0")")/.." || exit 1

[ "$(id -u)" -eq 0 ] || { echo "make check needs root; make check-quick does without" >&2; exit 1; }
jobs=$(nproc)
log=$(mktemp "${TMPDIR:-/tmp}/check.XXXXXX")
trap 'rm -f "$log"' EXIT

part_deps() {
	tests/deps.sh
}

part_build() {
	make -j "$jobs" all && make -j "$jobs" CC=clang BUILD=build/clang all
}

part_lint() {
	tests/lint.sh
}

part_unit() {
	make check-unit
}

part_asan() {
	make -j "$jobs" asan
}

part_fuzz() {
	FUZZ_SECONDS=${FUZZ_SECONDS:-5} tests/fuzz.sh
}

part_native() {
	tests/native.sh
}

part_guest() {
	tests/guest/run
}

part_kube() {
	GUEST_RINGS=kube tests/guest/run
}

# faults NAME: a line for each thing that failed in the part whose output is in $log.
faults() {
	grep -aE '^(not ok|failed) |^fuzz-[^ ]+: failed|^\[  FAILED  \]|error: |: \*\*\* ' "$log" |
		sort -u | head -n 20 | sed "s/^/$1: /"
}

passed=0 failed=0 skipped=0 summary=() faulty=()
run_part() {
	local name=$1 start=$SECONDS code counts=(0 0 0) line result=ok
	echo "==== $name"
	# Not in this shell: a part that exits ends itself alone.
	("part_$name") </dev/null 2>&1 | tee "$log"
	code=${PIPESTATUS[0]}
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
	[ -z "$line" ] || read -ra counts <<<"$(tr -dc '0-9 \n' <<<"$line" | tr -s ' ')"
	if [ "$code" -ne 0 ] && [ "${counts[1]}" -eq 0 ]; then counts[1]=1; fi
	passed=$((passed + counts[0]))
	failed=$((failed + counts[1]))
	skipped=$((skipped + counts[2]))
	if [ "${counts[1]}" -ne 0 ]; then
		result=FAILED
		mapfile -t -O ${#faulty[@]} faulty < <(faults "$name")
	fi
	summary+=("$(printf '%-8s %-7s %5d s  %4d passed %4d failed %4d skipped' "$name" "$result" \
		$((SECONDS - start)) "${counts[@]}")")
	echo "==== ${summary[-1]}"
}

parts=(deps build lint unit asan fuzz native guest kube)
[ $# -eq 0 ] || parts=("$@")
for name in "${parts[@]}"; do
	declare -F "part_$name" >/dev/null || { echo "check.sh: no part '$name'" >&2; exit 2; }
	run_part "$name"
done

echo "==== all parts, $((SECONDS / 60)) min $((SECONDS % 60)) s"
[ ${#faulty[@]} -eq 0 ] || printf '%s\n' "${faulty[@]}"
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
