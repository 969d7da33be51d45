// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Exec and exit of processes for kernels without type information (BTF): raw tracepoints, and nothing of the kernel's
 * structs. Where there is BTF kernel.bpf.c tells of them, and knows more of who exits.
 */
#include "tell.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("raw_tp/sched_process_exec")
int on_exec(void *c)
{
	say_process(EVENT_EXEC, (__u32)(bpf_get_current_pid_tgid() >> 32),
		    bpf_get_current_cgroup_id());
	return 0;
}

/* Of the first thread; that others live on where it ends cannot be seen here, and Go's never does. */
SEC("raw_tp/sched_process_exit")
int on_exit(void *c)
{
	__u64 id = bpf_get_current_pid_tgid();

	if ((__u32)id == (__u32)(id >> 32))
		say_process(EVENT_EXIT, (__u32)id, bpf_get_current_cgroup_id());
	return 0;
}
