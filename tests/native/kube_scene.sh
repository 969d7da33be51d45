#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: kube_scene.sh SCRATCH PROGRAM CGROUP SETTING...
#
# In a mount namespace of its own: a program in a pod's cgroup of files, and a daemon that looks at it, until it is told to end.
set -eu

scratch=$1 program=$2 cgroup=$3
shift 3
cd "$(dirname "$(realpath "$0")")/../.."
. tests/lib/cache.sh
. tests/lib/scene.sh

pids=()
end() {
	# One that has ended is no concern.
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait
}

mkdir -p "$scratch/run"
scene_make "$scratch/root"
mkdir -p "$scratch/root/etc/gomemd/policies.d"
[ ! -e "$scratch/policy.ini" ] || cp "$scratch/policy.ini" "$scratch/root/etc/gomemd/policies.d/10-test.ini"
trap end EXIT
trap 'exit 0' TERM
scene_cgroup "$cgroup" 268435456
"$program" -live 5 -idle </dev/null >/dev/null 2>&1 &
pids+=("$!")
scene_place "$!" "$cgroup"
{
	printf '[daemon]\nmode = enforce\nprobes = no\nlook_max = 200ms\n'
	printf '%s\n' "$@"
} >"$scratch/conf"
GOMEMD_ROOT=$scene_root STATE_DIRECTORY=$scratch/state RUNTIME_DIRECTORY=$scratch/run \
	build/gomemd --config "$scratch/conf" >"$scratch/log" 2>&1 &
pids+=("$!")
wait "$!"
