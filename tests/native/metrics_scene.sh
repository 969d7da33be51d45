#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: metrics_scene.sh SCRATCH PROGRAM BUSY_PORT IDLE_PORT SETTING...
#
# In a mount namespace of its own: a busy and an idle program in cgroups of files, and a daemon that watches them, until it is
# told to end. Where SCRATCH/end-idle appears the idle one ends. NO_LIBRARY hides libmicrohttpd,
# NO_CURL libcurl; AUTHORITIES is the file of certificates that are trusted in place of the system's; MORE
# is a command that runs as well, in more.service.
set -eu

scratch=$1 program=$2 busy=$3 idle=$4
shift 4
cd "$(dirname "$(realpath "$0")")/../.."
. tests/lib/cache.sh
. tests/lib/wait.sh
. tests/lib/scene.sh

pids=()
run_program() {
	scene_cgroup "$1.service" 268435456
	"${@:2}" </dev/null >/dev/null 2>&1 &
	pids+=("$!")
	scene_place "$!" "$1.service"
}

end() {
	# One that has ended is no concern.
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait
}

mkdir -p "$scratch/run"
scene_make "$scratch/root"
if [ "${NO_LIBRARY:-}" ]; then
	for library in /usr/lib/*/libmicrohttpd.so.12* /usr/local/lib/libmicrohttpd.so.12*; do
		[ ! -e "$library" ] || mount --bind /dev/null "$library"
	done
fi
if [ "${NO_CURL:-}" ]; then
	for library in /usr/lib/*/libcurl*.so.4*; do mount --bind /dev/null "$library"; done
fi
if [ "${AUTHORITIES:-}" ]; then mount --bind "$AUTHORITIES" /etc/ssl/certs/ca-certificates.crt; fi
trap end EXIT
trap 'exit 0' TERM
run_program idle "$program" -live 20 -idle -http "127.0.0.1:$idle"
idle_pid=$!
run_program busy "$program" -live 5 -http "127.0.0.1:$busy"
# shellcheck disable=SC2086 # words
[ -z "${MORE:-}" ] || run_program more $MORE
{
	printf '[daemon]\nmode = recommend\nprobes = no\nlook_max = 500ms\n'
	printf '%s\n' "$@"
} >"$scratch/conf"
GOMEMD_ROOT=$scene_root STATE_DIRECTORY=$scratch/state RUNTIME_DIRECTORY=$scratch/run \
	build/gomemd --config "$scratch/conf" >"$scratch/log" 2>&1 &
pids+=("$!")
daemon=$!
while kill -0 "$daemon" 2>/dev/null; do
	if [ -e "$scratch/end-idle" ]; then
		kill "$idle_pid" 2>/dev/null || true
	fi
	wait_seconds 0.2
done
