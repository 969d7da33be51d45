/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "base/util.h"
#include "escape/told.h"

static const char *const state_names[] = {
	[REPORT_NONE] = "none",
	[REPORT_MATCHES] = "matches",
	[REPORT_DIFFERS] = "does not match",
	[REPORT_UNUSABLE] = "unusable",
};
_Static_assert(ARRAY_SIZE(state_names) == REPORT_STATE_MAX_, "a name for each state");

const char *escape_report_state_name(enum escape_report_state state)
{
	return state < REPORT_STATE_MAX_ ? state_names[state] : "?";
}

static const char *const teller_names[] = {
	[TOLD_BY_REPORT] = "report",
	[TOLD_BY_RUNTIME] = "runtime",
	[TOLD_BY_SITE] = "site",
};
_Static_assert(ARRAY_SIZE(teller_names) == TOLD_BY_MAX_, "a name for each teller");

const char *escape_teller_name(uint32_t by)
{
	return by < TOLD_BY_MAX_ ? teller_names[by] : "?";
}

enum escape_class escape_class_of_alloc(enum alloc_class alloc)
{
	static const enum escape_class classes[ALLOC_CLASS_MAX_] = {
		[ALLOC_OTHER] = CLASS_UNEXPLAINED,	[ALLOC_NEW] = CLASS_UNEXPLAINED,
		[ALLOC_SLICE_MADE] = CLASS_UNEXPLAINED, [ALLOC_SLICE_GROWN] = CLASS_RUNTIME,
		[ALLOC_BOXING] = CLASS_BOXED,		[ALLOC_MAP] = CLASS_RUNTIME,
		[ALLOC_GOROUTINE] = CLASS_GOROUTINE,	[ALLOC_STRING] = CLASS_RUNTIME,
		[ALLOC_CHANNEL] = CLASS_RUNTIME,	[ALLOC_REFLECTION] = CLASS_REFLECTED,
		[ALLOC_TIMER] = CLASS_RUNTIME,
	};

	return alloc < ALLOC_CLASS_MAX_ ? classes[alloc] : CLASS_UNEXPLAINED;
}

static void copy_text(const struct escape_index *index, uint32_t at, char ret[ESCAPE_TOLD_TEXT_MAX])
{
	text_copy(ret, ESCAPE_TOLD_TEXT_MAX, escape_index_text(index, at));
}

/* Of a call and what it is inlined into, as far as the report has a line for it. */
static void tell_line(const struct escape_index *index, const struct cause_line *line,
		      const struct escape_allocation *of, struct escape_told *ret)
{
	const struct escape_frame frames[] = {
		{ .function = line->call.function,
		  .file = line->call.file,
		  .line = line->call.line,
		  .outermost = !line->inlined },
		{ .function = line->into.function,
		  .file = line->into.file,
		  .line = line->into.line,
		  .outermost = true },
	};
	struct escape_joined joined;

	escape_join(index, frames, line->inlined ? 2 : 1, of, &joined);
	ret->outcome = joined.outcome;
	ret->ambiguous = joined.ambiguous;
	if (!joined.entry)
		return;
	ret->by = TOLD_BY_REPORT;
	ret->class = joined.entry->class;
	copy_text(index, joined.entry->text, ret->expression);
	copy_text(index, joined.entry->reason, ret->reason);
	copy_text(index, joined.entry->step, ret->step);
	copy_text(index, joined.entry->step_file, ret->step_file);
	ret->step_line = joined.entry->step_line;
}

void escape_tell(const struct escape_index *index, const struct cause *cause,
		 struct escape_told_cause *ret)
{
	const enum alloc_class alloc = (enum alloc_class)cause->class;
	const struct escape_told unknown = { .class = escape_class_of_alloc(alloc),
					     .outcome = JOIN_NO_FILE,
					     .by = TOLD_BY_RUNTIME };
	const struct escape_allocation of = { .alloc = alloc,
					      .type = cause->type,
					      .object_bytes = cause->object_bytes };
	/* How a line further out allocates is not what its callee does. */
	const struct escape_allocation any = { .type = "" };

	*ret = (struct escape_told_cause){ .at = unknown, .site = unknown };
	if (!index)
		return;
	tell_line(index, &cause->site, &of, &ret->site);
	/* The profile leaves the runtime's function out, and the compiler has nothing to say of the line. */
	if (ret->site.outcome == JOIN_IMPLICIT && ret->site.class == CLASS_UNEXPLAINED)
		ret->site.class = CLASS_RUNTIME;
	if (call_site_key(&cause->at.call) == call_site_key(&cause->site.call)) {
		ret->at = ret->site;
		return;
	}
	tell_line(index, &cause->at, &any, &ret->at);
	if (ret->at.by == TOLD_BY_RUNTIME && ret->at.class == CLASS_UNEXPLAINED &&
	    ret->site.by == TOLD_BY_REPORT) {
		ret->at = ret->site;
		ret->at.by = TOLD_BY_SITE;
	}
}
