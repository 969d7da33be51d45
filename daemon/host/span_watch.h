/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "host/probe_target.h"

/*
 * Listening to the spans that a program takes, in slices, so that it costs the program no more than duty.h allows. What it
 * has cost is measured: each hit's time in the program by the program itself, and beside that what a trap costs on this
 * machine, which is found out at the start; setting and taking away probes is charged by the slice. The program's time is
 * that of its CPU clock, the utime and stime of its /proc/PID/stat.
 */
struct span_watch;
struct probes;

/* What was heard since the last of these: @observed_ns of CPU time, and @missed_ns before it that were not. */
struct span_slice {
	uint64_t observed_ns, missed_ns;
	uint64_t cpu_ns,
		cost_ns; /* since the start: what the program used, and what its probes cost it */
	uint64_t hits;	 /* since the start */
	uint32_t last;	 /* nothing will be heard after this one */
	uint32_t unused;
};

/*
 * All that was heard until now is to be read from the ring before it returns. Where it must not @wait, since probes sit
 * meanwhile, it may return false, and is asked again.
 */
typedef bool (*span_watch_slice)(void *userdata, pid_t pid, const struct span_slice *slice,
				 bool wait);

/*
 * Sets the probes of @t; from here on this process comes first where CPUs are short, since whoever takes probes away late
 * makes others pay. As probes_attach; -EBUSY where spans of a process are listened to already.
 */
int span_watch_new(struct probes *p, const struct probe_target *t, uint32_t *ret_kinds,
		   span_watch_slice each, void *userdata, struct span_watch **ret);

/* Looks at the cost, and sets or takes away probes. To be called every span_watch_patience_ms. */
void span_watch_step(struct span_watch *w, usec_t now);
int span_watch_patience_ms(const struct span_watch *w);

pid_t span_watch_pid(const struct span_watch *w);

/* The probes are gone by themselves, and for good. */
void span_watch_guarded(struct span_watch *w);

/* Takes the probes away and tells the last slice. */
struct span_watch *span_watch_free(struct span_watch *w);
