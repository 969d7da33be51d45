# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: uml qemu bookworm
# deadline: 1500
#
# What is heard by eBPF, on the kernels of Debian 12 and 13: every collection with its adjustments on one time line, the
# kernel's choice of a victim and what filled its memory; what has ended is listened to no more. Where the kernel has no
# uprobes (User-Mode Linux) that is said, and all else works.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s' 'helper_deadline = 20s'
feature() {
	gomemctl features --json | jq -e --arg n "$1" ".features[] | select(.name == \$n) | $2" >/dev/null
}

srv app 1.24 MemoryMax=256M Environment=GODEBUG=gctrace=1 StandardError=file:/run/app.trace -- -live 40 -garbage 40
eventually 20 srv_ready app
# With the first Go process it is tried.
eventually 20 feature runtime-probes '.works != null'
gomemctl features
eventually 30 probe_not "$(unit_pid app)" memory_limit_bytes null
has() { gomemctl timeline app.service --json | jq -e "[.timeline.entries[] | select($1)] | length >= $2" >/dev/null; }
eventually 20 has '.event == "adjustment" and .lever == "soft_limit"' 1

if [ "$GUEST_KIND" = uml ]; then
	for name in runtime-probes kernel-events; do
		feature $name '.works == false and (.error | length) > 0 and (.lost | length) > 0 and (.mend | length) > 0' ||
			fail "it does not say what is lost without $name"
		journal_has "$name is not available" -u gomemd
	done
	exit 0
fi

feature runtime-probes .works || fail "no probes in this kernel"
eventually 60 has '.event == "gc"' 5
heard=$(gomemctl timeline app.service --json | jq -c '[.timeline.entries[] | select(.event == "gc").num_gc]')
echo "heard: $heard"
jq -e '. == [range(.[0]; .[-1] + 1)]' <<<"$heard" || fail "collections are missing among $heard"
last=$(jq '.[-1]' <<<"$heard")
# The program's own trace has them all, and what it marked: "40->45->41 MB".
grep -q "^gc $last @" /run/app.trace || fail "its own trace does not know collection $last"
marked=$(sed -n "s/^gc $last @.* [0-9]*->[0-9]*->\([0-9]*\) MB.*/\1/p" /run/app.trace)
after=$(gomemctl timeline app.service --json |
	jq "[.timeline.entries[] | select(.num_gc == $last).heap_after_bytes][0] / 1048576 | floor")
same "MiB marked by collection $last" "$marked" "$after"
journalctl -u gomemd -o cat --no-pager | grep 'gomemd-listen' && fail "the helper complains"

# Probes of the living: those of processes that have ended are taken away, by the descriptors of the helper.
helper=$(pgrep -P "$(unit_pid gomemd)" -x gomemd-listen)
probes() { find "/proc/$helper/fd" -lname 'anon_inode:\[perf_event\]' | wc -l; }
links() { find "/proc/$helper/fd" -lname 'anon_inode:bpf*link' | wc -l; }
many() { [ "$(probes)" -ge $((21 * one)) ] && [ "$(links)" -ge $((one_link + 20 * one)) ]; }
as_before() { [ "$(probes)" -eq "$one" ] && [ "$(links)" -eq "$one_link" ]; }
one=$(probes) one_link=$(links)
at_least "probes in one program" 1 "$one"
for round in 1 2; do
	# shellcheck disable=SC2016 # expanded by that shell
	unit_start "many$round" MemoryMax=600M -- \
		bash -c 'for i in {1..20}; do "$0" -live 1 -idle & done; wait' "$PROGRAMS/srv-1.24-plain"
	eventually 60 many
	unit_stop "many$round"
	eventually 20 as_before
done
same "the helper is the same all along" "$helper" "$(pgrep -P "$(unit_pid gomemd)" -x gomemd-listen)"

feature kernel-events .works || fail "no kernel events in this kernel"
# It is known before it grows: what dies in its first moments is nobody's workload yet.
srv victim 1.22 MemoryMax=64M MemorySwapMax=0 Environment=GOGC=off -- -live 10 -garbage 1 -http 127.0.0.1:8002
eventually 20 srv_ready victim
eventually 30 known victim.service
victim=$(unit_pid victim)
# It dies while it answers.
http 8002 '/set?live=400' >/dev/null || true
killed() { unit_is victim failed; }
eventually 60 killed
same "its result" oom-kill "$(unit_get victim Result)"
eventually 20 journal_has "kills process $victim " MESSAGE_ID=fd42628802664b44921820134c846f62

# What filled the memory of one that dies is told with its death, by the profiles that there were: the last is that of its alarm.
policy 60-doomed <<-P
	[tier doomed]
	cgroup = system.slice/doomed.service
	priority = 10
	mode = recommend
	heap_series = 1s
P
unit_stop app
systemctl restart gomemd # which owes no rest for profiles of others
unit_start doomed MemoryMax=96M MemorySwapMax=0 StandardInput=null -- \
	"$PROGRAMS/leaker-1.24-plain" -live 8 -still 4 -rate 4 -leak 1024
doomed=$(unit_pid doomed)
profiled() { gomemctl heap doomed.service --json | jq -e '.heap.processes[0].points >= 1'; }
eventually 60 profiled
eventually 200 unit_is doomed failed
same "its result" oom-kill "$(unit_get doomed Result)"
eventually 20 journal_has main.leak GOMEMD_OCCASION=oom GOMEMD_WORKLOAD=doomed.service "GOMEMD_PID=$doomed"
