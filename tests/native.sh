#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: native.sh [FILE.bats]...
#
# Runs the tests of tests/native against real Go programs on this machine, root only; prints a line a
# test and "N passed, N failed, N skipped" last. With SOAK=1 all variants of the programs and the full
# lengths; ROUNDS is how often a comparison is made. A file that ends early counts as failed; where no more than two fail,
# each is judged by a second attempt.
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

# count PATTERN FILE...: lines of what bats printed.
count() {
	cat "${@:2}" | grep -cE "$1" || true # none is a count too
}

# What hangs is ended, a test or else its file; what that had not got to counts as failed.
deadline=20m
: "${BATS_TEST_TIMEOUT=600}"
if [ -n "${SOAK:-}" ]; then deadline=12h BATS_TEST_TIMEOUT=36000; fi
export BATS_TEST_TIMEOUT
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(tests/native/*.bats)
logs=$(mktemp -d "${TMPDIR:-/tmp}/native.XXXXXX")
trap 'rm -rf "$logs"' EXIT
build

# attempt FILE: its output is kept, and how bats ended. Tests of a file with "# jobs: N" wait more than they work, and for
# each other they need not.
attempt() {
	local start=$SECONDS code=0 log=$logs/${1##*/} jobs
	jobs=$(sed -n 's/^# jobs: \([0-9]*\)$/\1/p' "$1")
	say "native: ${1##*/}"
	timeout -k 10 "$deadline" bats --formatter tap --jobs "${jobs:-1}" "$1" </dev/null 2>&1 | tee "$log" || code=1
	echo "$code" >"$log.code"
	say "native: ${1##*/} took $((SECONDS - start)) s"
}

planned() {
	sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$@" | awk '{ n += $1 } END { print n + 0 }'
}

# faults FILE: tests that failed or gave no result; bats can fail outside of a test.
faults() {
	local log=$logs/${1##*/} n
	n=$(($(planned "$log") - $(count '^ok ' "$log")))
	[ "$n" -gt 0 ] || n=$(<"$log.code")
	echo "$n"
}

failing=()
for file in "${tests[@]}"; do
	attempt "$file"
	[ "$(faults "$file")" -eq 0 ] || failing+=("$file")
done

# Much here depends on when a scheduler lets whom run. A fault that is always there is there again; one that is not is said
# here, to be looked into, and does not stop the work of others. Many at once are no chance.
if [ ${#failing[@]} -gt 0 ] && [ ${#failing[@]} -le 2 ]; then
	for file in "${failing[@]}"; do
		say "native: ${file##*/} has $(faults "$file") faults, and is judged by a second attempt"
		attempt "$file"
		[ "$(faults "$file")" -gt 0 ] || say "native: ${file##*/} FAILED at the first attempt only"
	done
fi

failed=0
for file in "${tests[@]}"; do failed=$((failed + $(faults "$file"))); done
skipped=$(count '^ok .* # skip' "$logs"/*.bats)
passed=$(($(count '^ok ' "$logs"/*.bats) - skipped))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
