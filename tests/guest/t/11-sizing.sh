# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# The sizing table, row by row: above its trigger a workload gets what the row says, below it gets its own back, and
# nothing flaps.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s'

# Gateway: 256 MiB, 95 MiB live: GOGC=100 lets the heap grow to 190 MiB, over 70 % of the limit.
srv gateway 1.24 MemoryMax=256M -- -live 95 -garbage 60 -http 127.0.0.1:8001
eventually 20 srv_ready gateway
pid=$(unit_pid gateway)
eventually 30 probe_is "$pid" gogc 30
audit_has gateway '.GOMEMD_LEVER == "gogc" and .GOMEMD_OLD == "100" and .GOMEMD_NEW == "30"
	and .GOMEMD_REASON == "trigger" and .GOMEMD_TIER == "gateway"' || fail "no record of GOGC 100 -> 30"
same "its own metrics" 30 "$(http 8001 /metrics | sed -n 's/^srv_gogc //p')"

# Below: the live data shrinks so that its own GOGC=100 would stay under the trigger.
http 8001 '/set?live=20' >/dev/null
eventually 60 probe_is "$pid" gogc 100
changes=$(audit_of gateway | jq -s '[.[] | select(.GOMEMD_LEVER == "gogc" and .GOMEMD_OUTCOME != "recommended")] | length')
audit_of gateway | jq -c "{GOMEMD_LEVER,GOMEMD_OLD,GOMEMD_NEW,GOMEMD_REASON,GOMEMD_EVIDENCE}"
same "changes of GOGC (set, given back)" 2 "$changes"
unit_stop gateway

# Edge: the soft limit lowers anon, with everything at its defaults.
srv edge 1.22 MemoryMax=128M MemorySwapMax=0 -- -live 40 -garbage 80
eventually 20 srv_ready edge
pid=$(unit_pid edge)
eventually 20 probe_not "$pid" memory_limit_bytes null
at_most "soft limit in 128 MiB" $((118 << 20)) "$(probe "$pid" memory_limit_bytes)"
same "madvdontneed is on already" true "$(probe "$pid" madvdontneed)"
unit_stop edge

# Batch: over 75 % of heap_inuse is allocated: the madvise optimisation goes off.
srv batch 1.27 MemoryMax=1800M -- -live 10 -garbage 20
eventually 20 srv_ready batch
eventually 20 known batch.service
same "1800 MiB is not batch" medium "$(gomemctl explain batch.service --json | jq -r .explain.tier)"
systemctl set-property --runtime batch.service MemoryMax=2G
batch_tier() { [ "$(gomemctl explain batch.service --json | jq -r .explain.tier)" = batch ]; }
eventually 10 batch_tier
eventually 20 probe_is "$(unit_pid batch)" madvdontneed false
