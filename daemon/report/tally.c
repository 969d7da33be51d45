/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/tally.h"

enum {
	GROW_BY = 8,
};

void tally_done(struct tally *t)
{
	free(t->rows);
	*t = (struct tally){ 0 };
}

static struct tally_row *find(struct tally *t, const struct tally_row *row)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->rows[i].lever == row->lever && t->rows[i].reason == row->reason &&
		    !strcmp(t->rows[i].outcome, row->outcome))
			return &t->rows[i];
	return NULL;
}

static struct tally_row *append(struct tally *t, const struct tally_row *row)
{
	struct tally_row *rows;

	if (t->n == TALLY_MAX)
		return NULL;
	if (t->n % GROW_BY == 0) {
		rows = realloc(t->rows, (t->n + GROW_BY) * sizeof(*rows));
		if (!rows)
			return NULL;
		t->rows = rows;
	}
	t->rows[t->n] = *row;
	t->rows[t->n].n = 0;
	return &t->rows[t->n++];
}

void tally_add(struct tally *t, const struct tally_row *row)
{
	struct tally_row *at = find(t, row);

	t->rolled_back += row->reason == REASON_HARM && !strcmp(row->outcome, "restored");
	t->failed += !strcmp(row->outcome, "failed") || !strcmp(row->outcome, "refused") ||
		     !strcmp(row->outcome, "unknown");
	if (!at)
		at = append(t, row);
	if (!at) {
		t->left_out++;
		return;
	}
	at->n++;
	at->wall_usec = row->wall_usec;
	text_copy(at->decision_id, sizeof(at->decision_id), row->decision_id);
}

const char *tally_lever_name(int32_t lever)
{
	return lever == TALLY_GOROUTINE_RATE ? "goroutine_rate" :
					       policy_lever_name((enum policy_lever)lever);
}
