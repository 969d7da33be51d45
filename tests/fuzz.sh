#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: fuzz.sh [NAME]...
#
# Builds the fuzz targets (tests/fuzz/fuzz-NAME.c) under ASan and UBSan and runs each for FUZZ_SECONDS (600),
# FUZZ_JOBS (the CPUs) at a time: first tests/fuzz/seeds/NAME, where there are any, then mutations. One line per target,
# and "N passed, N failed, N skipped" last. A crash, a leak or a hang fails; its input is kept as
# build/fuzz/crash-NAME-*. What a run has learned stays in build/fuzz/corpus/NAME.
set -u

cd "$(dirname "$(realpath "$0")")/.." || exit 1
clang=${CLANG:-clang}
build=${BUILD:-build}/fuzz
seconds=${FUZZ_SECONDS:-600}
jobs=${FUZZ_JOBS:-$(nproc)}
sanitize="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -DGOMEMD_SANITIZED"
libs="libsystemd json-c libseccomp"

if ! command -v "$clang" >/dev/null; then
	echo "fuzz: skipped, no $clang (apt-get install clang)"
	echo "0 passed, 0 failed, 1 skipped"
	exit 1
fi

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
	for source in tests/fuzz/fuzz-*.c; do
		name=${source##*/fuzz-}
		names+=("${name%.c}")
	done
fi

# The house without its main programs, as the Makefile has it, by its own rule and warnings.
read -ra objects < <(make -s --no-print-directory BUILD="$build" print-library)
[ ${#objects[@]} -gt 0 ] || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
mkdir -p "$build/corpus" "$build/log"
make -s V=1 -j "$jobs" BUILD="$build" CC="$clang" OPT=-O1 SANITIZE="$sanitize" "${objects[@]}" \
	>"$build/log/build" 2>&1 || { cat "$build/log/build"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }

# As long as what the target reads can be; more would only be slow.
max_len() {
	case $1 in
	undo) echo 2048 ;;
	cgroup | locate) echo 4400 ;;
	core) echo 2048 ;;
	control) echo 17000 ;;
	buildinfo | pclntab) echo 16384 ;;
	*) echo 8192 ;;
	esac
}

build_one() {
	# shellcheck disable=SC2046,SC2086 # lists of words
	"$clang" -D_GNU_SOURCE -DGOMEMD_VERSION='"fuzz"' -Idaemon -I. -Itests -std=gnu11 -g -O1 -Wall -Wextra \
		$(pkg-config --cflags $libs) ${sanitize/fuzzer-no-link/fuzzer} -o "$build/fuzz-$1" \
		"tests/fuzz/fuzz-$1.c" "${objects[@]}" $(pkg-config --libs $libs) -linih \
		-lprotobuf-nanopb -lz >"$build/log/$1" 2>&1
}

run_one() {
	local name=$1 dirs=("$build/corpus/$1") status

	if ! build_one "$name"; then
		echo "fuzz-$name: failed, does not build"
		cat "$build/log/$name"
		return 1
	fi
	mkdir -p "$build/corpus/$name"
	[ -d "tests/fuzz/seeds/$name" ] && dirs+=("tests/fuzz/seeds/$name")
	"$build/fuzz-$name" -max_total_time="$seconds" -max_len="$(max_len "$name")" -timeout=20 \
		-rss_limit_mb=1024 -verbosity=1 -print_final_stats=1 \
		-artifact_prefix="$build/crash-$name-" "${dirs[@]}" >"$build/log/$name" 2>&1
	status=$?
	if [ $status -eq 0 ]; then
		echo "fuzz-$name: ok," "$(sed -n 's/^stat::number_of_executed_units: */runs /p' "$build/log/$name")," \
			"$(grep -Eo 'cov: [0-9]+' "$build/log/$name" | tail -n 1)"
		return 0
	fi
	echo "fuzz-$name: failed ($status), see $build/log/$name"
	tail -n 40 "$build/log/$name"
	return 1
}

passed=0 failed=0 running=0
for name in "${names[@]}"; do
	if [ "$running" -ge "$jobs" ]; then
		if wait -n; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
		running=$((running - 1))
	fi
	run_one "$name" &
	running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
	if wait -n; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	running=$((running - 1))
done

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
