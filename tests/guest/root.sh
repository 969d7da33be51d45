#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: root.sh [SUITE [PACKAGE...]]
#
# Prints the path of an ext4 image of a small Debian of SUITE (default trixie) with systemd, the
# tests' agent, and the PACKAGEs. Beside it lie "vmlinux" and the modules' version for the emulated
# guest; the image has the modules. Every guest kind boots the same image: an agent inside sees
# which one it is.
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/../lib/cache.sh"
# shellcheck source=tests/lib/suite.sh
. "$here/../lib/suite.sh"

# What the daemon links to comes by its old names: where a name got a suffix for 64-bit time, the
# new package provides the old name.
packages=(
	systemd systemd-sysv systemd-oomd dbus udev kmod procps iproute2 util-linux
	libsystemd0 libjson-c5 libinih1 libseccomp2 libcap2-bin libelf1 libmicrohttpd12 libcurl4
	libncursesw6 zlib1g jq ca-certificates python3-minimal fuse3 strace
)

# Work of the first boot, of timers and of logins.
masked=(
	systemd-firstboot.service systemd-update-done.service ldconfig.service
	systemd-journal-catalog-update.service systemd-hwdb-update.service
	systemd-udev-trigger.service systemd-machine-id-commit.service
	getty.target getty@.service serial-getty@.service console-getty.service
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer
	e2scrub_all.timer e2scrub_reap.service systemd-tmpfiles-clean.timer
)

# A daemon built against a library of this machine must not meet an older one in the guest: where
# the machine has libbpf of backports, so has the image of that suite.
sources() {
	suite_entry "$suite"
	[ "$suite" != bookworm ] || suite_entry bookworm-backports
}

libbpf() {
	if [ "$suite" = bookworm ]; then echo libbpf1/bookworm-backports; else echo libbpf1; fi
}

bootstrap() {
	local tree=$1 list=$2 include
	include=$(libbpf)$(printf ',%s' "${packages[@]}" "${extra[@]}")
	mmdebstrap --quiet --mode=root --variant=minbase --format=directory --include="$include" \
		--aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"$suite" "$tree" "$list"
}

# The kernel of virtual machines in clouds: few modules, and the devices of QEMU built in. Unpacked
# and not installed: no initramfs is wanted.
add_kernel() {
	local tree=$1 entry=$2 work=$3 image version
	suite_update "$suite"
	suite_options "$suite"
	image=$(apt-cache "${suite_opts[@]}" depends --important linux-image-cloud-amd64 |
		sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
	[ -n "$image" ] || die "no cloud kernel in $suite"
	version=${image#linux-image-}
	suite_extract "$suite" "$work/kernel" "$image"
	extract_vmlinux "$work/kernel/boot/vmlinuz-$version" "$entry/vmlinux"
	printf '%s\n' "$version" >"$entry/kernel-version"
	# Newer packages have their modules under /usr/lib.
	mkdir -p "$tree/usr/lib/modules"
	find "$work/kernel" -path "*lib/modules/$version" -exec cp -a {} "$tree/usr/lib/modules/" \;
	depmod -b "$tree" "$version"
}

# number FILE OFFSET SIZE: a little-endian number of the boot header.
number() {
	od -An -v -t "u$3" -j "$2" -N "$3" --endian=little "$1" | tr -d ' '
}

# The boot protocol's header says where in the image the compressed kernel lies; booting it directly
# saves the emulator the decompression. Its last four bytes are the size, which the decompressors
# complain of: what counts is that an ELF file came out. If none did, as the tool may be missing
# here, the image boots as it is, a few seconds slower.
extract_vmlinux() {
	local from=$1 to=$2 start size unpack
	start=$((($(number "$from" 497 1) + 1) * 512 + $(number "$from" 584 4)))
	size=$(number "$from" 588 4)
	case $(od -An -t x1 -j "$start" -N 4 "$from" | tr -d ' ') in
	28b52ffd) unpack=(zstd -dcq) ;;
	fd377a58) unpack=(xz -dc --single-stream) ;;
	02214c18) unpack=(lz4 -dcq) ;;
	*) unpack=(gzip -dcq) ;;
	esac
	tail -c "+$((start + 1))" "$from" | head -c "$size" |
		"${unpack[@]}" >"$to" 2>/dev/null || true
	[ "$(head -c 4 "$to" | od -An -t x1 | tr -d ' ')" = 7f454c46 ] || cp "$from" "$to"
}

configure() {
	local tree=$1
	echo guest >"$tree/etc/hostname"
	printf '127.0.0.1 localhost guest\n::1 localhost\n' >"$tree/etc/hosts"
	# Neither empty nor missing: both would be a first boot's work.
	cache_hash "$suite" guest | sed 's/$/0000000000000000/' >"$tree/etc/machine-id"
	rm -f "$tree/etc/resolv.conf"
	chroot "$tree" passwd -q -d root
	install -D -m 644 "$here/image/journald.conf" \
		"$tree/etc/systemd/journald.conf.d/guest.conf"
	install -D -m 755 "$here/image/agent" "$tree/usr/local/sbin/guest-agent"
	install -D -m 644 "$here/image/guest.service" "$tree/etc/systemd/system/guest.service"
	systemctl --root="$tree" -q enable guest.service
	systemctl --root="$tree" -q disable systemd-oomd.service 2>/dev/null || true
	# Some name no unit of this suite.
	systemctl --root="$tree" -q mask "${masked[@]}" 2>/dev/null
	rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*
	# Newer than /usr: nothing is to be updated at boot.
	touch "$tree/etc/.updated" "$tree/var/.updated"
}

# Without a journal and with nothing zeroed: the image is thrown away after each boot.
pack() {
	truncate -s 3G "$2"
	mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=1,nodiscard -d "$1" "$2"
}

build() {
	local entry=$1 work=${1%/entry}/work
	mkdir -p "$work"
	sources >"$work/list.sources"
	bootstrap "$work/tree" "$work/list.sources"
	add_kernel "$work/tree" "$entry" "$work"
	configure "$work/tree"
	pack "$work/tree" "$entry/root.ext4"
}

suite=${1:-trixie}
[ $# -eq 0 ] || shift
extra=("$@")
hash=$(cache_hash "$suite" "${extra[@]}" "$here/root.sh" "$here"/image/*)
entry=$(cache_entry "root-$suite" "$hash" "about 2 minutes" build)
printf '%s/root.ext4\n' "$entry"
