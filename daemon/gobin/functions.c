/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/span.h"
#include "base/util.h"
#include "gobin/functions.h"

enum {
	RUNTIME_FUNCS_MAX = 32 * 1024, /* Go 1.27 has about 4,000 */
	NAME_MAX_BYTES = 96,	       /* longer than each name that is looked for */
};

static const struct {
	const char *name;
	enum function_kind kind;
	bool prefix;
} known[] = {
	{ "(*gcControllerState).", FUNCTION_GC_CONTROLLER, true },
	{ "(*mheap).", FUNCTION_MHEAP, true },
	{ "(*consistentHeapStats).", FUNCTION_HEAP_STATS, true },
	{ "(*gcCPULimiterState).", FUNCTION_CPU_LIMITER, true },
	{ "lock", FUNCTION_LOCK, false },
	{ "lock2", FUNCTION_LOCK2, false },
	{ "stopm", FUNCTION_SCHED_USER, false },
	{ "gcstopm", FUNCTION_SCHED_USER, false },
	{ "stoplockedm", FUNCTION_SCHED_USER, false },
	{ "schedEnableUser", FUNCTION_SCHED_USER, false },
	{ "startTheWorldWithSema", FUNCTION_SCHED_USER, false },
	{ "handoffp", FUNCTION_SCHED_USER, false },
	{ "oneNewExtraM", FUNCTION_SCHED_USER, false },
	{ "findRunnable", FUNCTION_SCHED_USER, false },
	{ "startm", FUNCTION_SCHED_USER, false },
	{ "goschedImpl", FUNCTION_SCHED_USER, false },
	{ "stopTheWorldWithSema", FUNCTION_STOP_THE_WORLD, false },
	{ "schedinit", FUNCTION_SCHEDINIT, false },
	{ "procresize", FUNCTION_PROCRESIZE, false },
	{ "newproc1", FUNCTION_NEWPROC1, false },
	{ "allgadd", FUNCTION_ALLGADD, false },
	{ "mProf_FlushLocked", FUNCTION_MPROF_FLUSH, false },
	{ "mProf_flushLocked", FUNCTION_MPROF_FLUSH, false },
	{ "mProf_Flush", FUNCTION_MPROF_CYCLE, false },
	{ "MemProfile", FUNCTION_MEM_PROFILE, false },
	{ "memProfileInternal", FUNCTION_MEM_PROFILE, false }, /* from 1.23 */
	{ "waitReason.String", FUNCTION_WAIT_REASON, false },
	{ "gcControllerCommit", FUNCTION_COMMIT, false },
	{ "allocmcache", FUNCTION_ALLOCMCACHE, false },
	{ "sysUnusedOS", FUNCTION_SYSUNUSED, false },
	{ "sysUnused", FUNCTION_SYSUNUSED, false },
	{ "gcTrigger.test", FUNCTION_GC_TRIGGER_TEST, false },
	{ "sysmon", FUNCTION_SYSMON, false },
	{ "parsedebugvars", FUNCTION_DEBUG_VARS, false },
	{ "parsegodebug", FUNCTION_DEBUG_VARS, false }, /* from 1.21 */
};

static const struct {
	const char *name;
	enum probed_function probed;
	bool prefix;
} probed[] = {
	{ "gcStart", PROBED_GC_START, false },
	{ "gcStart.", PROBED_GC_PART, true },
	{ "gcMarkDone.", PROBED_GC_PART, true },
	{ "gcMarkTermination", PROBED_MARK_TERMINATION, false },
	{ "stopTheWorldWithSema", PROBED_STOP_WORLD, false },
	{ "startTheWorldWithSema", PROBED_START_WORLD, false },
	{ "(*timeHistogram).record", PROBED_HISTOGRAM_RECORD, false },
	{ "mProf_Malloc", PROBED_MPROF_MALLOC, false },
	{ "(*mcache).refill", PROBED_REFILL, false },
	{ "(*mcache).allocLarge", PROBED_ALLOC_LARGE, false },
	{ "newproc", PROBED_NEWPROC, false },
};

