# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 180
#
# A governed cgroup is removed and made anew under its name: what was known of the old one, limits, orders' values and undo
# records, is not the new one's.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s'
dir=$cgroot/again
# shellcheck disable=SC2016 # evaluated at the end
at_exit 'cgroup_end "$dir"'

# begin LIMIT FLAG...: the cgroup, and a Go program in it; $pid.
begin() {
	mkdir "$dir"
	echo "$1" >"$dir/memory.max"
	shift
	rm -f /run/again.out
	# shellcheck disable=SC2016 # expanded by that shell
	bash -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$dir" "$PROGRAMS/srv-1.24-plain" "$@" >/run/again.out 2>&1 &
	pid=$!
	echo "$SECONDS s: $pid, of $(cat "$dir/memory.max")"
	ready() { grep -q ready /run/again.out; }
	eventually 20 ready
}

# Dies, and its cgroup goes at once.
finish() {
	echo 1 >"$dir/cgroup.kill"
	# It was killed, which is no success.
	wait "$pid" 2>/dev/null || true
	eventually 5 rmdir "$dir"
}

explained() {
	gomemctl explain /again --json | jq -r ".explain | $1"
}

nothing_to_undo() {
	[ -z "$(ls /var/lib/gomemd/undo)" ]
}

# The first: above its trigger, so that GOGC is set as well as the soft limit.
begin 256M -live 95 -garbage 60
first=$pid
eventually 30 probe_is "$pid" gogc 30
at_most "soft limit in 256 MiB" $((256 << 20)) "$(probe "$pid" memory_limit_bytes)"
finish

# The second, at once: without a limit there is nothing that may be set.
begin max -live 95 -garbage 60
eventually 20 known /again
only_second() { [ "$(explained '[.processes[].pid] | join(" ")')" = "$pid" ]; }
eventually 10 only_second
! [ -d "/proc/$first" ] || fail "the first still runs"
same "its tier" unlimited "$(explained .tier)"
same "its limit" null "$(explained .limit_bytes)"
touched() { probe_not "$pid" memory_limit_bytes null || probe_not "$pid" gogc 100; }
never_within 4 touched
same "what the daemon calls its own there" 0 \
	"$(explained '[.processes[].levers[], .memory_high | select(.ours)] | length')"
eventually 10 nothing_to_undo
finish

# The third: governed by its own limit.
begin 512M -live 40 -garbage 40
eventually 20 probe_not "$pid" memory_limit_bytes null
at_least "soft limit in 512 MiB" $((300 << 20)) "$(probe "$pid" memory_limit_bytes)"
same "its GOGC" 100 "$(probe "$pid" gogc)"
# What there is to undo is this process's, and its owner's values were the runtime's own.
same "undo records, and those of this process" "$(ls /var/lib/gomemd/undo)" "$(cd /var/lib/gomemd/undo && grep -l "^pid=$pid\$" -- *)"
finish

# Coming and going faster than anybody can look.
for ((i = 0; i < 15; i++)); do
	begin 256M -live 1
	finish
done
begin 256M -live 20 -garbage 10
eventually 20 probe_not "$pid" memory_limit_bytes null
only_second || fail "more than this process is known: $(explained '[.processes[].pid]')"
same "the daemon is the same process all along" 0 "$(unit_get gomemd NRestarts)"
systemctl stop gomemd
same "soft limit after stop" null "$(probe "$pid" memory_limit_bytes)"
same "undo records after stop" "" "$(ls /var/lib/gomemd/undo)"
