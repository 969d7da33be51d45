# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# What the daemon costs with calm Go processes: CPU, resident and proportional memory of daemon and helpers. Fails
# only at ten times the budget; the figures are printed.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

number=30 # as many as the guest starts in reasonable time; the cost goes with their number
gomemd_start 'mode = enforce'
dir=$(unit_cgroup gomemd)

memory_kib() {
	local pid
	while read -r pid; do
		awk -v key="$1:" '$1 == key { print $2 }' "/proc/$pid/smaps_rollup"
	done <"$dir/cgroup.procs" | awk '{ n += $1 } END { print n }'
}

say_figure cost "idle: RSS $(memory_kib Rss) KiB, PSS $(memory_kib Pss) KiB"
# Cgroups of our own: a hundred units would take systemd longer than all the rest.
top=$cgroot/cost
mkdir "$top"
# shellcheck disable=SC2016 # evaluated at the end
at_exit 'echo 1 >"$top/cgroup.kill"; rmdir "$top"/*; rmdir "$top"'
echo '+memory +cpu' >"$top/cgroup.subtree_control"
for ((i = 0; i < number; i++)); do
	mkdir "$top/calm$i"
	echo 64M >"$top/calm$i/memory.max"
	(
		echo "$BASHPID" >"$top/calm$i/cgroup.procs"
		exec "$PROGRAMS/srv-1.22-plain" -live 1 -idle
	) >/dev/null 2>&1 &
done
all_known() { [ "$(gomemctl status --json | jq '.workloads | length')" -ge "$number" ]; }
eventually 90 all_known

settled() { [ "$SECONDS" -ge "$wait_until" ]; }
wait_until=$((SECONDS + 15))
eventually 30 settled
before=$(cgroup_get "$dir" cpu.stat usage_usec)
wait_until=$((SECONDS + 20))
eventually 40 settled
spent=$(($(cgroup_get "$dir" cpu.stat usage_usec) - before))
say_figure cost "with $number calm Go processes: $((spent / 20)) us of CPU a second"
say_figure cost "with $number: RSS $(memory_kib Rss) KiB, PSS $(memory_kib Pss) KiB"
# A system call costs some twenty times as much here as on a real machine.
at_most "CPU, us a second" $((number * 2000)) $((spent / 20))
at_most "PSS, KiB" 122880 "$(memory_kib Pss)"
