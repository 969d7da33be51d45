#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What being listened to costs a program that does nothing but allocate, on four Go releases: what it gets done in a second
# of its own CPU time, alone and listened to, in turn. Listened to as the daemon does it (all default probes, goal 1 %), by
# Go's own sampler, and by spans where that was left out (goal 3 %). Prints the median of the ratios and their range; that of
# the best of each, which other work on the machine disturbs least; then
# nanoseconds a hit: those in the BPF program, by the kernel's own statistics of it, and all of them, by what got slower.
#
# ROUNDS (5) and SECONDS_EACH (3) say for how long.
set -eu

cd "$(dirname "$(realpath "$0")")/../.."
# shellcheck source=tests/lib/cache.sh
. tests/lib/cache.sh
# shellcheck source=tests/lib/wait.sh
. tests/lib/wait.sh

rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-3}
versions=${VERSIONS:-1.19 1.22 1.24 1.27}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/bench-probes.XXXXXX")
stats=/proc/sys/kernel/bpf_stats_enabled
stats_before=$(cat "$stats")
program="" listener=""

# What has ended already is no concern.
stop_all() {
	[ -z "$listener" ] || kill "$listener" 2>/dev/null || true
	[ -z "$program" ] || kill "$program" 2>/dev/null || true
	echo "$stats_before" >"$stats"
	rm -rf "$scratch"
}
trap stop_all EXIT

# total: the program's MemStats.TotalAlloc.
total() {
	local word bytes="" bytes_now
	printf 'total\n' >&"$to"
	while read -r -u "$from" word bytes_now _ && [ "$word" != "done" ]; do bytes=$bytes_now; done
	printf '%s\n' "$bytes"
}

# ticks: user and system time of the program so far.
ticks() {
	sed 's/.*) //' "/proc/$program/stat" | awk '{ print $12 + $13 }'
}

# runs NAME: how often the BPF program ran, and its nanoseconds.
runs() {
	bpftool prog show --json | jq -r --arg n "$1" \
		'[.[] | select(.name == $n)] | "\([.[].run_cnt // 0] | add // 0) \([.[].run_time_ns // 0] | add // 0)"'
}

# measured BPF-PROGRAM: bytes and ticks of the next seconds, hits and nanoseconds in the BPF program.
measured() {
	local bytes used count spent after_count after_spent
	read -r count spent < <(runs "$1")
	bytes=$(total) used=$(ticks)
	wait_seconds "$seconds"
	bytes=$(($(total) - bytes)) used=$(($(ticks) - used))
	read -r after_count after_spent < <(runs "$1")
	echo "$bytes $used $((after_count - count)) $((after_spent - spent))"
}

start() {
	mkfifo "$scratch/in" "$scratch/out"
	exec {to}<>"$scratch/in" {from}<>"$scratch/out"
	# One P: others that look for work use time as well, and more of it where CPUs are short.
	GOMAXPROCS=1 "$@" <&"$to" >&"$from" &
	program=$!
	read -r -u "$from" _
	total >/dev/null
}

stop() {
	kill "$program"
	# It ended by the signal, which is no success.
	wait "$program" 2>/dev/null || true
	program=""
	exec {to}>&- {from}>&-
	rm "$scratch/in" "$scratch/out"
}

heard_by() {
	bpftool prog show --json | jq -e --arg n "$1" 'any(.[]; .name == $n)' >/dev/null
}

# listen VERB BPF-PROGRAM: from here on, and some time more, since the first slice is no slice like the others.
listen() {
	build/gomemctl "$1" "$program" --for 10min --json >/dev/null 2>&1 &
	listener=$!
	until heard_by "$2"; do wait_seconds 0.05; done
	wait_seconds 1
}

listen_no_more() {
	kill "$listener"
	# So does this.
	wait "$listener" 2>/dev/null || true
	listener=""
}

# arm NAME VERB BPF-PROGRAM COMMAND...: a line of the table.
arm() {
	local i name=$1 verb=$2 bpf=$3 hertz
	hertz=$(getconf CLK_TCK)
	start "${@:4}"
	measured "$bpf" >/dev/null
	for ((i = 0; i < rounds; i++)); do
		printf '%s ' "$(measured "$bpf")"
		listen "$verb" "$bpf"
		measured "$bpf"
		listen_no_more
	done | awk '{
		printf "%.4f %d %d %.0f %.0f %.0f\n", ($5 / $6) / ($1 / $2), $7, $8, $6 - $5 / ($1 / $2), $1 / $2, $5 / $6
	}' | sort -n |
		awk -v name="$name" -v hertz="$hertz" '
			{ ratio[NR] = $1; hits += $2; spent += $3; lost += $4 }
			$5 > alone { alone = $5 }
			$6 > heard { heard = $6 }
			END {
				printf "%s\t%s (%s to %s)\t%.4f\t%d\t%s\t%s\n", name, ratio[int((NR + 1) / 2)], ratio[1], ratio[NR],
					heard / alone, hits,
					(hits > 0 ? sprintf("%.0f", spent / hits) : "-"),
					(hits > 10000 ? sprintf("%.0f", lost / hertz * 1e9 / hits) : "-")
			}'
	stop
}

build() {
	tests/lib/build-programs.sh --program allocator --variant "$2" build/tests/programs "$1" 2>/dev/null
}

echo 1 >"$stats"
printf 'program\tpace, listened to / alone\tbest of each\thits\tns in BPF\tns in all\n'
for version in $versions; do
	sampled=$(build "$version" plain) unsampled=$(build "$version" unsampled)
	arm "$version, default probes" timeline on_cycle "$sampled" -rate 524288 -rounds 100000
	arm "$version, Go's sampler" allocs on_alloc "$sampled" -rate 524288 -rounds 100000
	arm "$version, spans" allocs on_span "$unsampled" -rounds 100000
done
