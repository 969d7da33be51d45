# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# Ownership: what the owner set is respected as the policy says, what somebody else writes is left alone.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s'

# GOGC=off with a finite limit is an owner's choice: GOGC never becomes finite, only the limit may fall.
srv off 1.24 MemoryMax=256M Environment='GOGC=off GOMEMLIMIT=240MiB' -- -live 60 -garbage 100
eventually 20 srv_ready off
pid=$(unit_pid off)
lowered() { [ "$(probe "$pid" memory_limit_bytes)" -lt $((240 << 20)) ]; }
eventually 20 lowered
same "GOGC=off stays off" -1 "$(probe "$pid" gogc)"
unit_stop off

# An owner's tighter GOGC is not loosened by the tier's 30.
srv tighter 1.22 MemoryMax=256M Environment=GOGC=20 -- -live 160 -garbage 100
eventually 20 srv_ready tighter
pid=$(unit_pid tighter)
eventually 20 probe_not "$pid" memory_limit_bytes null
same "an owner's GOGC=20" 20 "$(probe "$pid" gogc)"
unit_stop tighter

# The batch tier does not set madvdontneed=0 where the environment says 1.
srv batch 1.24 MemoryMax=2G Environment=GODEBUG=madvdontneed=1 -- -live 10 -garbage 20
eventually 20 srv_ready batch
pid=$(unit_pid batch)
eventually 20 probe_not "$pid" memory_limit_bytes null
same "an owner's madvdontneed=1" true "$(probe "$pid" madvdontneed)"
unit_stop batch

# Edge, madvdontneed=0 by the owner: on under override.
policy 60-override <<'P'
[tier edge]
ownership = override
P
systemctl reload gomemd
srv edge 1.22 MemoryMax=128M Environment=GODEBUG=madvdontneed=0 -- -live 70 -garbage 60
eventually 20 srv_ready edge
eventually 20 probe_is "$(unit_pid edge)" madvdontneed true
unit_stop edge
rm "$policies/60-override.ini"
systemctl reload gomemd

# A program that keeps setting its own GOGC: the lever becomes manual, said once; the soft limit stays governed.
srv manual 1.24 MemoryMax=256M -- -live 95 -garbage 100 -keepwriting 90 -keepwriting-every 500ms
eventually 20 srv_ready manual
manual_said() { journalctl --sync; journalctl -o json --no-pager GOMEMD_REASON=manual GOMEMD_WORKLOAD=manual.service | jq -e 'select(.GOMEMD_LEVER == "gogc")'; }
eventually 40 manual_said
same "said once" 1 "$(journalctl -o cat --no-pager GOMEMD_REASON=manual GOMEMD_WORKLOAD=manual.service | grep -c 'changed gogc')"
eventually 10 probe_is "$(unit_pid manual)" gogc 90
same "manual by the daemon" true "$(gomemctl explain manual.service --json |
	jq -r '.explain.processes[0].levers[] | select(.lever == "gogc").manual')"
