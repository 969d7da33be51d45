#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: cost.sh [SECONDS]
#
# What the daemon and its helpers cost, idle and with 100 calm Go processes (COST_PROCESSES): CPU over windows of SECONDS
# (20), resident and proportional memory. Three rounds, each with both. The processes are real; their cgroups are made
# of files, so that a machine without cgroup v2 will do, and they have a pid namespace of their own, so that nothing
# else on the machine counts. Within that namespace there are no process events: scans every five seconds take their place,
# so the figures are rather too high.
set -eu

cd "$(dirname "$(realpath "$0")")/../.."
# shellcheck source=tests/lib/cache.sh
. tests/lib/cache.sh
# shellcheck source=tests/lib/wait.sh
. tests/lib/wait.sh
# shellcheck source=tests/lib/scene.sh
. tests/lib/scene.sh

number=${COST_PROCESSES:-100}

# Everything below runs inside the namespaces.
if [ "${COST_INSIDE:-}" != yes ]; then
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/bench-cost.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	program=$(tests/lib/build-programs.sh --program srv --variant stripped build/tests/programs 1.24)
	COST_INSIDE=yes unshare --mount --pid --fork --kill-child "$0" "$scratch" "$program" "${1:-20}"
	exit
fi

scratch=$1 program=$2 seconds=$3
daemon=
pids=()

start_programs() {
	local i pid
	pids=()
	for ((i = 0; i < number; i++)); do
		"$program" -live 1 -idle </dev/null >/dev/null 2>&1 &
		pid=$!
		pids+=("$pid")
		scene_cgroup "calm$i" $((64 << 20))
		scene_place "$pid" "calm$i"
	done
}

stop_programs() {
	local pid
	for pid in "${pids[@]}"; do
		umount "$scene_root/proc/$pid/cgroup"
		kill "$pid"
	done
	# Each ended by the signal, which is no success.
	wait "${pids[@]}" 2>/dev/null || true
	pids=()
}

start_daemon() {
	mkdir -p "$scratch/run"
	printf '[daemon]\nmode = enforce\nprocess_events = no\n' >"$scratch/conf"
	GOMEMD_ROOT=$scene_root STATE_DIRECTORY=$scratch/state RUNTIME_DIRECTORY=$scratch/run \
		build/gomemd --config "$scratch/conf" >"$scratch/log" 2>&1 &
	daemon=$!
}

stop_daemon() {
	kill "$daemon"
	wait "$daemon" || die "the daemon ended with $?: $(tail -n 5 "$scratch/log")"
}

cpu_ns() {
	local pid
	for pid in $(scene_family "$daemon"); do cut -d ' ' -f 1 "/proc/$pid/schedstat"; done | awk '{ n += $1 } END { printf "%d\n", n }'
}

known() {
	build/gomemctl --socket "$scratch/run/control.sock" status --json 2>/dev/null | jq '.workloads | length'
}

# measure WHAT: one window; a line of WHAT, millionths of a core, RSS and PSS in KiB. Not one in which a helper has ended,
# as they do at rest: its time is nowhere any more.
measure() {
	local before after members
	for _ in 1 2 3 4 5; do
		members=$(scene_family "$daemon" | sort)
		before=$(cpu_ns)
		wait_seconds "$seconds"
		after=$(cpu_ns)
		[ "$(comm -23 <(echo "$members") <(scene_family "$daemon" | sort))" ] || {
			echo "$1 $(((after - before) / 1000 / seconds)) $(scene_memory_kib "$daemon" Rss) $(scene_memory_kib "$daemon" Pss)" >>"$scratch/figures"
			return
		}
	done
	die "in each of five windows a helper has ended"
}

round() {
	local i
	start_daemon
	# Idle is when the helpers that looked at what was there have ended.
	wait_seconds 25
	measure 0
	stop_daemon
	start_programs
	start_daemon
	for ((i = 0; i < 300; i++)); do
		[ "$(known)" != "$number" ] || break
		wait_seconds 0.2
	done
	[ "$(known)" = "$number" ] || die "$(known) of $number were found: $(tail -n 5 "$scratch/log")"
	# Calm is when the non-Go share has been learned, some seconds after the start.
	wait_seconds 25
	measure "$number"
	stop_daemon
	stop_programs
}

# median WHAT COLUMN: with the least and the greatest.
median() {
	awk -v what="$1" -v c="$2" '$1 == what { print $c }' "$scratch/figures" | sort -n |
		awk '{ v[NR] = $1 } END { printf "%s (%s to %s)", v[int((NR + 1) / 2)], v[1], v[NR] }'
}

scene_make "$scratch/root"
mount -t proc proc /proc
for _ in 1 2 3; do round; done
for what in 0 "$number"; do
	echo "with $what calm Go processes: CPU $(median "$what" 2) us a second, RSS $(median "$what" 3) KiB," \
		"PSS $(median "$what" 4) KiB"
done
