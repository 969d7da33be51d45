# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A scene for a daemon on a machine without cgroup v2: the real processes of /proc, cgroups made of files. For scripts
# in a mount namespace of their own, after cache.sh; scene_root is the directory that stands for /.

# scene_make DIR
scene_make() {
	scene_root=$1
	mkdir -p "$scene_root/proc" "$scene_root/sys/fs/cgroup" "$scene_root/etc/gomemd" "$scene_root/usr/lib/gomemd/policies.d"
	cp policies/50-sizing.ini "$scene_root/usr/lib/gomemd/policies.d/"
	echo 'cpu memory pids' >"$scene_root/sys/fs/cgroup/cgroup.controllers"
	mount --make-rprivate /
	mount -t proc proc "$scene_root/proc"
}

# scene_cgroup NAME LIMIT: what the daemon reads of a calm cgroup with a limit in bytes.
scene_cgroup() {
	local dir=$scene_root/sys/fs/cgroup/$1 file text
	mkdir -p "$dir"
	while read -r file text; do
		printf '%b\n' "$text" >"$dir/$file"
	done <<-FILES
		cgroup.controllers cpu memory pids
		cgroup.events populated 1\\nfrozen 0
		memory.current 12582912
		memory.max $2
		memory.high max
		memory.min 0
		memory.low 0
		memory.swap.max 0
		memory.swap.current 0
		memory.events low 0\\nhigh 0\\nmax 0\\noom 0\\noom_kill 0\\noom_group_kill 0
		memory.pressure some avg10=0.00 avg60=0.00 avg300=0.00 total=0\\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0
		cpu.stat usage_usec 100000\\nuser_usec 90000\\nsystem_usec 10000\\nnr_periods 0\\nnr_throttled 0\\nthrottled_usec 0
		cpu.max max 100000
	FILES
	{
		printf '%s %d\n' anon 6291456 file 1048576 kernel 524288 shmem 0 inactive_file 1048576 \
			active_file 0 slab_reclaimable 262144 workingset_refault_file 0
		# As many lines more as a kernel of today has.
		seq -f 'other_figure_%g 123456' 50
	} >"$dir/memory.stat"
}

# scene_place PID NAME: this process is in that cgroup, as far as the daemon can see. Before it calls exec, or it may
# be looked at where it is not.
scene_place() {
	local file=$scene_root/name.${2//\//_}
	echo "0::/$2" >"$file"
	mount --bind "$file" "$scene_root/proc/$1/cgroup"
}

# scene_family PID: a daemon and what it started, by their parents.
scene_family() {
	ps -e -o pid=,ppid= | awk -v top="$1" '
		{ parent[$1] = $2 }
		END { for (p in parent) for (q = p; q > 1; q = parent[q]) if (q == top) { print p; break } }'
}

# scene_memory_kib PID KEY: the sum of what smaps_rollup has under KEY of such a family.
scene_memory_kib() {
	local pid
	for pid in $(scene_family "$1"); do
		# A helper may have ended.
		awk -v key="$2:" '$1 == key { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null || true
	done | awk '{ n += $1 } END { print n }'
}
