# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# What is somewhere else by now: a process that is moved to another cgroup without an exec, tenants that make helpers
# hang, a journald that does not read.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s' 'helper_deadline = 1s'
below() { [ "$(probe "$1" memory_limit_bytes)" -lt "$2" ]; }
above() { [ "$(probe "$1" memory_limit_bytes)" -gt "$2" ]; }

# Moved: the limit of where it is now is what counts; what was ours stays ours, and goes back to its owner at the end.
srv narrow 1.24 MemoryMax=128M Environment=GOMEMLIMIT=1GiB -- -live 10 -garbage 20
srv wide 1.22 MemoryMax=512M -- -live 5 -garbage 5
eventually 20 srv_ready narrow
eventually 20 srv_ready wide
pid=$(unit_pid narrow)
eventually 20 below "$pid" $((128 << 20))
echo "$pid" >"$(unit_cgroup wide)/cgroup.procs"
eventually 30 above "$pid" $((130 << 20))
same "its workload now" wide.service "$(gomemctl explain "$pid" --json | jq -r .explain.workload)"
moved_away() { ! known narrow.service; }
eventually 20 moved_away
gomemctl release wide.service
eventually 20 probe_is "$pid" memory_limit_bytes $((1 << 30))
gomemctl resume wide.service
unit_stop wide
unit_stop narrow

# A tenant with many processes whose mappings block whoever looks costs a deadline or two, not one for each. They are there
# before the daemon is: what waits for one page cannot be mapped anew.
systemctl stop gomemd
mkdir -p /run/fuse
cat >/run/tenant.sh <<'T'
"$1/fuse-block" serve /run/fuse &
until [ -e /run/fuse/file ]; do sleep 0.1; done
# Each from a file of its own: that one's is not Go's would be known of the file.
for ((i = 0; i < 20; i++)); do
	cp "$1/fuse-block" "/run/map$i"
	"/run/map$i" map /run/fuse/file &
done
wait
T
daemon_says() { gomemctl status --json | jq ".daemon.$1"; }
unit_start hanger MemoryMax=200M -- bash /run/tenant.sh "$PROGRAMS"
at_exit 'umount -l /run/fuse; rm -f /run/map*'
mapped() { [ "$(grep -l /run/fuse/file /proc/[0-9]*/maps 2>/dev/null | wc -l)" -eq 20 ]; }
eventually 30 mapped
gomemd_start 'mode = enforce' 'look_max = 1s' 'helper_deadline = 1s'
hung() { [ "$(daemon_says helpers_replaced)" -ge 1 ]; }
eventually 40 hung
eventually 10 journal_has 'made a helper hang' SYSLOG_IDENTIFIER=gomemd
many() { [ "$(daemon_says helpers_replaced)" -gt 3 ]; }
never_within 8 many
srv good 1.22 MemoryMax=256M -- -live 20 -garbage 10
eventually 20 srv_ready good
eventually 20 probe_not "$(unit_pid good)" memory_limit_bytes null
# The unit begins anew with a clean name.
unit_stop hanger
unit_start hanger MemoryMax=200M -- "$PROGRAMS/srv-1.22-plain" -live 20 -garbage 10
eventually 20 probe_not "$(unit_pid hanger)" memory_limit_bytes null

# A journald that does not read holds nobody up; what was to be said is said when it reads again.
journald=$(unit_pid systemd-journald)
kill -STOP "$journald"
at_exit "kill -CONT $journald"
for ((i = 0; i < 300; i++)); do
	timeout 10 gomemctl set good.service --gogc $((90 - i % 2)) >/dev/null || fail "no answer with a journald that does not read"
done
eventually 10 probe_is "$(unit_pid good)" gogc 89
kill -CONT "$journald"
eventually 20 audit_has good '.GOMEMD_LEVER == "gogc" and .GOMEMD_NEW == "89" and .GOMEMD_REASON == "operator"'
same "the daemon is the same process all along" 0 "$(unit_get gomemd NRestarts)"
