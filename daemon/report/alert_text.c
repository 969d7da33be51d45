/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "report/alert_text.h"

static void growth_text(char *buf, const char *workload, const struct decision *d, const char *room,
			const char *fits)
{
	const char *what = d->alert == ALERT_GROWTH ? "its live data" : "memory that is not Go's";
	const uint64_t seconds = d->forecast.to_oom / USEC_SEC;

	if (!d->recommended_limit)
		snprintf(buf, ALERT_TEXT_MAX,
			 "%s: %s grows, and fills %s in about %" PRIu64
			 " s; a larger memory.max only puts that off",
			 workload, what, room, seconds);
	else
		snprintf(buf, ALERT_TEXT_MAX,
			 "%s: %s grows, and fills %s in about %" PRIu64
			 " s; with a memory.max of %s it would last a day",
			 workload, what, room, seconds, fits);
}

const char *alert_text(char buf[ALERT_TEXT_MAX], const char *workload, const struct decision *d)
{
	char usage[TEXT_BYTES_MAX], room[TEXT_BYTES_MAX], fits[TEXT_BYTES_MAX];

	text_bytes(usage, d->usage);
	text_bytes(room, d->room);
	text_bytes(fits, d->recommended_limit);
	switch (d->alert) {
	case ALERT_DOES_NOT_FIT:
		snprintf(buf, ALERT_TEXT_MAX,
			 "%s: its live data does not fit into %s; raise memory.max to %s, or %s",
			 workload, room, fits,
			 d->swap_holds ? "it is swapped, and read back by each collection" :
					 "it will be killed");
		break;
	case ALERT_GROWTH:
	case ALERT_NONGO:
		growth_text(buf, workload, d, room, fits);
		break;
	case ALERT_HOT:
		snprintf(buf, ALERT_TEXT_MAX,
			 "%s: its garbage collector needs over half of the CPU", workload);
		break;
	default:
		snprintf(buf, ALERT_TEXT_MAX, "%s: uses %s of %s and may be killed soon", workload,
			 usage, room);
	}
	return buf;
}

int32_t alert_kind(const struct decision *d)
{
	switch (d->alert) {
	case ALERT_DOES_NOT_FIT:
		return FORECAST_TOO_LARGE;
	case ALERT_GROWTH:
		return FORECAST_GROWTH;
	case ALERT_NONGO:
		return FORECAST_NONGO;
	default:
		break;
	}
	if (d->forecast.kind != FORECAST_NONE)
		return d->forecast.kind;
	return d->nongo > d->usage / 2 ? FORECAST_NONGO : FORECAST_GARBAGE;
}

const char *alert_action(int32_t kind, uint64_t recommended_limit)
{
	switch (kind) {
	case FORECAST_GROWTH:
		return recommended_limit ?
			       "Find what holds the memory that grows (the culprits, gomemctl culprits); until that is mended raise memory.max to the recommended limit, or restart it." :
			       "It leaks: find what holds the memory that grows (the culprits, gomemctl culprits), and restart it until that is mended.";
	case FORECAST_NONGO:
		return "What grows, or is most of it, is not the Go heap: look at cgo, mmap, threads and files in memory (gomemctl explain); a collection frees none of it. Raise memory.max, or restart it.";
	case FORECAST_TOO_LARGE:
		return recommended_limit ?
			       "Raise memory.max to the recommended limit, or have it keep less (the culprits, gomemctl culprits)." :
			       "Raise memory.max, or have it keep less (the culprits, gomemctl culprits).";
	default:
		return "Most of what fills its memory a collection would free: have gomemd enforce, set GOMEMLIMIT or a lower GOGC, or have it allocate less (the culprits, gomemctl culprits).";
	}
}
