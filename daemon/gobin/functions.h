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
	FUNCTION_NEWPROC1,
	FUNCTION_ALLGADD,
	FUNCTION_MPROF_FLUSH,
	FUNCTION_MPROF_CYCLE, /* mProf_Flush, which begins with the cycle's number */
	FUNCTION_MEM_PROFILE, /* what reads the heap profile; the linker leaves it out where nothing does */
	FUNCTION_WAIT_REASON, /* waitReason.String */
	FUNCTION_COMMIT,      /* gcControllerCommit */
	FUNCTION_ALLOCMCACHE,
	FUNCTION_SYSUNUSED,
	FUNCTION_GC_TRIGGER_TEST,
	FUNCTION_SYSMON,
	FUNCTION_DEBUG_VARS, /* reads GODEBUG; memprofilerate= is stored here */
	FUNCTION_KIND_MAX_,
};

/* Those that a probe may sit in, or that tell where one may (sites.h). */
enum probed_function {
	PROBED_NOT,
	PROBED_GC_START,
	PROBED_GC_PART, /* the closures of gcStart and gcMarkDone */
	PROBED_MARK_TERMINATION,
	PROBED_STOP_WORLD,
	PROBED_START_WORLD,
	PROBED_HISTOGRAM_RECORD,
	PROBED_MPROF_MALLOC,
	PROBED_REFILL,
	PROBED_ALLOC_LARGE,
	PROBED_NEWPROC,
	PROBED_MAX_,
};

struct function {
	uint64_t entry, end;
	enum function_kind kind;
	enum probed_function probed;
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
