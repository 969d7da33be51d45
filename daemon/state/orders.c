/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "state/store.h"

static const char *const kind_names[] = {
	[ORDER_STOP_WRITES] = "stop-writes",
	[ORDER_RELEASE] = "release",
	[ORDER_PIN] = "pin",
};
_Static_assert(ARRAY_SIZE(kind_names) == ORDER_MAX_, "a name for each kind");

void orders_done(struct orders *o)
{
	free(o->orders);
	*o = (struct orders){ 0 };
}

static bool same(const struct order *a, enum order_kind kind, const char *workload)
{
	return a->kind == kind && (!workload || !strcmp(a->workload, workload));
}

bool orders_stopped(const struct orders *o)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->orders[i].kind == ORDER_STOP_WRITES)
			return true;
	return false;
}

bool orders_released(const struct orders *o, const char *workload)
{
	for (size_t i = 0; i < o->n; i++)
		if (same(&o->orders[i], ORDER_RELEASE, workload))
			return true;
	return false;
}

const struct order *orders_pin(const struct orders *o, const char *workload,
			       enum policy_lever lever)
{
	for (size_t i = 0; i < o->n && !o->suspended; i++)
		if (same(&o->orders[i], ORDER_PIN, workload) && o->orders[i].lever == lever)
			return &o->orders[i];
	return NULL;
}

int orders_add(struct orders *o, const struct order *order)
{
	struct order *grown;

	/* It would be read back as two orders. */
	if (strchr(order->workload, '\n'))
		return -EINVAL;
	for (size_t i = 0; i < o->n; i++)
		if (same(&o->orders[i], order->kind, order->workload) &&
		    (order->kind != ORDER_PIN || o->orders[i].lever == order->lever)) {
			o->orders[i] = *order;
			return 0;
		}
	if (o->n == ORDERS_MAX)
		return -ENOSPC;
	grown = reallocarray(o->orders, o->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	o->orders = grown;
	o->orders[o->n++] = *order;
	return 0;
}

size_t orders_remove(struct orders *o, enum order_kind kind, const char *workload)
{
	size_t kept = 0, n = o->n;

	for (size_t i = 0; i < n; i++)
		if (!same(&o->orders[i], kind, workload))
			o->orders[kept++] = o->orders[i];
	o->n = kept;
	return n - kept;
}

size_t orders_expire(struct orders *o, uint64_t now_wall)
{
	size_t kept = 0, n = o->n;

	for (size_t i = 0; i < n; i++)
		if (!o->orders[i].until_wall || o->orders[i].until_wall > now_wall)
			o->orders[kept++] = o->orders[i];
	o->n = kept;
	return n - kept;
}

/* "kind until lever value workload": the workload last, since it may hold spaces. */
int orders_format(const struct orders *o, char **ret, size_t *ret_len)
{
	_cleanup_(freep) char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < o->n; i++) {
		const struct order *order = &o->orders[i];

		fprintf(f, "%s %" PRIu64 " %s %" PRId64 " %s\n", kind_names[order->kind],
			order->until_wall, policy_lever_name(order->lever), order->value,
			order->workload);
	}
	if (fclose(f))
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

static bool parse_order(const char *line, struct order *ret)
{
	char kind[16], lever[24], until[24], value[24];
	struct order order = { .kind = ORDER_MAX_, .lever = LEVER_MAX_ };
	int at = 0;

	if (sscanf(line, "%15s %23s %23s %23s %n", kind, until, lever, value, &at) != 4 || !at ||
	    (line[at] && line[at - 1] != ' ')) /* a field that was longer than its place */
		return false;
	for (enum order_kind k = 0; k < ORDER_MAX_; k++)
		if (!strcmp(kind, kind_names[k]))
			order.kind = k;
	for (enum policy_lever l = 0; l < LEVER_MAX_; l++)
		if (!strcmp(lever, policy_lever_name(l)))
			order.lever = l;
	if (order.kind == ORDER_MAX_ || order.lever == LEVER_MAX_ ||
	    text_parse_u64(until, &order.until_wall) < 0 ||
	    text_parse_i64(value, &order.value) < 0 ||
	    !text_copy(order.workload, sizeof(order.workload), line + at))
		return false;
	*ret = order;
	return true;
}

unsigned int orders_parse(const char *text, struct orders *ret)
{
	unsigned int bad = 0;
	char line[1024];

	while (*text) {
		size_t len = strcspn(text, "\n");
		struct order order;

		if (len < sizeof(line)) {
			snprintf(line, sizeof(line), "%.*s", (int)len, text);
			bad += !parse_order(line, &order) || orders_add(ret, &order) < 0;
		} else {
			bad++;
		}
		text += len + (text[len] == '\n');
	}
	return bad;
}
