/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "state/learned.h"
#include "state/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_undo(const char *data, size_t size)
{
	struct undo_record u, again;
	char text[UNDO_TEXT_MAX], name[UNDO_NAME_MAX];
	int n;

	if (undo_parse(data, size, &u) < 0)
		return;
	n = undo_format(&u, text);
	if (n < 0 || undo_parse(text, (size_t)n, &again) < 0)
		abort();
	if (u.lever != again.lever || !process_id_equal(&u.process, &again.process) ||
	    u.owner != again.owner || u.written != again.written ||
	    u.owner_set != again.owner_set || u.cgroup_id != again.cgroup_id ||
	    strcmp(u.workload, again.workload) || strcmp(u.unit, again.unit))
		abort();
	/* The file's name is made of numbers: nothing in a record leads elsewhere. */
	undo_name(&u, name);
	if (strchr(name, '/') || name[0] == '.' || strlen(name) + 1 >= sizeof(name))
		abort();
}

static void check_orders(const char *data, size_t size)
{
	_cleanup_(freep) char *copy = strndup(data, size);
	_cleanup_(freep) char *text = NULL;
	_cleanup_(orders_done) struct orders o = { 0 };
	_cleanup_(orders_done) struct orders again = { 0 };
	size_t len;

	if (!copy)
		return;
	orders_parse(copy, &o);
	if (o.n > ORDERS_MAX || orders_format(&o, &text, &len) < 0)
		abort();
	if (orders_parse(text, &again) || again.n != o.n)
		abort();
	for (size_t i = 0; i < o.n; i++)
		if (o.orders[i].kind != again.orders[i].kind ||
		    o.orders[i].lever != again.orders[i].lever ||
		    o.orders[i].value != again.orders[i].value ||
		    o.orders[i].until_wall != again.orders[i].until_wall ||
		    strcmp(o.orders[i].workload, again.orders[i].workload))
			abort();
}

static void check_learned(const char *data, size_t size)
{
	_cleanup_(freep) char *copy = strndup(data, size);
	_cleanup_(freep) char *text = NULL;
	_cleanup_(learned_done) struct learned l = { 0 };
	_cleanup_(learned_done) struct learned again = { 0 };
	size_t len;

	if (!copy)
		return;
	learned_parse(copy, &l);
	if (l.n > LEARNED_MAX || learned_format(&l, &text, &len) < 0)
		abort();
	if (learned_parse(text, &again) || again.n != l.n)
		abort();
	for (size_t i = 0; i < l.n; i++)
		if (strcmp(l.entries[i].name, again.entries[i].name) ||
		    l.entries[i].nongo_bytes != again.entries[i].nongo_bytes)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_undo((const char *)data, size);
	check_orders((const char *)data, size);
	check_learned((const char *)data, size);
	return 0;
}
