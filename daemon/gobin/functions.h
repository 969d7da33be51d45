/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/image.h"

/* The runtime functions that tell where the runtime's globals are; FUNCTION_OTHER is any other of package runtime. */
enum function_kind {
	FUNCTION_OTHER,
	FUNCTION_GC_CONTROLLER, /* methods of *gcControllerState */
	FUNCTION_MHEAP,		/* methods of *mheap */
	FUNCTION_HEAP_STATS,	/* methods of *consistentHeapStats */
	FUNCTION_CPU_LIMITER,	/* methods of *gcCPULimiterState */
	FUNCTION_LOCK,
	FUNCTION_LOCK2,
	FUNCTION_SCHED_USER, /* takes sched.lock and few others */
	FUNCTION_STOP_THE_WORLD,
	FUNCTION_SCHEDINIT,
	FUNCTION_PROCRESIZE,
	FUNCTION_ALLGADD,
	FUNCTION_MPROF_FLUSH,
	FUNCTION_COMMIT, /* gcControllerCommit */
	FUNCTION_ALLOCMCACHE,
	FUNCTION_SYSUNUSED,
	FUNCTION_GC_TRIGGER_TEST,
	FUNCTION_SYSMON,
	FUNCTION_KIND_MAX_,
};

struct function {
	uint64_t entry, end;
	enum function_kind kind;
};

struct function_list {
	struct function *functions; /* sorted by entry */
	size_t n;
};

void function_list_done(struct function_list *list);

/*
 * Lists package runtime's functions by the image's pclntab. Returns 0, -ENOENT where there are none (a plugin,
 * or a forgery), or -errno. @ret is the caller's, to be ended with function_list_done.
 */
int function_list_read(const struct memory *m, const struct go_image *image,
		       struct function_list *ret);
