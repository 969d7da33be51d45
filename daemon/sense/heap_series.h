/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "host/profile.h"

/*
 * The heap profile of one process over its collection cycles: of each cause (gobin/causes.h) that was among the biggest
 * the last figures, so that what grows can be told from what is only big. Pure: figures and names come from a helper that
 * has read a tenant's memory, so they may be anything; they make nonsense of that process's own series alone.
 */
enum {
	HEAP_SERIES_TOP = PROFILE_FIGURES_MAX / 2, /* asked for by either figure */
	HEAP_SERIES_CAUSES = PROFILE_FIGURES_MAX,
	HEAP_SERIES_POINTS = 16, /* profiles that are kept */
};

/* Outcomes above 0. */
enum {
	HEAP_SERIES_SAME = 1, /* a profile of that cycle is there already */
};

/* Who a cause is. Texts are a tenant's or the compiler's; "" where there is none. */
struct heap_cause {
	const char *function, *file; /* the line that is to be mended */
	uint32_t line;
	bool in_module; /* false: the stack had no call of the main module's; this is the site */
	const char *site_function, *site_file; /* the one that allocates */
	uint32_t site_line;
	const char *type;
	uint32_t alloc_class;		 /* enum alloc_class */
	uint32_t class, site_class;	 /* enum escape_class */
	uint32_t told_by, site_told_by;	 /* enum escape_teller */
	const char *expression, *reason; /* that the class is from; "" where the runtime tells it */
	const char *site_expression, *site_reason;
	const char *step, *step_file; /* what decides the class */
	uint32_t step_line;
	uint32_t site_permille; /* of what the cause has allocated, so much is the site's */
};

struct heap_series; /* opaque */

/* Up to 15 KiB, and for each cause a name of some hundred bytes. NULL without memory. */
struct heap_series *heap_series_new(void);
struct heap_series *heap_series_free(struct heap_series *s);

static inline void heap_series_freep(struct heap_series **s)
{
	heap_series_free(*s);
}

/* The figures of a profile that was published when MemStats.NumGC was @num_gc, taken at @at. */
struct heap_series_profile {
	uint32_t num_gc;
	usec_t at;
	struct heap_figures total; /* of all causes, told or not */
	uint64_t
		sample_bytes; /* one sample stands for about so many; 0: nothing is sampled, all is counted */
	const struct profile_figures *figures;
	size_t n;
};

/*
 * Takes a profile; of more than HEAP_SERIES_CAUSES the first. A number that goes back is another program's: everything
 * before is forgotten. Of a cause that has allocated less than before, the points before are. Returns 0 or
 * HEAP_SERIES_SAME.
 */
int heap_series_add(struct heap_series *s, const struct heap_series_profile *profile);

/* Is this cause in the series, and without a name, or named when another site had most of it? */
bool heap_series_wants_name(const struct heap_series *s, uint64_t cause);

/* Names it. -EBADMSG where @row is not that cause's (the profile has been replaced meanwhile), -ENOENT, -ENOMEM. */
int heap_series_name(struct heap_series *s, uint64_t cause, const struct cause_row *row);

/* What the names tell is of a report that is not the one any more: all are wanted again. */
void heap_series_forget_names(struct heap_series *s);

/* Of the whole series. */
struct heap_series_info {
	uint32_t points;	   /* profiles in it */
	uint32_t cycles;	   /* collections from the first of them to the last */
	uint32_t num_gc;	   /* of the last */
	usec_t at;		   /* of the last */
	usec_t span;		   /* from the first to the last */
	struct heap_figures total; /* by the last */
	uint64_t alloc_bytes;	   /* by all of the program, from the first to the last */
	uint32_t causes;
	uint64_t left_out; /* causes that had to make room, and figures that had none */
	uint32_t restarts;
};

void heap_series_info(const struct heap_series *s, struct heap_series_info *ret);

/* What became of a cause. */
struct heap_growth {
	const struct heap_cause *cause;			  /* the series'; NULL until it is known */
	uint64_t inuse_bytes, alloc_bytes, inuse_objects; /* when it was last seen */
	uint64_t sample_bytes;				  /* as in the last profile */
	uint64_t object_bytes; /* of one, on the average of all it has allocated; 0: unknown */
	bool seen_last;	       /* that was in the last profile */
	uint32_t points;       /* profiles that had it */
	uint32_t cycles;       /* collections between the first and the last of these */
	usec_t span;	       /* and the time */
	uint32_t rises, falls; /* of bytes in use, from one of them to the next */
	int64_t slope_bytes_per_min; /* of bytes in use: the median over all pairs of points */
	int64_t grown_bytes;	     /* in use, from the first to the last of these */
	uint64_t alloc_bytes_since;  /* allocated, from the first to the last of these */
	uint64_t all_bytes_since;    /* by all of the program in the same time */
	uint64_t alloc_bytes_per_min;
};

/* All causes, the one that grows most first. Returns how many. */
size_t heap_series_growth(const struct heap_series *s, struct heap_growth ret[HEAP_SERIES_CAUSES]);
