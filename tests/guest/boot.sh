#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: boot.sh uml|qemu|qemu-bookworm DIR
#
# Boots a guest that sees DIR as /t, read and write, runs /t/run.sh in it under systemd with its
# output shown as it comes, and exits with the code of run.sh; 99 and the end of the console if no
# code came. Each boot starts from the same image: what the guest does to its own files is lost.
#
#   GUEST_MEM       memory of the guest in MiB (2048 for uml, 3072 for qemu)
#   GUEST_TIMEOUT   seconds after which the boot is given up (3000)
#   GUEST_PACKAGES  more packages in the image
#   GUEST_ACCEL     accelerator of QEMU (emulation by default: /dev/kvm may be there and fail)
#   GUEST_CONSOLE   a file that gets a copy of the console
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/../lib/cache.sh"

# The image's inode tables are not zeroed, nor need they be: the disk of User-Mode Linux cannot.
options=(rootfstype=ext4 rootflags=noinit_itable rw quiet panic=-1 psi=1
	systemd.show_status=0 systemd.getty_auto=0)

# The image's copy on write and the guest's memory are files: best where files are memory.
work_dir() {
	local free
	free=$(df -m --output=avail /dev/shm 2>/dev/null | tail -n 1) || free=0
	if [ "${free:-0}" -gt "$((mem + 1024))" ]; then
		mktemp -d /dev/shm/guest.XXXXXX
	else
		mktemp -d "${TMPDIR:-/tmp}/guest.XXXXXX"
	fi
}

# User-Mode Linux maps its memory file executable, which an image of /dev/shm with noexec forbids;
# the kernel says so on its console. Descriptor 3 is the guest's ttyS0.
start_uml() {
	TMPDIR=$work exec timeout -k 5 "$limit" "$kernel" "mem=${mem}M" seccomp=on \
		"uml_dir=$work" umid=guest "ubd0=$work/cow,$image" root=/dev/ubda \
		con=null con0=null,fd:1 ssl=null ssl0=null,fd:3 "guest.share=$dir" \
		"${options[@]}" </dev/null >"$work/console" 2>&1 3>"$work/output"
}

# The board is q35: the smaller microvm has no clock but the PIT to calibrate by, and a kernel that
# fails at that, as it does when the host is busy, hangs before its console works.
start_qemu() {
	local disk=format=raw,if=none
	exec timeout -k 5 "$limit" qemu-system-x86_64 \
		-M q35 -accel "${GUEST_ACCEL:-tcg,thread=multi,tb-size=512}" \
		-cpu max -smp 2 -m "$mem" -nodefaults -no-user-config -display none -no-reboot \
		-drive "file=$image,id=root,$disk,snapshot=on,cache=unsafe,file.locking=off" \
		-device nvme,drive=root,serial=root \
		-drive "file=$work/in.tar,id=in,$disk,read-only=on" \
		-device virtio-blk-pci,drive=in,serial=input \
		-drive "file=$work/out.tar,id=out,$disk,cache=unsafe" \
		-device virtio-blk-pci,drive=out,serial=output \
		-device virtio-serial-pci -chardev "file,id=port,path=$work/output" \
		-device virtserialport,chardev=port,name=guest.output \
		-serial "file:$work/console" -kernel "$kernel" \
		-append "console=ttyS0 root=/dev/nvme0n1 mitigations=off cryptomgr.notests \
no_timer_check tsc=reliable audit=0 apparmor=0 ${options[*]}" \
		</dev/null >"$work/qemu" 2>&1
}

# The emulated machine has no directory in common with the host: one archive in, one out.
pack_disks() {
	tar -C "$dir" -cf "$work/in.tar" .
	truncate -s %1M "$work/in.tar"
	truncate -s 1G "$work/out.tar"
}

unpack_disk() {
	tar -C "$dir" -xf "$work/out.tar" 2>/dev/null ||
		say "boot.sh: the guest's files did not come back whole"
}

# A guest that hangs before it runs anything would otherwise take the time of a whole suite. Its
# first line comes after 20 s of emulation on an idle machine.
give_up_unless_up() {
	local second
	for ((second = 0; second < up_limit; second++)); do
		[ ! -s "$work/output" ] || return 0
		kill -0 "$1" 2>/dev/null || return 0
		sleep 1 # between two looks
	done
	kill "$1" 2>/dev/null || true
}

# Output is a file rather than a pipe: a reader that stops cannot stop the guest.
boot_once() {
	local vm
	: >"$work/output"
	rm -f "$work/cow"
	if [ "$machine" = uml ]; then start_uml & else start_qemu & fi
	vm=$!
	# Ended by a signal, this script must not leave a virtual machine behind.
	trap 'kill "$vm" 2>/dev/null; rm -rf "$work"' EXIT
	give_up_unless_up "$vm" &
	tail -n +1 -s 0.1 -f --pid="$vm" "$work/output" |
		grep --line-buffered -v -E '^GUEST-(UP|RESULT)' || true
	wait "$vm" 2>/dev/null || true
	trap 'rm -rf "$work"' EXIT
	[ -z "${GUEST_CONSOLE:-}" ] || cp "$work/console" "$GUEST_CONSOLE"
	code=$(sed -n 's/^GUEST-RESULT \([0-9]*\).*/\1/p' "$work/output" | tail -n 1)
}

show_console() {
	say "boot.sh: no result from the guest ($kind, attempt $1); the end of its console:"
	tail -n 40 "$work/console" | tr -d '\r' | sed 's/^/    /' >&2
	[ ! -s "$work/qemu" ] || sed 's/^/    qemu: /' "$work/qemu" >&2
}

# Emulators fail now and then; a guest that came as far as a result is never run twice.
boot() {
	local attempt
	for attempt in 1 2; do
		boot_once
		[ -z "$code" ] || return 0
		show_console "$attempt"
	done
	code=99
}

prepare() {
	local suite=trixie packages=()
	case $kind in
	uml) machine=uml ;;
	qemu) machine=qemu ;;
	qemu-bookworm) machine=qemu suite=bookworm ;;
	*) die "unknown kind of guest: $kind" ;;
	esac
	read -r -a packages <<<"${GUEST_PACKAGES:-}" || true
	image=$("$here/root.sh" "$suite" "${packages[@]}")
	if [ "$machine" = uml ]; then
		kernel=$("$here/uml-kernel.sh")
		mem=${GUEST_MEM:-2048}
	else
		command -v qemu-system-x86_64 >/dev/null || die "no QEMU: run tests/guest/install-qemu.sh"
		kernel=${image%/*}/vmlinux
		mem=${GUEST_MEM:-3072}
	fi
}

[ $# -eq 2 ] || die "usage: boot.sh uml|qemu|qemu-bookworm DIR"
kind=$1
dir=$(realpath "$2")
[ -f "$dir/run.sh" ] || die "no run.sh in $dir"
limit=${GUEST_TIMEOUT:-3000}
up_limit=200
prepare
work=$(work_dir)
trap 'rm -rf "$work"' EXIT
[ "$machine" = uml ] || pack_disks
boot
[ "$machine" = uml ] || [ "$code" = 99 ] || unpack_disk
exit "$code"
