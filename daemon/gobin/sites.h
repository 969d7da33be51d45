/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/memory.h"

struct function_list;

/*
 * Where uprobes sit in a Go runtime. Each is an instruction that the kernel emulates (a push of rbp, a call, a
 * conditional jump), a microsecond a hit; on a function's first instruction, which is single-stepped, it would be
 * fifteen to thirty. Found in the code itself, for stripped programs too.
 */
enum go_site_kind {
	SITE_GC_START, /* gcStart: AX is its trigger's kind; it may still find nothing to do */
	SITE_PAUSE_GC, /* a pause of the collector ends: RBX nanoseconds, what MemStats.PauseNs is made of */
	SITE_PAUSE_GC_LAST, /* the same where it can only be a cycle's last (to 1.21) */
	SITE_PAUSE_OTHER,   /* the same of another stop-the-world (from 1.22) */
	SITE_STOPPING_GC,   /* all have stopped: RBX nanoseconds that it took (from 1.22) */
	SITE_STOPPING_OTHER,
	SITE_STOP_WORLD, /* stopTheWorldWithSema and ... */
	SITE_START_WORLD, /* ... startTheWorldWithSema: where 1.19 and 1.20 inline the exact ones, an estimate */
	SITE_MPROF_MALLOC, /* Go's own sampler has chosen an allocation */
	SITE_REFILL,	   /* a new span for small objects */
	SITE_ALLOC_LARGE,  /* one large object */
	SITE_NEWPROC, /* a go statement; no event is told of it, it is for the throttle alone (bpf/throttle.h) */
	SITE_KIND_MAX_,
};

struct go_site {
	uint64_t address;
	uint64_t file_offset; /* of that instruction in the image's file */
	uint8_t kind;	      /* enum go_site_kind */
	uint8_t code[7]; /* what is there: the file is compared with it before a probe is set */
};

enum {
	GO_SITES_MAX = 24,
	GO_OWN_CALLS_MAX = 32,
};

struct go_sites {
	uint32_t n;
	/*
	 * What refill itself loads of its cache and of the span that has run out: mcache.alloc and mspan.allocCount, in
	 * bytes. 0: its code is not as it is known from 1.19 to 1.27.
	 */
	uint8_t span_slot, span_counts;
	struct go_site site[GO_SITES_MAX];
	/* Where the runtime's own calls of newproc return to: its workers are not the program's goroutines. */
	uint32_t n_own_calls;
	uint64_t own_calls[GO_OWN_CALLS_MAX];
};

const char *go_site_name(enum go_site_kind kind);

/*
 * Finds the sites among the runtime's functions. What is not found (a function that the linker removed, or a prologue
 * that is not known) is not in the list; there are no errors.
 */
void go_sites_find(const struct memory *m, const struct function_list *functions,
		   struct go_sites *ret);

/* Length of the instruction at a site, which its first byte tells; 0: none that a probe sits on. */
uint32_t go_site_length(const struct go_site *s);

/* The first of a kind, or NULL. */
const struct go_site *go_sites_get(const struct go_sites *s, enum go_site_kind kind);
bool go_sites_have(const struct go_sites *s, enum go_site_kind kind);
