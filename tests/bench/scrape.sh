#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: scrape.sh
#
# What an answer on metrics_listen costs with 100 workloads (SCRAPE_WORKLOADS): the daemon's CPU time for making one, how long
# a client waits for it, and how large it is. The scene is that of cost.sh: real processes, cgroups of files.
set -eu

cd "$(dirname "$(realpath "$0")")/../.."
# shellcheck source=tests/lib/cache.sh
. tests/lib/cache.sh
# shellcheck source=tests/lib/wait.sh
. tests/lib/wait.sh
# shellcheck source=tests/lib/scene.sh
. tests/lib/scene.sh

number=${SCRAPE_WORKLOADS:-100} scrapes=50

# Everything below runs inside the namespaces.
if [ "${SCRAPE_INSIDE:-}" != yes ]; then
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/bench-scrape.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	program=$(tests/lib/build-programs.sh --program srv --variant stripped build/tests/programs 1.24)
	SCRAPE_INSIDE=yes unshare --mount --pid --fork --kill-child "$0" "$scratch" "$program"
	exit
fi

scratch=$1 program=$2
mkdir -p "$scratch/run"
scene_make "$scratch/root"
mount -t proc proc /proc
for ((i = 0; i < number; i++)); do
	"$program" -live 1 -idle </dev/null >/dev/null 2>&1 &
	scene_cgroup "calm$i" $((64 << 20))
	scene_place "$!" "calm$i"
done
printf '[daemon]\nprocess_events = no\nmetrics_listen = %s\n' "$scratch/metrics.sock" >"$scratch/conf"
GOMEMD_ROOT=$scene_root STATE_DIRECTORY=$scratch/state RUNTIME_DIRECTORY=$scratch/run \
	build/gomemd --config "$scratch/conf" >"$scratch/log" 2>&1 &

fetch() {
	curl -sS --max-time 20 --unix-socket "$scratch/metrics.sock" "$@" http://localhost/metrics
}

all_known() {
	[ "$(fetch 2>/dev/null | grep -c '^gomemd_workload_heap_alloc_bytes{')" -eq "$number" ]
}

for ((i = 0; i < 300; i++)); do
	! all_known || break
	wait_seconds 0.2
done
all_known || die "not all workloads were found: $(tail -n 5 "$scratch/log")"

counted() {
	fetch | awk '/^gomemd_scrapes_total / { n = $2 } /^gomemd_scrape_cpu_seconds_total / { s = $2 } END { print n, s * 1000000 }'
}

read -r n_before us_before < <(counted)
for ((i = 0; i < scrapes; i++)); do
	fetch -o "$scratch/answer" -w '%{time_total}\n' >>"$scratch/times"
done
read -r n_after us_after < <(counted)
echo "a scrape of $number workloads: $(((us_after - us_before) / (n_after - n_before))) us of the daemon's CPU," \
	"$(sort -n "$scratch/times" | awk '{ v[NR] = $1 * 1000000 } END { printf "%d (%d to %d)", v[int((NR + 1) / 2)], v[1], v[NR] }') us until it is there," \
	"$(wc -c <"$scratch/answer") bytes, $(grep -vc '^#' "$scratch/answer") series"
