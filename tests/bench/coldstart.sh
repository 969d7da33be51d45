#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: coldstart.sh [ROUNDS]
#
# A program with a limit of 128 MiB allocates as fast as it can from its first instruction: how long after its exec its
# soft limit is in place, as it sees that itself, and its highest resident set. ROUNDS (20) rounds of each arm in turn:
# "known", an executable file that the daemon has seen; "new", one that it has not; "alone", without limit and governor.
# The processes are real and so are the daemon's events; their cgroups are made of files, so that a machine without
# cgroup v2 will do: nobody is killed here.
#
#   COLDSTART_PROGRAM   VERSION-VARIANT of the program (1.24-plain)
#   COLDSTART_ARMS      those to run ("known new alone")
#   COLDSTART_DURATION  for how long each start runs (1500ms)
#   COLDSTART_EVENTS    the daemon's process_events (yes)
#   COLDSTART_LOSE      what the daemon has to do without: "net" (the host's network namespace), "btf"
#   COLDSTART_STORM     1: beside each start a storm of execs, more in a second than are told
#   COLDSTART_FIGURES   a file that gets what each start said, in lines of JSON
set -eu -o pipefail

cd "$(dirname "$(realpath "$0")")/../.."
# shellcheck source=tests/lib/cache.sh
. tests/lib/cache.sh
# shellcheck source=tests/lib/wait.sh
. tests/lib/wait.sh
# shellcheck source=tests/lib/scene.sh
. tests/lib/scene.sh

limit=$((128 << 20))
events=${COLDSTART_EVENTS:-yes}
which=${COLDSTART_PROGRAM:-1.24-plain}

# Everything below runs inside the namespaces. Processes are numbered as in the host's: events name them so.
if [ "${COLDSTART_INSIDE:-}" != yes ]; then
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/bench-coldstart.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	program=$(tests/lib/build-programs.sh --program coldstart --variant "${which#*-}" build/tests/programs "${which%%-*}")
	spaces=(--mount)
	[[ ${COLDSTART_LOSE:-} != *net* ]] || spaces+=(--net)
	COLDSTART_INSIDE=yes unshare "${spaces[@]}" "$0" "$scratch" "$program" "${1:-20}"
	[ -z "${COLDSTART_FIGURES:-}" ] || cp "$scratch/figures" "$COLDSTART_FIGURES"
	exit
fi

scratch=$1 program=$2 rounds=$3
daemon='' storm=''

control() {
	build/gomemctl --socket "$scratch/run/control.sock" "$@"
}

# end PID: by a signal, which is no success.
end() {
	[ -n "$1" ] || return 0
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# Probes are off: the machine's other Go programs are none of this.
start_daemon() {
	mkdir -p "$scratch/run"
	printf '[daemon]\nmode = enforce\nprobes = no\nprocess_events = %s\n' "$events" >"$scratch/conf"
	GOMEMD_ROOT=$scene_root STATE_DIRECTORY=$scratch/state RUNTIME_DIRECTORY=$scratch/run \
		build/gomemd --config "$scratch/conf" >"$scratch/log" 2>&1 &
	daemon=$!
	trap 'end "$storm"; end "$daemon"' EXIT
	until control features --json 2>/dev/null |
		jq -e '.features[] | select(.name == "process-events").works != null' >/dev/null; do
		kill -0 "$daemon" || die "the daemon has ended: $(tail -n 5 "$scratch/log")"
		wait_seconds 0.05
	done
	way=$(control features --json | jq -r '.features[] | select(.name == "process-events") | .by // "scans"')
}

processes_made() {
	awk '$1 == "processes" { print $2 }' /proc/stat
}

# Until it has had a second's worth, of 500: then nothing more of this cgroup is told.
is_told_no_more() {
	local before
	before=$(processes_made)
	wait_seconds 1
	[ $(($(processes_made) - before)) -gt 600 ]
}

start_storm() {
	[ "${COLDSTART_STORM:-}" ] || return 0
	(while :; do /bin/true; done) &
	storm=$!
	for _ in {1..20}; do is_told_no_more && return; done
	die "this machine starts no 600 processes in a second beside others"
}

# run ARM FILE CGROUP: one start; its lines go to the figures. The shell waits to be placed and becomes the program.
run() {
	local pid go
	mkfifo "$scratch/go"
	bash -c 'read -r _ <"$2"; exec "$1" -live 50 -duration "$3" -since "$EPOCHREALTIME"' \
		- "$2" "$scratch/go" "${COLDSTART_DURATION:-1500ms}" >"$scratch/said" &
	pid=$!
	[ -z "$3" ] || scene_place "$pid" "$3"
	start_storm
	exec {go}>"$scratch/go"
	echo >&"$go"
	exec {go}>&-
	wait "$pid"
	end "$storm"
	storm=''
	[ -z "$3" ] || umount "$scene_root/proc/$pid/cgroup" 2>/dev/null || true
	rm "$scratch/go"
	jq -c --arg arm "$1" --arg by "$way" '. + { arm: $arm, by: $by }' "$scratch/said" >>"$scratch/figures"
}

# told ARM EVENT FIGURE DIVISOR: median, least and greatest, of how many.
told() {
	jq -r --arg a "$1" --arg e "$2" "select(.arm == \$a and .event == \$e).$3" "$scratch/figures" | sort -n |
		awk -v d="$4" '{ v[NR] = $1 / d }
			END { if (NR) printf "%.1f (%.1f to %.1f, of %d)", v[int((NR + 1) / 2)], v[1], v[NR], NR
			      else printf "none" }'
}

scene_make "$scratch/root"
[[ ${COLDSTART_LOSE:-} != *btf* ]] || mount -t tmpfs none /sys/kernel/btf
start_daemon
scene_cgroup warm "$limit"
run warm "$program" warm
: >"$scratch/figures"
for ((i = 0; i < rounds; i++)); do
	for arm in ${COLDSTART_ARMS:-known new alone}; do
		cp "$program" "$scratch/new"
		[ "$arm" = alone ] || scene_cgroup "$arm$i" "$limit"
		case $arm in
		known) run known "$program" "known$i" ;;
		new) run new "$scratch/new" "new$i" ;;
		alone) run alone "$program" "" ;;
		esac
		rm "$scratch/new"
	done
done
kill "$daemon"
wait "$daemon" || die "the daemon ended with $?: $(tail -n 5 "$scratch/log")"
echo "cold start of $(basename "$program"), exec told by $way: median (least to greatest, of how many)"
for arm in known new; do
	echo "$arm file: soft limit after $(told "$arm" limit us 1000) ms, RSS then $(told "$arm" limit rss_kib 1024) MiB," \
		"highest RSS $(told "$arm" end peak_kib 1024) MiB"
done
echo "alone: highest RSS $(told alone end peak_kib 1024) MiB"
