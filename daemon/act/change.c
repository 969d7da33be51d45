/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/change.h"
#include "base/text.h"
#include "base/util.h"

/* A collector that runs faster than this is met between two cycles at the third. */
#define TRIES_MAX 3

static const char *const outcome_names[] = {
	[CHANGE_DONE] = "done",	    [CHANGE_GONE] = "gone",	[CHANGE_REFUSED] = "refused",
	[CHANGE_STALE] = "unknown", [CHANGE_FAILED] = "failed",
};
_Static_assert(ARRAY_SIZE(outcome_names) == CHANGE_OUTCOME_MAX_, "a name for each outcome");

const char *change_outcome_name(enum change_outcome outcome)
{
	return outcome < CHANGE_OUTCOME_MAX_ ? outcome_names[outcome] : "unknown";
}

struct change {
	struct inspector *in;
	const struct lever_ops *ops;
	uint32_t slot;
	int64_t from, value;
	unsigned int tries;
	change_done done;
	void *userdata;
};

static void change_answered(void *userdata, const struct inspect_request *req,
			    const struct inspect_reply *reply);

static int change_send(struct change *c, const struct go_sample *from)
{
	struct inspect_request req = { .op = INSPECT_STORE, .slots = { c->slot } };

	req.n = c->ops->plan(from, c->value, req.stores);
	req.flags = INSPECT_EXPECT;
	req.expect_value = c->from;
	/* The last try writes in any case: the goal may be one cycle old, which the next cycle mends. */
	req.expect_marked = c->ops->needs_marked && ++c->tries < TRIES_MAX ?
				    from->heap_marked_bytes :
				    UINT64_MAX;
	return inspector_request(c->in, &req, change_answered, c);
}

static enum change_outcome outcome_of(const struct change *c, const struct inspect_reply *reply)
{
	switch (reply->result) {
	case INSPECT_OK:
		return c->ops->holds(&reply->rows[0].sample, c->value) ? CHANGE_DONE :
									 CHANGE_FAILED;
	case INSPECT_GONE:
		return CHANGE_GONE;
	case INSPECT_REFUSED:
	case INSPECT_FOREIGN:
		return CHANGE_REFUSED;
	case INSPECT_STALE:
	case -ETIMEDOUT:
	case -EPIPE:
		return CHANGE_STALE;
	default:
		return CHANGE_FAILED;
	}
}

static void change_answered(void *userdata, const struct inspect_request *req,
			    const struct inspect_reply *reply)
{
	_cleanup_(freep) struct change *c = userdata;
	/* The row is the helper's buffer: a request that is made from here may overwrite it. */
	const struct inspect_row row = reply->rows[0];
	enum change_outcome outcome;

	(void)req;
	if (reply->result == INSPECT_CHANGED && change_send(c, &row.sample) == 0) {
		TAKE_PTR(c);
		return;
	}
	outcome = outcome_of(c, reply);
	c->done(c->userdata, outcome, reply->result < 0 ? reply->result : 0,
		reply->n ? &row : NULL);
}

int change_process(struct inspector *in, uint32_t slot, const struct lever_ops *ops,
		   const struct go_sample *from, int64_t value, change_done done, void *userdata)
{
	_cleanup_(freep) struct change *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	*c = (struct change){ .in = in,
			      .ops = ops,
			      .slot = slot,
			      .from = ops->value(from),
			      .value = value,
			      .done = done,
			      .userdata = userdata };
	r = change_send(c, from);
	if (r < 0)
		return r;
	TAKE_PTR(c);
	return 0;
}

static void high_written(void *userdata, const struct inspect_request *req,
			 const struct inspect_reply *reply)
{
	_cleanup_(freep) struct change *c = userdata;

	(void)req;
	c->done(c->userdata,
		reply->result == 0	      ? CHANGE_DONE :
		reply->result == INSPECT_GONE ? CHANGE_GONE :
						CHANGE_FAILED,
		MIN(reply->result, 0), NULL);
}

static void high_set(void *userdata, int result)
{
	_cleanup_(freep) struct change *c = userdata;

	c->done(c->userdata, result == 0 ? CHANGE_DONE : CHANGE_FAILED, result, NULL);
}

int change_memory_high(const struct high_target *target, int64_t value, change_done done,
		       void *userdata)
{
	_cleanup_(freep) struct change *c = calloc(1, sizeof(*c));
	struct inspect_request req = { .op = INSPECT_WRITE_CGROUP,
				       .file = "memory.high",
				       .cgroup_id = target->cgroup_id };
	int r;

	if (!c)
		return -ENOMEM;
	*c = (struct change){ .value = value, .done = done, .userdata = userdata };
	if (target->bus && target->unit[0]) {
		r = unit_set_memory_high(target->bus, target->unit,
					 value == INT64_MAX ? UINT64_MAX : (uint64_t)value,
					 high_set, c);
	} else {
		if (!text_copy(req.cgroup, sizeof(req.cgroup), target->cgroup))
			return -ENAMETOOLONG;
		if (value == INT64_MAX)
			snprintf(req.text, sizeof(req.text), "max");
		else
			snprintf(req.text, sizeof(req.text), "%" PRId64, value);
		r = inspector_request(target->writer, &req, high_written, c);
	}
	if (r < 0)
		return r;
	TAKE_PTR(c);
	return 0;
}
