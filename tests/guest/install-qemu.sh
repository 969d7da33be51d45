#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs QEMU 10 or newer for the emulated guest: from backports where this Debian's own is
# older. QEMU 7.2 crashes guests (cmpxchg16b). apt's configuration is left as it is; root only.
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/../lib/cache.sh"
# shellcheck source=tests/lib/suite.sh
. "$here/../lib/suite.sh"

least=10

have_qemu() {
	local version
	version=$(qemu-system-x86_64 --version 2>/dev/null | sed -n '1s/.*version \([0-9]*\).*/\1/p') || true
	[ "${version:-0}" -ge "$least" ]
}

have_qemu || suite_install_backports qemu-system-x86
have_qemu || die "QEMU $least or newer is needed"
