/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/runtime.h"
#include "host/process.h"

/*
 * What the daemon asks of a helper and what comes back: messages of fixed size over a socket pair. Everything that
 * can block on a tenant - its maps, its memory, a cgroup file - is behind one of these operations.
 */
enum inspect_op {
	INSPECT_OPEN, /* hold a process, find its runtime (or take it from the cache), sample it */
	INSPECT_SAMPLE, /* sample up to INSPECT_BATCH held processes */
	INSPECT_STORE,	/* write fields of one held process, then sample it */
	INSPECT_CLOSE,
	INSPECT_WRITE_CGROUP, /* one write to a file of a cgroup */
	INSPECT_OP_MAX_,
};

enum {
	INSPECT_BATCH = 16,
	INSPECT_STORES = 3,
	/*
	 * STORE: also where only the heap goal's gate refuses. For giving back alone: the same image was proved before it
	 * was written to, and a daemon that died between two fields left it so.
	 */
	INSPECT_TORN = 1 << 16,
	INSPECT_EXPECT = 1 << 17, /* STORE: only while the first field has `expect_value` */
};

/* Outcomes of INSPECT_OPEN and of a row of INSPECT_SAMPLE beside GO_* and PROCESS_* (which keep their numbers). */
enum inspect_result {
	INSPECT_OK = 0,
	INSPECT_GONE = 16, /* exited, or has another image now */
	INSPECT_NOT_GO,	   /* no Go runtime: remembered by the executable file */
	INSPECT_REFUSED,   /* a Go runtime that is not proved: gates in the runtime tell */
	INSPECT_SHARED,	   /* a vfork child */
	INSPECT_CHANGED, /* STORE: the live heap is not the expected one any more; nothing was written */
	INSPECT_FOREIGN, /* STORE: somebody else has written meanwhile; nothing was written */
	INSPECT_STALE,	 /* the slot is not held (the helper was replaced): open again */
};

struct inspect_store {
	uint32_t field; /* enum go_field */
	uint32_t unused;
	int64_t value;
};

struct inspect_request {
	uint32_t op;
	uint32_t flags; /* GO_SAMPLE_*, INSPECT_TORN */
	int32_t pid;
	uint32_t n; /* slots, or stores */
	uint32_t slots[INSPECT_BATCH];
	struct inspect_store stores[INSPECT_STORES];
	int64_t expect_value;
	uint64_t expect_marked;	 /* STORE: only while heapMarked is this; UINT64_MAX: in any case */
	char cgroup[512];	 /* WRITE_CGROUP: path below the root ... */
	char file[32], text[32]; /* ... file in it, and what to write */
};

struct inspect_row {
	int32_t result;
	uint32_t slot;
	uint64_t rss_bytes;
	bool proved;
	uint32_t refused_by; /* enum go_gate, where it is not proved */
	struct go_sample sample;
};

struct inspect_reply {
	int32_t result; /* of the whole: INSPECT_*, or -errno; -ETIMEDOUT where the helper had to be killed */
	uint32_t n;
	struct process_info info;  /* OPEN */
	struct go_runtime runtime; /* OPEN */
	struct inspect_row rows[INSPECT_BATCH];
};

/* The helper's side: answers requests on @fd until it is closed. @writable: opens memory for writing. Never returns. */
_Noreturn void inspect_serve(const struct hostroot *host, int fd, bool writable);
