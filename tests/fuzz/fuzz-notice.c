/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/span.h"
#include "report/event.h"
#include "report/notice.h"
#include "wire/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next of the texts that NULs divide, cut to its room. */
static void take(struct span *s, char *buf, size_t room)
{
	size_t n = 0;

	while (s->len > 0 && *s->p) {
		if (n + 1 < room)
			buf[n++] = (char)*s->p;
		s->p++;
		s->len--;
	}
	buf[n] = '\0';
	if (s->len > 0) {
		s->p++;
		s->len--;
	}
}

/* Whatever a tenant calls things: a document of printable ASCII, with the names in their places. */
static void check(char *text)
{
	json_object *o = text ? json_tokener_parse(text) : NULL;

	if (!o || strlen(text) > 65536)
		abort();
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			abort();
	json_object_put(o);
	free(text);
}

/* ... on the pod and nowhere else, and told again in the same place. */
static void check_event(struct notice *n, const char *node)
{
	struct event_log *l = NULL;
	struct event_request r = { 0 };
	struct event_series *s;

	if (!notice_is_of_pod(n))
		return;
	if (event_log_new(1, &l) < 0)
		abort();
	for (int i = 0; i < 2; i++) {
		s = event_log_find(l, n);
		if (!s || event_request(s, n, node, 1, &r) < 0 || r.create != (i == 0))
			abort();
		if (strspn(r.path, "abcdefghijklmnopqrstuvwxyz0123456789-./") != strlen(r.path) ||
		    strncmp(r.path, "/api/v1/namespaces/", 19) || strstr(r.path, ".."))
			abort();
		check(r.body);
		(void)event_answered(s, n, r.create, 201);
	}
	event_log_free(l);
}

/* What is taken for a URL has nothing in it that would end a line, or be another's host. */
static void check_url(const char *text)
{
	struct url u;

	if (url_parse(text, &u) < 0)
		return;
	if (!u.port || !u.host[0] || u.path[0] != '/' || strpbrk(text, "#\r\n \"\\") ||
	    strpbrk(u.host, "@/?[]"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);
	struct notice n = { .n_culprits = 2 };
	const struct notice *const all[] = { &n, &n };
	char url[URL_TEXT_MAX + 8], node[NOTICE_NODE_MAX];

	if (size > 0) {
		n.alert = (int32_t)(data[0] % 8) - 1;
		n.kind = (int32_t)(data[0] / 8 % 8) - 1;
	}
	take(&s, url, sizeof(url));
	take(&s, node, sizeof(node));
	take(&s, n.workload, sizeof(n.workload));
	take(&s, n.cgroup, sizeof(n.cgroup));
	take(&s, n.space, sizeof(n.space));
	take(&s, n.pod, sizeof(n.pod));
	take(&s, n.summary, sizeof(n.summary));
	take(&s, n.pod_uid, sizeof(n.pod_uid));
	take(&s, n.container, sizeof(n.container));
	for (size_t i = 0; i < n.n_culprits; i++) {
		take(&s, n.culprits[i].function, sizeof(n.culprits[i].function));
		take(&s, n.culprits[i].file, sizeof(n.culprits[i].file));
	}
	check_url(url);
	check(notice_to_webhook(&n, node, "1"));
	check_event(&n, node);
	check(notice_to_alertmanager(all, 2, node, 1));
	return 0;
}
