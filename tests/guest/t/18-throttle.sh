# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 360
#
# memory.high, the last lever: where memory that is not Go's keeps a cgroup in an emergency that collecting cannot end, it
# is lowered as a lease, by unit or by file, and is the owner's again after the lease, the emergency, release, stop, kill.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

# hog.py BYTES: takes memory until the usage of its cgroup has reached that much, over its last seconds; SIGUSR1 lets go.
cat >/run/hog.py <<'P'
import collections, signal, sys, time
dir = "/sys/fs/cgroup" + open("/proc/self/cgroup").read().strip().split("::")[1]
target, held, seen = int(sys.argv[1]), [], collections.deque(maxlen=20)
filling = True
def let_go(*_):
    global filling
    filling = False
    held.clear()
signal.signal(signal.SIGUSR1, let_go)
while True:
    s = {k: int(v) for k, v in (line.split() for line in open(dir + "/memory.stat"))}
    lazyfree = max(0, s["inactive_file"] + s["active_file"] - (s["file"] - s["shmem"]))
    seen.append(s["anon"] - lazyfree + s["shmem"] + s["kernel"] - s["slab_reclaimable"])
    if filling and max(seen) < target:
        m = bytearray(2 << 20)
        for i in range(0, len(m), 4096):
            m[i] = 1
        held.append(m)
    time.sleep(0.1)
P
# pair.sh PROGRAM BYTES OUTPUT: a Go program and, once that has been as large as its collections let it, the hog, in one
# cgroup. A hog that came earlier would leave the heap no room to grow into.
cat >/run/pair.sh <<'T'
collections() { grep -c ^gc "$1.gc"; }
(
	until grep -qs ready "$3"; do sleep 0.2; done # between two looks
	first=$(collections "$3")
	until [ "$(collections "$3")" -ge $((first + 3)) ]; do sleep 0.2; done # between two looks
	exec python3 /run/hog.py "$2"
) &
echo $! >"$3.hog"
GODEBUG=gctrace=1 exec "$1" -live 60 -garbage 30 -latency 20ms >"$3" 2>"$3.gc"
T

room=$((256 << 20))
full=$((room * 95 / 100))

# pair_unit UNIT BYTES [PROPERTY=VALUE...]
pair_unit() {
	local unit=$1 bytes=$2
	shift 2
	rm -f "/run/$unit.out" "/run/$unit.out.gc"
	unit_start "$unit" MemoryMax=$room MemorySwapMax=0 "$@" -- \
		bash /run/pair.sh "$PROGRAMS/srv-1.24-plain" "$bytes" "/run/$unit.out"
	dir=$(unit_cgroup "$unit")
}

high() {
	cgroup_get "$dir" memory.high
}

high_is() {
	[ "$(high)" = "$1" ]
}

high_lowered() {
	[ "$(high)" != "$1" ]
}

# The hog has come as far as it wants to.
filled() {
	[ "$(cgroup_get "$dir" memory.current)" -ge $((full - (2 << 20))) ]
}

high_changes() {
	audit_of "$1" | jq -s '[.[] | select(.GOMEMD_LEVER == "memory_high")] | length'
}

unharmed() {
	same "$1: processes that were killed" 0 "$(cgroup_get "$dir" memory.events oom_kill)"
	same "$1: it runs" active "$(unit_get "$1" ActiveState)"
}

p99() {
	kill -TERM "$(unit_pid "$1")"
	eventually 20 grep -q p99_ms "/run/$1.out"
	say_figure throttle "$1: P99 $(tail -n 1 "/run/$1.out" | jq .p99_ms) ms"
}

# Alone, the same pair lives.
pair_unit control $full
eventually 60 filled
never_within 5 unit_is control failed
unharmed control
p99 control
unit_stop control

