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

# The lists have the machine's own suite as well, for what QEMU depends on; the package states are
# the machine's, as this is a real installation.
install_from_backports() {
	local codename
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
	suite_update "$codename+$codename-backports"
	DEBIAN_FRONTEND=noninteractive suite_apt "$codename+$codename-backports" \
		-o Dir::State::status=/var/lib/dpkg/status -o Dpkg::Use-Pty=0 \
		install -y --no-install-recommends -t "$codename-backports" qemu-system-x86 >&2
}

have_qemu || install_from_backports
have_qemu || die "QEMU $least or newer is needed"