static enum probed_function probed_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(probed); i++) {
		size_t n = strlen(probed[i].name) + !probed[i].prefix;

		if (!strncmp(name, probed[i].name, n))
			return probed[i].probed;
	}
	return PROBED_NOT;
}

static enum function_kind kind_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t n = strlen(known[i].name) + !known[i].prefix;

		if (!strncmp(name, known[i].name, n))
			return known[i].kind;
	}
	return FUNCTION_OTHER;
}

/* The three tables that a function's name is read through, each with a window of its own. */
struct reader {
	const struct go_image *image;
	struct memory_window functab, funcs, names;
};

static int read_u32(struct memory_window *w, uint64_t addr, uint32_t *ret)
{
	const uint8_t *p;
	int r = memory_window_get(w, addr, sizeof(*ret), &p);

	if (r == 0)
		memcpy(ret, p, sizeof(*ret));
	return r;
}

/* Name of functab entry @i up to NAME_MAX_BYTES; false where the table is not what it claims. */
static bool read_name(struct reader *rd, uint64_t i, uint32_t *entry, char name[NAME_MAX_BYTES])
{
	const struct go_image *image = rd->image;
	uint32_t func = 0, name_off = 0;
	const uint8_t *p;
	size_t n;

	if (read_u32(&rd->functab, image->functab + 8 * i, entry) < 0 ||
	    read_u32(&rd->functab, image->functab + 8 * i + 4, &func) < 0 ||
	    read_u32(&rd->funcs, image->functab + func + 4, &name_off) < 0 ||
	    name_off >= image->names_bytes)
		return false;
	n = MIN((uint64_t)NAME_MAX_BYTES - 1, image->names_bytes - name_off);
	if (memory_window_get(&rd->names, image->names + name_off, n, &p) < 0)
		return false;
	memcpy(name, p, n);
	name[n] = '\0';
	return true;
}

static int list_add(struct function_list *list, size_t *room, struct function f)
{
	int r = array_make_room(&list->functions, room, list->n, RUNTIME_FUNCS_MAX,
				sizeof(*list->functions));

	if (r < 0)
		return r;
	list->functions[list->n++] = f;
	return 0;
}

void function_list_done(struct function_list *list)
{
	free(list->functions);
	*list = (struct function_list){ 0 };
}

int function_list_read(const struct memory *m, const struct go_image *image,
		       struct function_list *ret)
{
	static const char package[] = "runtime.";
	_cleanup_(function_list_done) struct function_list list = { 0 };
	_cleanup_(freep) struct reader *rd = calloc(1, sizeof(*rd));
	const uint64_t text_bytes = image->etext - image->text;
	uint32_t entry = 0, next = 0, last = 0;
	char name[NAME_MAX_BYTES];
	size_t room = 0;

	if (!rd)
		return -ENOMEM;
	rd->image = image;
	rd->functab.memory = rd->funcs.memory = rd->names.memory = m;
	for (uint64_t i = 0; i < image->n_funcs; i++) {
		int r;

		if (!read_name(rd, i, &entry, name))
			return -EBADMSG;
		if (strncmp(name, package, sizeof(package) - 1))
			continue;
		if (read_u32(&rd->functab, image->functab + 8 * (i + 1), &next) < 0 ||
		    next < entry || next > text_bytes || entry < last)
			return -EBADMSG;
		/* Functions that overlap would have the same code read thousands of times. */
		last = next;
		r = list_add(&list, &room,
			     (struct function){ .entry = image->text + entry,
						.end = image->text + next,
						.kind = kind_of(name + sizeof(package) - 1),
						.probed = probed_of(name + sizeof(package) - 1) });
		if (r < 0)
			return r;
	}
	if (list.n == 0)
		return -ENOENT;
	*ret = list;
	list = (struct function_list){ 0 };
	return 0;
}
