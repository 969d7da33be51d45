# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 180
#
# Freed, but lazily: with madvdontneed=0 the pages stay in anon until the kernel wants them. A limit that is nearly reached
# by them is no emergency, and nobody collects harder for it.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s'
limit=$((256 << 20))
srv batch 1.24 MemoryMax=$limit MemorySwapMax=0 'Environment=GOGC=20 GODEBUG=madvdontneed=0' -- \
	-live 130 -idle -http 127.0.0.1:8001
eventually 30 srv_ready batch
pid=$(unit_pid batch)
dir=$(unit_cgroup batch)
eventually 20 probe_not "$pid" memory_limit_bytes null

# lazyfree, usage: as gomemd(8) has them, from the kernel's file alone.
figure() {
	awk -v want="$1" '{ v[$1] = $2 }
		END {
			lazy = v["inactive_file"] + v["active_file"] - (v["file"] - v["shmem"])
			if (lazy < 0) lazy = 0
			f["anon"] = v["anon"]
			f["lazyfree"] = lazy
			f["usage"] = v["anon"] - lazy + v["shmem"] + v["kernel"] - v["slab_reclaimable"]
			printf "%d\n", f[want]
		}' "$dir/memory.stat"
}

# The job is done: its data are garbage and given back, and then it maps as much again as fits beside them.
http 8001 '/set?live=5' >/dev/null
http 8001 '/set?free=1' >/dev/null
freed() { [ "$(figure lazyfree)" -gt $((90 << 20)) ]; }
eventually 20 freed
http 8001 "/set?mmap=$(((limit * 95 / 100 - $(figure anon)) >> 20))" >/dev/null
near() { [ "$(figure anon)" -gt $((limit * 93 / 100)) ]; }
eventually 20 near
at_least "anon, as if it were near its limit" $((limit * 93 / 100)) "$(figure anon)"
at_most "usage, which can kill" $((limit * 80 / 100)) "$(figure usage)"

# Its own Go says 20 all along, and no look finds an emergency.
not_calm() {
	gomemctl explain batch.service --json | jq -e '.explain.state == "emergency"' || ! probe_is "$pid" gogc 20
}
never_within 10 not_calm
at_least "anon in the end" $((limit * 93 / 100)) "$(figure anon)"
gap=$(($(gomemctl explain batch.service --json | jq .explain.numbers.lazyfree) - $(figure lazyfree)))
at_most "lazyfree by the daemon and by the kernel" $((4 << 20)) "${gap#-}"
changed=$(audit_of batch | jq -s '[.[] | select(.GOMEMD_REASON == "emergency" or .GOMEMD_ALERT == "emergency" or .GOMEMD_LEVER == "gogc")] | length')
same "records of an emergency, or of GOGC" 0 "$changed"
same "its own GOGC" 20 "$(http 8001 /metrics | sed -n 's/^srv_gogc //p')"
same "processes that were killed" 0 "$(cgroup_get "$dir" memory.events oom_kill)"
