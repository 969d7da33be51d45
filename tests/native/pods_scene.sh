#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: pods_scene.sh SCRATCH PROGRAM NUMBER
#
# In mount and pid namespaces of its own: a node's worth of pods, each a Go program in a cgroup of files as the kubelet's
# systemd driver and containerd name it, beside a sandbox, and its log's link; and a daemon that governs them, until
# it is killed. What the daemon and its helpers hold is in SCRATCH/resident, new every half second: all of it, shared pages by
# their share, and what of it no file has, in KiB.
set -eu

scratch=$1 program=$2 number=$3
cd "$(dirname "$(realpath "$0")")/../.."
. tests/lib/cache.sh
. tests/lib/wait.sh
. tests/lib/scene.sh

hex() {
	sha256sum <<<"$1" | cut -c "1-$2"
}

# pod I: of the three classes in turn.
pod() {
	local uid id class=-burstable slice limit=$((64 << 20))
	uid=$(hex "pod $1" 8)-$(hex "$1" 4)-4$(hex "$1" 3)-8$(hex "$1" 3)-$(hex "$1" 12)
	id=$(hex "container $1" 64)
	case $(($1 % 3)) in
	1) class=-besteffort limit=max ;;
	2) class= ;;
	esac
	slice=kubepods.slice/${class:+kubepods$class.slice/}kubepods$class-pod${uid//-/_}.slice
	for dir in kubepods.slice "kubepods.slice${class:+/kubepods$class.slice}" "$slice" "$slice/cri-containerd-$(hex "sandbox $1" 64).scope"; do
		scene_cgroup "$dir" max
	done
	scene_cgroup "$slice/cri-containerd-$id.scope" "$limit"
	mkdir -p "$scene_root/var/log/pods/shop_cart-$1_$uid/app"
	ln -s "/var/log/pods/shop_cart-$1_$uid/app/0.log" "$scene_root/var/log/containers/cart-$1_shop_app-$id.log"
	"$program" -live 1 -idle </dev/null >/dev/null 2>&1 &
	scene_place "$!" "$slice/cri-containerd-$id.scope"
}

mkdir -p "$scratch/run"
scene_make "$scratch/root"
mount -t proc proc /proc
mkdir -p "$scene_root/var/log/containers"
for ((i = 0; i < number; i++)); do pod "$i"; done
printf '[daemon]\nmode = enforce\nprocess_events = no\n' >"$scratch/conf"
GOMEMD_ROOT=$scene_root STATE_DIRECTORY=$scratch/state RUNTIME_DIRECTORY=$scratch/run \
	build/gomemd --config "$scratch/conf" >"$scratch/log" 2>&1 &
daemon=$!
while kill -0 "$daemon" 2>/dev/null; do
	echo "$(scene_memory_kib "$daemon" Pss) $(scene_memory_kib "$daemon" Anonymous)" >"$scratch/resident.new"
	mv "$scratch/resident.new" "$scratch/resident"
	wait_seconds 0.5
done
