#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # those of lib.bash
#
# gomemctl features tells what works, and of what does not, what is lost and what would bring it back.

load lib.bash

teardown() {
	stop_all
}

features() {
	status=0
	output=$("$@" "$gomemctl" features --json 2>"$BATS_TEST_TMPDIR/errors") || status=$?
	[ "$status" -eq 0 ] || fail "exit $status" "$(cat "$BATS_TEST_TMPDIR/errors")"
}

works() {
	holds ".schema == 1 and any(.features[]; .name == \"$1\" and .works == true)"
}

missing() {
	holds "any(.features[]; .name == \"$1\" and .works == false
		and (.error | length) > 0 and (.lost | length) > 0 and (.mend | length) > 0)"
}

@test "root without a daemon: probes and kernel events work, what only a daemon can try is open" {
	features env
	works runtime-probes
	works kernel-events
	works endpoints
	holds 'any(.features[]; .name == "decision-file" and .works == null)'
}

# by WAY: how execs and exits are told.
by() {
	holds "any(.features[]; .name == \"process-events\" and .works == true and .by == \"$1\")"
}

@test "execs and exits: by the connector, outside the host's network namespace by tracepoints, without BTF by raw ones" {
	features env
	by connector
	features unshare -n
	by btf-tracepoint
	[ -e /sys/kernel/btf ] || skip "this kernel has no BTF to hide"
	# shellcheck disable=SC2016 # the inner shell's
	features unshare -n -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh
	by raw-tracepoint
	missing kernel-events
}

@test "execs and exits: where the kernel would take the subscription and tell nothing, they are missing" {
	features unshare --pid --fork --mount-proc
	missing process-events
	works runtime-probes
}

@test "without the network namespace and without eBPF processes are found by scans, and nothing fails" {
	features unshare -n setpriv --bounding-set=-bpf,-perfmon,-sys_admin --inh-caps=-bpf,-perfmon,-sys_admin
	missing process-events
	missing runtime-probes
}

@test "without the capabilities for eBPF its features are missing, and nothing fails" {
	features setpriv --bounding-set=-bpf,-perfmon,-sys_admin --inh-caps=-bpf,-perfmon,-sys_admin
	missing runtime-probes
	missing kernel-events
}

@test "with CAP_BPF and CAP_PERFMON alone the kernel is heard, and no probe may be set in a Go runtime" {
	features setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin
	works kernel-events
	missing runtime-probes
	missing goroutine-limit
	missing endpoints
}

@test "without the kernel's type information probes in Go's runtime work all the same" {
	[ -e /sys/kernel/btf ] || skip "this kernel has none"
	# shellcheck disable=SC2016 # the inner shell's
	features unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh
	works runtime-probes
	missing kernel-events
}

@test "a system call filter that refuses bpf: its features are missing, and nothing fails" {
	features python3 -c '
import ctypes, os, struct, sys
# A filter by hand: bpf(2), 321 on x86-64, gives EPERM; all else is allowed.
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 321), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
program = b"".join(struct.pack("HBBI", *c) for c in code)
buffer = ctypes.create_string_buffer(program)
fprog = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.create_string_buffer(fprog), 0, 0):
    sys.exit("no filter")
os.execv(sys.argv[1], sys.argv[1:])'
	missing runtime-probes
	missing kernel-events
}

# hold_sockets PID GO DONE: copies of all sockets of the process, as a child has them until it runs its own program; then GO is
# made, and the copies stay until DONE is there.
hold_sockets() {
	python3 - "$@" <<-'PYTHON'
		import ctypes, os, sys, time
		pid, go, done = int(sys.argv[1]), sys.argv[2], sys.argv[3]
		libc = ctypes.CDLL(None, use_errno=True)
		process = libc.syscall(434, pid, 0)  # pidfd_open
		held = 0
		for fd in os.listdir(f"/proc/{pid}/fd"):
		    if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
		        held += libc.syscall(438, process, int(fd), 0) >= 0  # pidfd_getfd
		if not held:
		    sys.exit("nothing to hold")
		open(go, "w").close()
		end = time.monotonic() + 60
		while not os.path.exists(done) and time.monotonic() < end:
		    time.sleep(0.02)
	PYTHON
}

@test "a helper that ends while its socket is held elsewhere takes the daemon nowhere" {
	local scratch=$BATS_TEST_TMPDIR daemon holder
	mkdir -p "$scratch/bin" "$scratch/run" "$scratch/root/"{proc,etc/gomemd,sys/fs/cgroup}
	find "$top/build" -maxdepth 1 -type f -name 'gomemd*' -executable -exec cp -t "$scratch/bin" {} +
	# shellcheck disable=SC2016 # the script's
	printf '#!/bin/sh\nuntil [ -e "$GO" ]; do sleep 0.02; done\n' >"$scratch/bin/gomemd-throttle"
	chmod +x "$scratch/bin/gomemd-throttle"
	printf '[daemon]\nprobes = no\nprocess_events = no\n' >"$scratch/conf"
	GO=$scratch/go GOMEMD_ROOT=$scratch/root STATE_DIRECTORY=$scratch/state RUNTIME_DIRECTORY=$scratch/run \
		start "$scratch/bin/gomemd" --config "$scratch/conf" >"$scratch/log" 2>&1
	daemon=$started
	asked() { output=$("$gomemctl" --socket "$scratch/run/control.sock" features --json); }
	eventually 20 asked
	holds 'any(.features[]; .name == "goroutine-limit" and .works == null)'
	start hold_sockets "$daemon" "$scratch/go" "$scratch/done" >"$scratch/held" 2>&1
	holder=$started
	ended() { asked && holds 'any(.features[]; .name == "goroutine-limit" and .works == false)'; }
	eventually 20 ended
	# What it still had in its loop it would meet here.
	asked && asked
	alive "$holder" || fail "$(cat "$scratch/held")"
	alive "$daemon" || fail "$(tail -n 2 "$scratch/log")"
	: >"$scratch/done"
	eventually 20 dead "$holder"
	asked || fail "$(tail -n 2 "$scratch/log")"
}
