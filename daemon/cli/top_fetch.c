/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/top.h"

#define AUDIT_LAST 12

static void json_putp(json_object **o)
{
	json_object_put(*o);
}

static void say(struct top_source *s, const char *what, const char *why)
{
	char text[2 * TOP_WHY_MAX];

	snprintf(text, sizeof(text), "%s: %s", what, why);
	top_clean(s->why, sizeof(s->why), text);
}

static int ask(struct top_source *s, enum control_verb verb, const char *workload,
	       json_object **ret)
{
	struct control_request req = { .verb = verb };
	int r;

	text_copy(req.workload, sizeof(req.workload), workload);
	r = client_fetch(s->options, &req, ret);
	if (r < 0)
		say(s, strerror(-r), client_socket(s->options));
	else if (json_object_object_get_ex(*ret, "error", NULL)) {
		say(s, "the daemon says", member_text(*ret, "error"));
		json_object_put(*ret);
		*ret = NULL;
		r = -EPROTO;
	}
	return r;
}

/* What the daemon is not there to tell. Why it is not stays in `why`. */
static int fetch_by_scan(struct top_source *s, struct top_model *m)
{
	_cleanup_(json_putp) json_object *list = NULL;
	int r = s->scanner ? 0 : scanner_new(&s->scanner);

	if (r == 0)
		r = scanner_scan(s->scanner, &list);
	if (r < 0)
		return r;
	s->by_scan = true;
	return top_model_scan(m, list);
}

int top_fetch(struct top_source *s, struct top_model *m)
{
	_cleanup_(json_putp) json_object *answer = NULL;
	int r;

	s->why[0] = '\0';
	json_object_put(s->daemon);
	s->daemon = NULL;
	r = ask(s, CONTROL_STATUS, "", &answer);
	if (r < 0)
		return fetch_by_scan(s, m);
	s->by_scan = false;
	if (json_object_object_get_ex(answer, "daemon", &s->daemon))
		json_object_get(s->daemon);
	return top_model_status(m, answer);
}

int top_fetch_detail(struct top_source *s, const struct top_row *row, struct top_lines *ret)
{
	_cleanup_(json_putp) json_object *answer = NULL, *audit = NULL;
	json_object *explain;
	int r;

	ret->n = 0;
	if (s->by_scan) {
		top_detail_scan(ret, row);
		return 0;
	}
	r = ask(s, CONTROL_EXPLAIN, row->cgroup, &answer);
	if (r < 0)
		return r;
	audit = audit_last(row->workload, row->cgroup, AUDIT_LAST);
	if (json_object_object_get_ex(answer, "explain", &explain))
		top_detail_lines(ret, explain, audit);
	return 0;
}

void top_source_done(struct top_source *s)
{
	json_object_put(s->daemon);
	s->daemon = NULL;
	s->scanner = scanner_free(s->scanner);
}
