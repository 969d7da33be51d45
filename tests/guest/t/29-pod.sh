# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 400
#
# A limit over two Go services and one that is not Go, as a pod's: what both are held to and what is not theirs stays
# below it, however they grow and while the limit falls and rises; and nobody is killed.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

pod=gpod.slice
limit_of() { cgroup_get "$cgroot/$pod" memory.max; }
pod_limit() { systemctl set-property --runtime "$pod" MemoryMax="$1"; }

# kept_below LIMIT: the soft limits, by the processes' own memory, and what is not theirs, by the kernel, are below it.
kept_below() {
	local sum=0 limit unit
	for unit in first second; do
		limit=$(probe "$(unit_pid "$unit")" memory_limit_bytes)
		[ "$limit" != null ] || return 1
		sum=$((sum + limit))
	done
	sum=$((sum + $(anon sidecar)))
	sum=$((sum + $(cgroup_get "$cgroot/$pod" memory.stat kernel) - $(cgroup_get "$cgroot/$pod" memory.stat slab_reclaimable)))
	echo "soft limits and the sidecar: $((sum >> 20)) MiB of $(($1 >> 20))"
	[ "$sum" -le "$1" ]
}
held() { kept_below "$(limit_of)"; }

gomemd_start 'mode = enforce' 'look_max = 1s'
# shellcheck disable=SC2016 # its own shell's
unit_start sidecar Slice=$pod -- /bin/sh -c 'x=$(head -c 20000000 /dev/zero | tr "\0" x); while sleep 1000; do :; done'
srv first 1.24 Slice=$pod -- -live 40 -garbage 40
srv second 1.22 Slice=$pod -- -live 20 -garbage 20
pod_limit 320M
eventually 30 srv_ready first
eventually 30 srv_ready second
eventually 30 held

# The limit falls and rises; what they are held to follows, and falls first.
for limit in 240M 400M 200M 320M; do
	pod_limit $limit
	eventually 20 held
done
# Not only once: whoever grows takes from what the other leaves, never from the limit.
over() { ! held; }
never_within 8 over
same "killed in it" 0 "$(cgroup_get "$cgroot/$pod" memory.events oom_kill)"
for unit in first second; do
	same "$unit" active "$(unit_get $unit ActiveState)"
done
