#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tests/unit.sh PROGRAM...: runs unit test programs, one line each, what failed in full; ends with
# "N passed, N failed, N skipped". A program that dies or takes over UNIT_TIMEOUT seconds (120) is a failure.
set -u

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

# The number in cmocka's last line of this kind; 0 where there is none.
count() {
	n=$(sed -n "s/^\[ *$1 *\] \([0-9][0-9]*\) test.*/\1/p" "$log" | tail -n 1)
	echo "${n:-0}"
}

for program in "$@"; do
	timeout "${UNIT_TIMEOUT:-120}" "$program" >"$log" 2>&1
	status=$?
	p=$(count PASSED) f=$(count FAILED) s=$(count SKIPPED)
	# Died before its summary, or after it: that is one failure more than cmocka has counted.
	if [ $status -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
	elif [ "$((p + f + s))" -eq 0 ]; then
		f=1
	fi
	printf '%-24s %4d passed' "$(basename "$program")" "$p"
	[ "$f" -eq 0 ] || printf ', %d failed' "$f"
	[ "$s" -eq 0 ] || printf ', %d skipped' "$s"
	[ $status -ne 124 ] || printf ' (took over %s s)' "${UNIT_TIMEOUT:-120}"
	printf '\n'
	[ "$f" -eq 0 ] || grep -Ev '^\[ +(RUN|OK) +\]' "$log"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
