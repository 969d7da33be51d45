#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs a libbpf with uprobe_multi (1.3 or newer): from backports where this Debian's own is older. Where there are
# no backports this Debian's own does; `gomemctl features` says what is lost with it. Root only.
set -eu

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/cache.sh
. "$here/lib/cache.sh"
# shellcheck source=tests/lib/suite.sh
. "$here/lib/suite.sh"

have_libbpf() {
	pkg-config --atleast-version="${1:-1.3}" libbpf
}

have_libbpf || suite_install_backports libbpf-dev || say "note: no newer libbpf in backports"
have_libbpf 1.1 || die "libbpf 1.1 or newer is needed: apt-get install libbpf-dev"
