# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# What an operator orders: set, release, stop-writes, resume; over restarts; refused where it must be.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s'
srv app 1.22 MemoryMax=256M -- -live 30 -garbage 30
eventually 20 srv_ready app
pid=$(unit_pid app)
eventually 20 probe_not "$pid" memory_limit_bytes null

# set pins, by any of the workload's names; a dry run changes nothing.
gomemctl set app.service --gogc 55 --dry-run
never_within 2 probe_is "$pid" gogc 55
gomemctl set "$pid" --gogc 55
eventually 10 probe_is "$pid" gogc 55
audit_has app '.GOMEMD_REASON == "operator" and .GOMEMD_NEW == "55"' || fail "no record of the order"
code=0
gomemctl set app.service --memory-limit 10M || code=$?
same "below S_floor, without --force" 1 "$code"
systemctl restart gomemd
eventually 10 known app.service
eventually 10 probe_is "$pid" gogc 55

# release gives everything back and lasts over a restart.
gomemctl release system.slice/app.service
eventually 10 probe_is "$pid" gogc 100
eventually 10 probe_is "$pid" memory_limit_bytes null
systemctl restart gomemd
eventually 10 known app.service
never_within 3 probe_not "$pid" memory_limit_bytes null
gomemctl resume app.service
eventually 10 probe_not "$pid" memory_limit_bytes null

# stop-writes: everything back at once; set is refused; resume.
gomemctl stop-writes
eventually 10 probe_is "$pid" memory_limit_bytes null
code=0
gomemctl set app.service --gogc 55 || code=$?
same "set under stop-writes" 1 "$code"
systemctl restart gomemd
eventually 10 known app.service
never_within 3 probe_not "$pid" memory_limit_bytes null
gomemctl resume
eventually 10 probe_not "$pid" memory_limit_bytes null

# Stopping the daemon gives back as well.
systemctl stop gomemd
same "soft limit after stop" null "$(probe "$pid" memory_limit_bytes)"
same "undo records left" "" "$(ls /var/lib/gomemd/undo)"
code=0
gomemctl status 2>/dev/null || code=$?
same "status without the daemon" 1 "$code"

# Who may ask: the group reads, root writes.
systemctl start gomemd
eventually 10 known app.service
setpriv --reuid=65534 --regid="$(getent group gomemd | cut -d: -f3)" --clear-groups gomemctl status >/dev/null ||
	fail "the group cannot read"
code=0
setpriv --reuid=65534 --regid="$(getent group gomemd | cut -d: -f3)" --clear-groups gomemctl stop-writes 2>/dev/null || code=$?
same "stop-writes by the group" 1 "$code"
code=0
setpriv --reuid=65534 --regid=65534 --clear-groups gomemctl status 2>/dev/null || code=$?
same "status by nobody" 1 "$code"
