/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/runtime.h"
#include "host/process.h"

/*
 * What is known of executable files, so that each is located in once: by process_info.exe_key, which holds whose memory
 * told of it. Results are moved by the load address of each process. The oldest goes for a new one. To be zeroed.
 */
enum {
	EXE_CACHE_MAX = 512,
};

struct exe_known;

struct exe_cache {
	struct exe_known *known[EXE_CACHE_MAX];
	uint32_t next;
};

/*
 * True where the executable file of @p is known: *ret and *ret_result are as locating would have them. GO_NONE with
 * `marked` where the image is not there yet, since the process has only begun.
 */
bool exe_cache_get(const struct exe_cache *c, const struct process *p, struct go_runtime *ret,
		   int *ret_result);

/*
 * A runtime that has come up has a thread of its own beside the first. With one thread alone what refuses an image may be
 * that its loader has not relocated it yet: that says nothing about the file, nor about what this process will be.
 */
bool exe_is_starting(const struct process *p, int result, const struct go_runtime *rt);

/*
 * Does this result of locating hold for the file? A runtime that has not started has garbage for some addresses: its
 * result is good for this process's refusal only.
 */
bool exe_cache_may_put(const struct process *p, int result, const struct go_runtime *rt);

/* What is known of a file already stays. Without memory it is forgotten, and located in again. */
void exe_cache_put(struct exe_cache *c, const struct process *p, int result,
		   const struct go_runtime *rt);
