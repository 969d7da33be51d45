# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 300
#
# heap_profile = on: sampling is switched on in a program that was linked without, with undo and audit like every other
# lever, by the same rules: recommend writes nothing, release and stop give back, a kill leaves what the next start puts
# right, what somebody else writes is his.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

rate_is() { probe_is "$pid" mem_profile_rate "$1"; }
records() { grep -lx lever=heap_profile /var/lib/gomemd/undo/* 2>/dev/null | wc -l; }
lever() { gomemctl explain leaker.service --json | jq -r ".explain.processes[0].levers[] | select(.lever == \"heap_profile\").$1"; }
lever_is() { [ "$(lever "$1")" = "$2" ]; }
tier() { # HEAP_PROFILE
	policy 60-profile <<-P
		[tier profiled]
		cgroup = system.slice/leaker.service
		priority = 10
		heap_profile = $1
	P
}

rm -f /run/leaker.out
unit_start leaker MemoryMax=512M StandardOutput=file:/run/leaker.out StandardInput=null -- \
	"$PROGRAMS/leaker-1.24-unsampled" -live 16 -still 4 -rate 8
eventually 30 grep -q ready /run/leaker.out
pid=$(unit_pid leaker)
same "linked without" 0 "$(probe "$pid" mem_profile_rate)"

# recommend: said, not done.
gomemd_start 'mode = recommend' 'look_max = 1s'
tier on
systemctl reload gomemd
eventually 20 audit_has leaker '.GOMEMD_LEVER == "heap_profile" and .GOMEMD_OUTCOME == "recommended" and .GOMEMD_NEW == "524288"'
rate_is 0 || fail "recommend has written"
same "what it would be" 524288 "$(lever would_be)"

# enforce: done, audited, and the sites are there.
gomemd_start 'mode = enforce' 'look_max = 1s'
tier on
systemctl reload gomemd
eventually 20 rate_is 524288
eventually 10 audit_has leaker '.GOMEMD_LEVER == "heap_profile" and .GOMEMD_OUTCOME == "done" and .GOMEMD_OLD == "0" and .GOMEMD_NEW == "524288" and .GOMEMD_REASON == "profile"'
same "undo records" 1 "$(records)"
eventually 10 lever_is ours true
same "the owner's" 0 "$(lever owner)"
sites() { gomemctl heap "$pid" --json | jq -e '.profiling == "on" and any(.sites[]; .function == "main.holdLarge" and .inuse_bytes > 0)'; }
eventually 30 sites

# release gives back; resume takes up again; the policy's off gives back.
gomemctl release leaker.service
eventually 10 rate_is 0
eventually 10 audit_has leaker '.GOMEMD_LEVER == "heap_profile" and .GOMEMD_OUTCOME == "restored"'
same "undo records after release" 0 "$(records)"
gomemctl resume leaker.service
eventually 30 rate_is 524288
tier off
systemctl reload gomemd
eventually 30 rate_is 0
tier on
systemctl reload gomemd
eventually 40 rate_is 524288

# kill -9: by the unit's own ExecStopPost at once.
systemctl kill --kill-whom=main --signal=KILL gomemd
eventually 20 unit_is gomemd active
eventually 40 rate_is 524288
eventually 20 lever_is ours true
same "the owner's after a kill" 0 "$(lever owner)"

# Where even that did not run, by the next start, whatever its policy says.
mkdir -p /etc/systemd/system/gomemd.service.d
printf '[Service]\nExecStopPost=\nRestart=no\n' >/etc/systemd/system/gomemd.service.d/kill.conf
systemctl daemon-reload
systemctl kill --kill-whom=all --signal=KILL gomemd
eventually 20 unit_is gomemd failed
rate_is 524288 || fail "it was given back by nobody"
same "undo records after the kill" 1 "$(records)"
rm "$policies/60-profile.ini"
printf '[daemon]\nmode = observe\n' >"$conf"
systemctl reset-failed gomemd
systemctl restart gomemd
same "after the next start" 0 "$(probe "$pid" mem_profile_rate)"
same "undo records after the next start" 0 "$(records)"

# The program's own word, later: it is his, said once, and stays after a stop.
gomemd_start 'mode = enforce' 'look_max = 1s'
tier on
systemctl reload gomemd
eventually 30 rate_is 524288
systemctl kill --signal=USR1 leaker
eventually 20 lever_is manual true
rate_is 4096 || fail "what the program wrote is gone"
systemctl stop gomemd
rate_is 4096 || fail "what the program wrote was taken for ours"

# Nothing in it has noticed.
systemctl kill --signal=USR2 leaker
eventually 10 grep -q 'bad 0$' /run/leaker.out
same "the workload" active "$(unit_get leaker ActiveState)"
