// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One uprobe at runtime.newproc of one process. Only UAPI headers and no kernel type information. Loaded once for each
 * process that is throttled: the rules are constants to the verifier.
 */
#include <linux/bpf.h>
#include <asm/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "throttle.h"

#define FLAGS_BELOW_OR_EQUAL 0x41 /* carry, zero: at which jbe is taken */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct throttle_rules rules;
struct throttle_state state;

static __always_inline bool is_own_call(const struct pt_regs *ctx)
{
	__u64 caller = 0;

	if (bpf_probe_read_user(&caller, sizeof(caller), (const void *)ctx->rsp))
		return false;
	for (__u32 i = 0; i < THROTTLE_OWN_CALLS_MAX && i < rules.n_own_calls; i++)
		if (rules.own_calls[i] == caller)
			return true;
	return false;
}

/* Takes a token, there or not. Returns whether the debt is more than the slack. */
static __always_inline bool take_token(__u64 period)
{
	__u64 now = bpf_ktime_get_ns(), floor = now - rules.burst_ns, due = state.due_ns;

	if (due < floor)
		__sync_val_compare_and_swap(&state.due_ns, due, floor);
	else if ((__s64)(due - now) > (__s64)rules.debt_max_ns) {
		__sync_fetch_and_add(&state.forgiven, 1);
		return true;
	}
	due = __sync_fetch_and_add(&state.due_ns, period);
	return (__s64)(due - now) > (__s64)rules.slack_ns;
}

SEC("uprobe")
int on_newproc(struct pt_regs *ctx)
{
	__u64 period = state.period_ns;

	if (!period || rules.pid != (__u32)(bpf_get_current_pid_tgid() >> 32))
		return 0;
	if (rules.jump && ctx->eflags & FLAGS_BELOW_OR_EQUAL)
		return 0;
	if (is_own_call(ctx)) {
		__sync_fetch_and_add(&state.own_calls, 1);
		return 0;
	}
	__sync_fetch_and_add(&state.calls, 1);
	if (!take_token(period))
		return 0;
	__sync_fetch_and_add(&state.over, 1);
	if (bpf_send_signal_thread(THROTTLE_SIGNAL))
		__sync_fetch_and_add(&state.failed, 1);
	return 0;
}
