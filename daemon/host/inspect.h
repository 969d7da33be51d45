/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/pulse.h"
#include "host/process.h"
#include "host/profile.h"

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
	INSPECT_CORE,	      /* as OPEN, of a core file; nothing is held */
	INSPECT_PROFILE, /* take a profile of a process, which need not be held; slots: kind, rows wanted, callers of each; of
				goroutines: enum inspect_goroutines, and for how long they are to be blocked at least, in ms; of
				causes: enum inspect_causes */
	INSPECT_STACK, /* one more stack for a profile of allocations; slots: its number, 0 begins anew */
	INSPECT_PROFILE_ROW, /* one row of the profile taken last; slots: its number */
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

/*
 * Outcomes of INSPECT_OPEN and of a row of INSPECT_SAMPLE beside GO_* and PROCESS_* (which keep their numbers);
 * INSPECT_PROFILE has those of profile_take as well.
 */
enum inspect_result {
	INSPECT_OK = 0,
	INSPECT_GONE = 16, /* exited, or has another image now */
	INSPECT_NOT_GO,	   /* no Go runtime: remembered by the executable file */
	INSPECT_REFUSED,   /* a Go runtime that is not proved: gates in the runtime tell */
	INSPECT_SHARED,	   /* a vfork child */
	INSPECT_CHANGED, /* STORE: the live heap is not the expected one any more; nothing was written */
	INSPECT_FOREIGN,    /* STORE: somebody else has written meanwhile; nothing was written */
	INSPECT_STALE,	    /* the slot is not held (the helper was replaced): open again */
	INSPECT_NOT_CORE,   /* CORE: no core file of x86-64, or one that contradicts itself */
	INSPECT_INCOMPLETE, /* CORE: it has not all that is needed, reply.lack says what */
};

/* What a core file has not, and why nothing else has it. */
enum inspect_lack_why {
	INSPECT_LACKS_NOTHING,
	INSPECT_LACKS_FILE,   /* pages of a file that cannot be opened: `error` */
	INSPECT_LACKS_BUILD,  /* ... that is another build by now */
	INSPECT_LACKS_HEADER, /* ... of which the core does not tell the build */
	INSPECT_LACKS_MEMORY, /* memory of the program's own */
	INSPECT_LACKS_END,    /* the core file is cut off */
};

struct inspect_lack {
	uint32_t why;
	int32_t error;
	char file[256];
};

/* Which goroutines are wanted. */
enum inspect_goroutines {
	INSPECT_ALL,
	INSPECT_BLOCKED,
};

/* Causes of what. */
enum inspect_causes {
	INSPECT_OF_HEAP,
	INSPECT_OF_STACKS,
};

struct inspect_store {
	uint32_t field; /* enum go_field */
	uint32_t unused;
	int64_t value;
};

struct inspect_request {
	uint32_t op;
	uint32_t flags; /* GO_SAMPLE_*, INSPECT_TORN, INSPECT_EXPECT */
	int32_t pid;
	uint32_t n; /* slots, or stores */
	uint32_t slots[INSPECT_BATCH];
	uint32_t since_num_gc
		[INSPECT_BATCH]; /* OPEN, SAMPLE with GO_SAMPLE_GOROUTINES: pauses of which collections, see pulse.h */
	uint64_t since_unix_ns;
	struct inspect_store stores[INSPECT_STORES];
	int64_t expect_value;
	uint64_t expect_marked; /* STORE: only while heapMarked is this; UINT64_MAX: in any case */
	uint64_t
		cgroup_id; /* WRITE_CGROUP: the directory's inode, so that no other of its name is meant */
	union {
		struct {
			char cgroup[512];	 /* WRITE_CGROUP: path below the root, ... */
			char file[32], text[32]; /* ... file in it, and what to write */
		};
		char core[512]; /* CORE: its path */
		char index
			[512]; /* PROFILE of causes: path of the report's index; "": as it is filed */
		struct alloc_stack stack; /* STACK */
	};
};

struct inspect_row {
	int32_t result;
	uint32_t slot;
	uint64_t rss_bytes;
	uint64_t cpu_ns; /* used so far */
	bool proved;
	uint32_t refused_by; /* enum go_gate, where it is not proved */
	struct go_sample sample;
	struct go_pulse pulse; /* OPEN, SAMPLE */
};

struct inspect_reply {
	int32_t result; /* of the whole: INSPECT_*, or -errno; -ETIMEDOUT where the helper had to be killed */
	uint32_t n;
	bool starting; /* OPEN: not Go's or refused, but its runtime has not come up: ask again */
	struct process_info info;  /* OPEN, CORE, PROFILE */
	struct go_runtime runtime; /* OPEN, CORE, PROFILE */
	struct inspect_lack lack;  /* CORE */
	uint32_t num_gc;	   /* PROFILE: MemStats.NumGC just before */
	uint64_t
		cpu_usec; /* PROFILE, PROFILE_ROW: time on a CPU that it took, the parser's as well */
	bool located; /* its executable was not in the cache: what this took will not be taken again */
	union {
		struct inspect_row rows[INSPECT_BATCH];
		struct profile_summary profile; /* PROFILE */
		union profile_row profile_row;	/* PROFILE_ROW */
	};
};

/* The helper's side: answers requests on @fd until it is closed. @writable: opens memory for writing. Never returns. */
_Noreturn void inspect_serve(const struct hostroot *host, int fd, bool writable);
