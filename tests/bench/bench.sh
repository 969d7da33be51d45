#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make bench: figures, never a verdict. Native: locating and sampling, on Go programs of four releases and Debian's own,
# interleaved; cold starts; what the daemon costs with 100 calm ones. In the guest: the cost with its real cgroups (and a
# clock that is slower than this machine's).
set -eu -o pipefail

cd "$(dirname "$(realpath "$0")")/../.."
# shellcheck source=tests/lib/cache.sh
. tests/lib/cache.sh
# shellcheck source=tests/lib/wait.sh
. tests/lib/wait.sh

pids=()
scratch=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX")

stop_all() {
	local pid
	# One that has ended is no concern.
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	rm -rf "$scratch"
}
trap stop_all EXIT

ready() {
	local i
	for ((i = 0; i < 200; i++)); do
		! build/gomemctl probe "$1" >/dev/null 2>&1 || return 0
		wait_seconds 0.05
	done
	die "process $1 does not become readable"
}

start() {
	local name=$1
	shift
	(cd "$scratch" && exec "$@" >"$scratch/$name.log" 2>&1) &
	pids+=("$!")
	names+=("$name")
	ready "$!"
}

echo "reports of escape analysis, MB for each second of one processor: median (minimum to maximum) of five rounds"
tests/bench/escape.sh

names=()
programs=$(tests/lib/build-programs.sh --program srv --variant stripped build/tests/programs 1.19 1.22 1.24 1.27)
for program in $programs; do
	start "$(basename "$program")" "$program" -live 50 -garbage 20
done
start etcd "$(tests/lib/programs.sh etcd)" --data-dir "$scratch/etcd" --listen-client-urls http://127.0.0.1:12479 \
	--advertise-client-urls http://127.0.0.1:12479 --listen-peer-urls http://127.0.0.1:12480
start containerd "$(tests/lib/programs.sh containerd)" --root "$scratch/root" --state "$scratch/state" \
	--address "$scratch/sock"

echo "microseconds: median (minimum to maximum); three interleaved rounds"
for round in 1 2 3; do
	for i in "${!pids[@]}"; do
		build/bench/bench "${pids[$i]}" 2000 | jq -r --arg n "${names[$i]}" --arg r "$round" \
			'[$n, $r] + [.locate, .sample, .sample_by_helper | "\(.median_us) (\(.min_us) to \(.max_us))"] | @tsv'
	done
done | { printf 'program\tround\tlocate\tsample\tsample by helper\n'; cat; }
for events in connector bpf; do COLDSTART_EVENTS=$events tests/bench/coldstart.sh; done
for which in 1.19-plain 1.27-pie; do COLDSTART_PROGRAM=$which tests/bench/coldstart.sh; done
echo "goroutine creation that is limited:"
tests/bench/throttle.sh
echo "the daemon and its helpers, in all: median (minimum to maximum) of three rounds of 20 seconds"
tests/bench/cost.sh
echo "a scrape of its metrics; the goal is 5 ms of CPU:"
tests/bench/scrape.sh
echo "in the guest, whose system calls take several times as long as this machine's:"
GUEST_OUT=$scratch/out GUEST_RINGS=uml tests/guest/run 90-cost >&2
cat "$scratch/out/uml/cost"
