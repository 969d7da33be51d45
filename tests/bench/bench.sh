#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make bench: figures, never a verdict. Native: locating and sampling, on Go programs of four releases and Debian's own,
# interleaved. In the guest: what the daemon costs with many Go processes (its clock is slower than this machine's).
set -eu

cd "$(dirname "$(realpath "$0")")/../.."
# shellcheck source=tests/lib/cache.sh
. tests/lib/cache.sh

pids=()
scratch=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX")

stop_all() {
	local pid
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	rm -rf "$scratch"
}
trap stop_all EXIT

ready() {
	local i
	for ((i = 0; i < 200; i++)); do
		! build/gomemctl probe "$1" >/dev/null 2>&1 || return 0
		read -rt 0.05 <> <(:) || true
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

names=()
while read -r program; do
	start "$(basename "$program")" "$program" -live 50 -garbage 20
done < <(tests/lib/build-programs.sh --program srv --variant stripped build/tests/programs 1.19 1.22 1.24 1.27)
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
echo "in the guest, whose system calls take several times as long as this machine's:"
GUEST_OUT=$scratch/out GUEST_RINGS=uml tests/guest/run 90-cost >&2
cat "$scratch/out/uml/cost"
