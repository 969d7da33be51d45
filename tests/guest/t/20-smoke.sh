# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: uml bookworm
# deadline: 400
#
# Install, govern, undo, on the oldest system that is supported too.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce'
srv app 1.22 MemoryMax=256M -- -live 20 -garbage 10
eventually 30 srv_ready app
pid=$(unit_pid app)
eventually 30 probe_not "$pid" memory_limit_bytes null
gomemctl status
gomemctl explain app.service
gomemctl scan | grep -q "$pid" || fail "scan does not list it"
journalctl -u gomemd -o cat --no-pager | grep -i 'not available' || echo "no feature is missing"
systemctl stop gomemd
same "soft limit after stop" null "$(probe "$pid" memory_limit_bytes)"