# By unit, as a lease. What was there first was collected; a daemon-reload changes nothing.
gomemd_start 'mode = enforce' 'look_max = 1s' 'audit_burst = 1000'
pair_unit crowded $full
eventually 90 high_lowered max
at_least "memory.high and what was there" $((full - (8 << 20))) "$(high)"
at_most "memory.high and the room" $((room - 1)) "$(high)"
same "MemoryHigh of the unit" "$(high)" "$(unit_get crowded MemoryHigh)"
eventually 10 audit_has crowded '.GOMEMD_LEVER == "memory_high" and .GOMEMD_OUTCOME == "done" and .GOMEMD_REASON == "throttle"'
audit_has crowded '.GOMEMD_LEVER == "gogc" and .GOMEMD_OUTCOME == "done"' || fail "nothing was collected first"
systemctl daemon-reload
at_most "memory.high after a daemon-reload" $((room - 1)) "$(high)"

# The lease ends by itself, and is not renewed at once.
eventually 45 high_is max
same "MemoryHigh of the unit after its lease" infinity "$(unit_get crowded MemoryHigh)"
never_within 10 high_lowered max
same "changes: lowered, given back" 2 "$(high_changes crowded)"
unharmed crowded
kill -USR1 "$(cat /run/crowded.out.hog)"
p99 crowded
unit_stop crowded

# An owner's own memory.high is the room, also while ours stands for it; and it is what comes back when the emergency ends.
owner=$((240 << 20))
pair_unit owned $((owner * 95 / 100)) MemoryHigh=$owner
eventually 90 high_lowered $owner
at_most "memory.high and the owner's" $((owner - 1)) "$(high)"
kill -USR1 "$(cat /run/owned.out.hog)"
never_within 3 sh -c "gomemctl explain owned.service --json | jq -e '.explain.room_bytes > $owner'"
eventually 20 high_is $owner
same "MemoryHigh after the emergency" $owner "$(unit_get owned MemoryHigh)"
eventually 10 audit_has owned '.GOMEMD_LEVER == "memory_high" and .GOMEMD_OUTCOME == "restored"'
unharmed owned
unit_stop owned

# A daemon that is killed leaves it lowered; the next start gives it back before anything else.
mkdir -p /etc/systemd/system/gomemd.service.d
printf '[Service]\nRestart=no\nExecStopPost=\n' >/etc/systemd/system/gomemd.service.d/kill.conf
systemctl daemon-reload
pair_unit killed $full
eventually 90 high_lowered max
kill -USR1 "$(cat /run/killed.out.hog)"
systemctl kill --kill-whom=all --signal=KILL gomemd
eventually 10 unit_is gomemd failed
at_most "memory.high of a daemon that died" $((room - 1)) "$(high)"
printf '[daemon]\nmode = observe\n' >"$conf"
systemctl restart gomemd
same "memory.high after the next start" max "$(high)"
same "MemoryHigh after the next start" infinity "$(unit_get killed MemoryHigh)"
same "undo records after the next start" "" "$(ls /var/lib/gomemd/undo)"
unharmed killed
unit_stop killed

# By file: a cgroup that is no unit of systemd's. Released, it is the owner's at once. Removed while ours is there, it leaves
# nothing to undo, and the next of its name has its own.
gomemd_start 'mode = enforce' 'look_max = 1s'
dir=$cgroot/throttle
# shellcheck disable=SC2016 # evaluated at the end
at_exit 'cgroup_end "$cgroot/throttle"'
pair_file() {
	mkdir "$dir"
	echo $room >"$dir/memory.max"
	rm -f /run/file.out /run/file.out.gc
	(
		echo "$BASHPID" >"$dir/cgroup.procs"
		exec bash /run/pair.sh "$PROGRAMS/srv-1.22-plain" $full /run/file.out
	) &
	eventually 90 high_lowered max
}
remove() {
	echo 1 >"$dir/cgroup.kill"
	eventually 10 rmdir "$dir"
}
nothing_to_undo() { [ -z "$(ls /var/lib/gomemd/undo)" ]; }
is_ours() { gomemctl explain /throttle --json | jq -e .explain.memory_high.ours; }
pair_file
kill -USR1 "$(cat /run/file.out.hog)"
gomemctl release /throttle
eventually 5 high_is max
eventually 10 nothing_to_undo
same "processes that were killed" 0 "$(cgroup_get "$dir" memory.events oom_kill)"
gomemctl resume /throttle
remove
pair_file
eventually 10 is_ours
remove
mkdir "$dir"
eventually 10 nothing_to_undo
never_within 3 high_lowered max
