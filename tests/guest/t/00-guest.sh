# SPDX-License-Identifier: Apache-2.0
# ring: uml qemu bookworm
# shellcheck shell=bash
#
# The guest itself has what the other tests stand on. Where this fails, believe none of them.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh

# hog MIB: touches that much memory and keeps it.
hog='import sys, time
b = bytearray(int(sys.argv[1]) << 20)
for i in range(0, len(b), 4096): b[i] = 1
time.sleep(600)'

controllers() {
	local word have
	same "file system of $cgroot" cgroup2fs "$(stat -f -c %T "$cgroot")"
	for have in cgroup.controllers cgroup.subtree_control; do
		for word in memory cpu pids; do
			grep -qw "$word" "$cgroot/$have" || fail "no $word in $cgroot/$have"
		done
	done
}

pressure() {
	local dir
	grep -q '^some avg10=' /proc/pressure/memory || fail "no memory pressure file"
	unit_start psi -- sleep 600
	dir=$(unit_cgroup psi)
	grep -q '^full avg10=' "$dir/memory.pressure" || fail "no memory pressure of a cgroup"
}

limits() {
	local dir
	unit_start small MemoryMax=64M MemorySwapMax=0 MemoryHigh=48M CPUQuota=50% -- sleep 600
	dir=$(unit_cgroup small)
	same memory.max $((64 << 20)) "$(cgroup_get "$dir" memory.max)"
	same memory.high $((48 << 20)) "$(cgroup_get "$dir" memory.high)"
	same cpu.max "50000 100000" "$(cgroup_get "$dir" cpu.max)"
	at_least "memory.current of a process" 1 "$(cgroup_get "$dir" memory.current)"
}

# The unit's slice outlives it, so that its counters can still be read.
oom_kill() {
	local dir=$cgroot/oomtest.slice
	unit_start keep Slice=oomtest.slice -- sleep 600
	unit_start hog Slice=oomtest.slice MemoryMax=32M MemorySwapMax=0 -- \
		python3 -c "$hog" 256
	eventually 20 unit_is hog failed
	same "result of the hog" oom-kill "$(unit_get hog Result)"
	at_least "kills below oomtest.slice" 1 "$(cgroup_get "$dir" memory.events oom_kill)"
	at_most "peak of the slice" $((48 << 20)) "$(cgroup_get "$dir" memory.peak)"
	eventually 10 journal_has 'killed by the OOM killer' --unit=hog
}

journal() {
	local token=token-$$-$RANDOM
	logger --tag guest-test "$token"
	eventually 10 journal_has "$token" -t guest-test
}

# The process connector tells of forks and exits: family 16, datagram, protocol 11, group 1.
connector() {
	python3 - <<-'END' || fail "no process connector"
		import os, socket, struct
		s = socket.socket(16, socket.SOCK_DGRAM, 11)
		s.bind((os.getpid(), 1))
		listen = struct.pack("=IIIIHHI", 1, 1, 0, 0, 4, 0, 1)
		s.send(struct.pack("=IHHII", 16 + len(listen), 3, 0, 0, os.getpid()) + listen)
		s.settimeout(60)
		child = os.fork()
		if child == 0: os._exit(0)
		what = pid = 0
		while (what, pid) != (0x80000000, child):
		    what, _, _, pid = struct.unpack_from("=IIQI", s.recv(4096), 36)
	END
}

# kcmp (system call 312) of type 1, "same memory": 0 for a process and itself.
kcmp() {
	perl -e 'exit(syscall(312, $$ + 0, $$ + 0, 1, 0, 0) == 0 ? 0 : 1)' || fail "no kcmp"
}

# What reads another process: process_vm_readv is 310; the pid is one that cannot be read, and the
# error must be that there is no such process rather than that there is no such call.
remote_memory() {
	perl -e '$r = syscall(310, 4194303, 0, 0, 0, 0, 0); exit($!{ENOSYS} ? 1 : 0)' ||
		fail "no process_vm_readv"
	dd if=/proc/1/mem of=/dev/null bs=1 count=1 \
		skip=$((0x$(sed -n '1s/-.*//p' /proc/1/maps))) 2>/dev/null ||
		fail "memory of another process cannot be read"
}

controllers
pressure
limits
oom_kill
journal
connector
kcmp
remote_memory
