/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/allotment.h"

enum round {
	ROUND_DOUBLE, /* up to twice its need */
	ROUND_CAP,    /* from there to what its own limits leave it */
};

static uint64_t wanted(const struct allotment_member *m, enum round round)
{
	const uint64_t room = sub_sat(m->cap, m->needs);
	const uint64_t first = MIN(m->needs, room);

	return round == ROUND_DOUBLE ? first : room - first;
}

/* What all get where nobody gets more than @each. */
static uint64_t handed_out(const struct allotment_member *members, size_t n, enum round round,
			   uint64_t each)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = add_sat(sum, MIN(wanted(&members[i], round), each));
	return sum;
}

/* The most that everyone can have of @slack: who wants less gets that. */
static uint64_t fair_each(const struct allotment_member *members, size_t n, enum round round,
			  uint64_t slack)
{
	uint64_t low = 0, high = slack;

	while (low < high) {
		const uint64_t each = high - (high - low) / 2;

		if (handed_out(members, n, round, each) <= slack)
			low = each;
		else
			high = each - 1;
	}
	return low;
}

void allotment_decide(uint64_t limit, uint64_t others_used, const struct allotment_member *members,
		      size_t n, size_t i, struct allotment *ret)
{
	const struct allotment_member *m = &members[i];
	uint64_t slack = sub_sat(limit, others_used), free_now = slack;

	for (size_t k = 0; k < n; k++) {
		slack = sub_sat(slack, members[k].needs);
		if (k != i)
			free_now = sub_sat(free_now, MAX(members[k].used, members[k].promised));
	}
	ret->fair = m->needs;
	for (enum round r = ROUND_DOUBLE; r <= ROUND_CAP; r++) {
		const uint64_t each = fair_each(members, n, r, slack);

		ret->fair = add_sat(ret->fair, MIN(wanted(m, r), each));
		slack = sub_sat(slack, handed_out(members, n, r, each));
	}
	ret->allotted =
		ret->fair <= m->promised ? ret->fair : MAX(MIN(ret->fair, free_now), m->promised);
}
