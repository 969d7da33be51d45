/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "gobin/memory.h"
#include "host/hostroot.h"

/*
 * One process, held by a descriptor of its memory: after an exec that descriptor reads nothing, so what was proved
 * about the image cannot be applied to the next one. pid and start time alone stay the same over an exec.
 *
 * Everything here may block on a hostile mapping: it runs in a helper, never in the daemon's loop.
 */
enum {
	PROCESS_GONE = 1,      /* it has exited, or is a zombie */
	PROCESS_KERNEL,	       /* a kernel thread: no memory */
	PROCESS_SHARES_MEMORY, /* a vfork child: its memory is its parent's, counted there */
};

struct process_id {
	pid_t pid;
	uint64_t start_ticks; /* field 22 of /proc/PID/stat */
	uint64_t
		image; /* tells one exec's image from the next: a hash of where its stack and code begin */
};

/* /proc/PID/stat, as far as it matters. */
struct process_stat {
	struct process_id id;
	pid_t parent;
	uint64_t rss_bytes;
	uint64_t virtual_bytes;
	uint64_t cpu_ns; /* used so far, by all threads, to the kernel's tick */
	uint32_t threads;
	char state;
	char comm[16];
};

/* Who holds a variable in the owner's own words; the text is cut, `set` is not. */
struct process_variable {
	bool set;
	char value[100];
};

struct process_info {
	struct process_stat stat;
	uid_t uid;
	char exe[256]; /* as /proc/PID/exe reads; tenant's text */
	uint64_t
		exe_key; /* hash of device, inode, size and ctime of the executable and of its other mapped code, and of the owner
			  * and namespaces: what one tenant's memory told is not believed of another's */
	struct process_variable gogc, gomemlimit, godebug;
	struct process_variable
		gomemd; /* GOMEMD_ENVIRONMENT: which of them gomemd put there, with the values */
};

/* The real uid of a process; (uid_t)-1 where it is gone. */
uid_t process_read_uid(const struct hostroot *host, pid_t pid);

struct process; /* opaque: the held descriptor and the last read list of regions */

/*
 * Opens /proc/PID/mem (for writing too with @writable), then reads identity and maps through what is still the
 * same process. Returns 0, an outcome above, or -errno (-EACCES, -EPERM: the capability is missing).
 */
int process_open(const struct hostroot *host, pid_t pid, bool writable, struct process **ret);
struct process *process_free(struct process *p);

static inline void process_freep(struct process **p)
{
	process_free(*p);
}

const struct process_info *process_get_info(const struct process *p);

/* The process's memory as gobin sees it; belongs to @p. Reading beyond an exec or exit is -EIO. */
const struct memory *process_get_memory(const struct process *p);

/* The held descriptor, for a helper that is to read by it; stays @p's. */
int process_get_fd(const struct process *p);

/* Forgets the list of regions, which only locating needs. */
void process_drop_regions(struct process *p);

/* Reads stat anew: PROCESS_GONE where it is another process or another image by now. */
int process_refresh(const struct hostroot *host, struct process *p);

/*
 * Stores @size bytes (4 or 8) at @addr and reads them back. Only into a private, writable mapping, by a map list
 * read for this call, and only while the identity still holds. Returns 0, PROCESS_GONE, -EACCES where the mapping
 * is of another kind, -EIO where another value was read back, or -errno.
 */
int process_store(const struct hostroot *host, struct process *p, uint64_t addr, const void *value,
		  size_t size);

/* When it was made, to the tick before, as an instant of CLOCK_BOOTTIME. */
usec_t process_started(const struct process_id *id);

/* When it was made, in nanoseconds of CLOCK_MONOTONIC, to the tick before; 0 where that is before the clock began. */
uint64_t process_started_ns(const struct process_stat *st);

/* Reads /proc/PID/stat. PROCESS_GONE where there is none. */
int process_read_stat(const struct hostroot *host, pid_t pid, struct process_stat *ret);

/*
 * The cgroup v2 path, from the root of the host's tree with a leading slash, "" in v1-only hierarchies and outside
 * of the tree; with @v1, the memory controller's. At most @size - 1 bytes, -ENAMETOOLONG beyond.
 */
int process_read_cgroup(const struct hostroot *host, pid_t pid, bool v1, char *ret, size_t size);

bool process_id_equal(const struct process_id *a, const struct process_id *b);
