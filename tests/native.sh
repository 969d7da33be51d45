#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: native.sh [FILE.bats]...
#
# Runs the tests of tests/native against real Go programs on this machine, root only; prints a line a
# test and "N passed, N failed, N skipped" last. With SOAK=1 all variants of the programs and the full
# lengths; ROUNDS is how often a comparison is made. A file that ends early counts as failed.
set -eu -o pipefail

cd "$(dirname "$(realpath "$0")")/.."

# shellcheck source=tests/lib/cache.sh
. tests/lib/cache.sh
[ "$(id -u)" -eq 0 ] || die "the processes of others are for root to look at"

# What the tests will ask for, here and not in the first test: so its progress is seen.
build() {
	local quick=(--quick) program list
	[ -z "${SOAK:-}" ] || quick=()
	make -s all build/tests/native-write build/tests/native-profile build/tests/native-trace
	list=$(tests/lib/build-programs.sh "${quick[@]}" build/tests/programs)
	say "native: $(wc -l <<<"$list") Go programs are ready after $SECONDS s"
	for program in forged fuse-block; do
		tests/lib/build-programs.sh --program "$program" build/tests/programs >/dev/null
	done
}

count() {
	grep -cE "$1" "$log" || true
}

# What hangs is ended, a test or else its file; what that had not got to counts as failed.
deadline=20m
: "${BATS_TEST_TIMEOUT=600}"
if [ -n "${SOAK:-}" ]; then deadline=12h BATS_TEST_TIMEOUT=36000; fi
export BATS_TEST_TIMEOUT
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(tests/native/*.bats)
log=$(mktemp "${TMPDIR:-/tmp}/native.XXXXXX")
trap 'rm -f "$log"' EXIT
build

code=0
for file in "${tests[@]}"; do
	start=$SECONDS
	say "native: ${file##*/}"
	timeout -k 10 "$deadline" bats --formatter tap "$file" </dev/null 2>&1 | tee -a "$log" || code=1
	say "native: ${file##*/} took $((SECONDS - start)) s"
done

planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
skipped=$(count '^ok .* # skip')
passed=$(($(count '^ok ') - skipped))
failed=$(count '^not ok ')
lost=$((planned - passed - failed - skipped))
[ "$lost" -le 0 ] || { say "native: $lost tests gave no result"; failed=$((failed + lost)); }
# bats can fail outside of a test.
[ "$code" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
