/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "gobin/alloc_stacks.h"
#include "gobin/heap_profile.h"
#include "gobin/span_class.h"

int alloc_stacks_init(struct alloc_stacks *s, int64_t rate, uint64_t types_from, uint64_t types_to)
{
	*s = (struct alloc_stacks){ .rate = rate,
				    .spans = rate == 0,
				    .types_from = types_from,
				    .types_to = types_to,
				    .by_key = { .max = ALLOC_STACKS_MAX } };
	s->stacks = calloc(ALLOC_STACKS_MAX, sizeof(*s->stacks));
	s->pending = calloc(ALLOC_STACKS_MAX, sizeof(*s->pending));
	return s->stacks && s->pending ? 0 : -ENOMEM;
}

void alloc_stacks_done(struct alloc_stacks *s)
{
	free(s->stacks);
	free(s->pending);
	table_done(&s->by_key);
	*s = (struct alloc_stacks){ 0 };
}

uint32_t alloc_stack_mend(const struct event_alloc *a, uint64_t ret[ALLOC_PCS_MAX])
{
	const uint32_t n_pcs = MIN(a->n_pcs, (uint32_t)EVENT_STACK_MAX);
	uint32_t n = 0;

	ret[n++] = a->caller;
	for (uint32_t i = 1; i < n_pcs; i++)
		if (i > 1 || a->pcs[i] != a->caller)
			ret[n++] = a->pcs[i];
	return n;
}

/* What cannot be a type must not tell two samples of one stack apart. */
static void take_words(const struct alloc_stacks *s, const struct event_alloc *a,
		       struct alloc_stack *ret)
{
	const uint64_t most = s->spans ? span_event_object_bytes(a) : a->head.value;

	for (uint32_t i = 0; i < MIN(a->n_frames, (uint32_t)EVENT_FRAMES); i++) {
		const uint64_t size = a->frame[i].words[0], type = a->frame[i].words[1];

		if (i < ret->n_pcs && a->frame[i].pc == ret->pcs[i] && size <= most &&
		    type >= s->types_from && type < s->types_to && (type & 7) == 0)
			ret->words[i] = (struct alloc_words){ .size_bytes = size, .type = type };
	}
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static struct alloc_stack *stack_of(struct alloc_stacks *s, const struct alloc_stack *stack)
{
	uint64_t key = stack->n_pcs;
	struct alloc_stack *known;

	for (uint32_t i = 0; i < stack->n_pcs; i++)
		key = mix(key, stack->pcs[i]);
	for (uint32_t i = 0; i < EVENT_FRAMES; i++)
		key = mix(key, stack->words[i].type);
	known = table_get(&s->by_key, key);
	if (known || s->n == ALLOC_STACKS_MAX)
		return known;
	known = &s->stacks[s->n];
	if (table_put(&s->by_key, key, known) < 0)
		return NULL;
	s->n++;
	*known = *stack;
	return known;
}

void alloc_stacks_add(struct alloc_stacks *s, const struct event_alloc *a)
{
	struct alloc_stack stack = { 0 }, *known;
	const uint64_t bytes = s->spans ?
				       span_event_bytes(a) :
				       heap_profile_estimate(a->head.value, a->head.value, s->rate);

	stack.n_pcs = alloc_stack_mend(a, stack.pcs);
	take_words(s, a, &stack);
	s->samples++;
	known = stack_of(s, &stack);
	if (known)
		known->samples++;
	else
		s->samples_left_out++;
	if (s->spans) {
		uint64_t *pending = known ? &s->pending[known - s->stacks] : &s->pending_left_out;

		*pending = add_sat(*pending, bytes);
		return;
	}
	s->bytes = add_sat(s->bytes, bytes);
	if (known)
		known->bytes = add_sat(known->bytes, bytes);
}

static uint64_t scaled(uint64_t bytes, double factor)
{
	const double product = (double)bytes * factor;

	return product < 0x1p63 ? (uint64_t)product : UINT64_C(1) << 63;
}

static uint64_t settle_one(struct alloc_stacks *s, uint64_t *pending, double factor)
{
	const uint64_t bytes = scaled(*pending, factor);

	*pending = 0;
	s->bytes = add_sat(s->bytes, bytes);
	return bytes;
}

static void settle(struct alloc_stacks *s, double factor)
{
	for (uint32_t i = 0; i < s->n; i++)
		s->stacks[i].bytes =
			add_sat(s->stacks[i].bytes, settle_one(s, &s->pending[i], factor));
	settle_one(s, &s->pending_left_out, factor);
}

static void count(struct alloc_stacks *s, uint64_t observed_ns, uint64_t missed_ns)
{
	s->observed_ns = add_sat(s->observed_ns, observed_ns);
	s->missed_ns = add_sat(s->missed_ns, missed_ns);
}

void alloc_stacks_settle(struct alloc_stacks *s, uint64_t observed_ns, uint64_t missed_ns)
{
	settle(s, observed_ns ? 1 + (double)missed_ns / (double)observed_ns : 1);
	count(s, observed_ns, missed_ns);
}

void alloc_stacks_finish(struct alloc_stacks *s, uint64_t observed_ns, uint64_t missed_ns)
{
	const double all = (double)s->observed_ns + (double)s->missed_ns;
	double factor, rest;

	if (!s->observed_ns) {
		alloc_stacks_settle(s, observed_ns, missed_ns);
		return;
	}
	factor = all / (double)s->observed_ns;
	settle(s, factor);
	count(s, observed_ns, missed_ns);
	rest = (all + (double)observed_ns + (double)missed_ns) /
	       (all + (double)observed_ns * factor);
	for (uint32_t i = 0; i < s->n; i++)
		s->stacks[i].bytes = scaled(s->stacks[i].bytes, rest);
	s->bytes = scaled(s->bytes, rest);
}

void alloc_stacks_calibrate(struct alloc_stacks *s, uint64_t bytes)
{
	if (s->bytes == 0)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		s->stacks[i].bytes = mul_div(s->stacks[i].bytes, bytes, s->bytes);
	s->bytes = bytes;
}
