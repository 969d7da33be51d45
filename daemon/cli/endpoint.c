/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/look.h"
#include "host/fetch.h"
#include "sense/told_figures.h"
#include "wire/json.h"

enum {
	PATHS = 3,
	ASKED_MAX = FETCH_FOUND_MAX * PATHS,
};

static const char *const paths[PATHS] = { "/debug/vars", "/metrics", "/debug/pprof/heap" };

/* One answer, between two looks at memory. */
struct asked {
	struct endpoint at;
	struct fetch_reply reply;
	struct inspect_reply before, after;
	bool compared;
	uint64_t contradicted;
};

struct session {
	struct looker looker;
	struct fetcher *fetcher;
	struct inspect_reply memory;
	int memory_result; /* of looker_look */
	json_object *list;
	bool json, any;
};

static int call(struct session *s, const struct fetch_request *req, struct fetch_reply *ret)
{
	int r = fetcher_call(s->fetcher, req, ret);

	if (r < 0)
		*ret = (struct fetch_reply){ .outcome = FETCH_FAILED, .error = r };
	return ret->outcome;
}

static json_object *asked_json(const struct asked *a)
{
	json_object *o = json_object_new_object();
	char url[ENDPOINT_TEXT_MAX];

	json_put_text(o, "url", endpoint_text(url, &a->at));
	json_put_text(o, "outcome", fetch_outcome_name(a->reply.outcome));
	json_put_u64(o, "http_status", a->reply.status);
	json_put_text(o, "source", fetch_source_name(a->reply.source));
	json_put_u64(o, "body_bytes", a->reply.body_bytes);
	json_put_u64(o, "took_usec", a->reply.took_usec);
	json_object_object_add(o, "figures", told_figures_json(&a->reply.figures));
	json_object_object_add(o, "contradicted",
			       a->compared ? told_names_json(a->contradicted) : NULL);
	return o;
}

static const char *figure_text(char buf[32], const struct figures *f, enum figure figure)
{
	char bytes[TEXT_BYTES_MAX];
	const int64_t v = f->value[figure];

	if (!figures_has(f, figure))
		return "-";
	if (figure == FIGURE_GOGC_PERCENT && v < 0)
		return "off";
	if (figure == FIGURE_MEMORY_LIMIT_BYTES && v == INT64_MAX)
		return "none";
	if (figure_is_bytes(figure))
		text_copy(buf, 32, text_bytes(bytes, (uint64_t)v));
	else
		snprintf(buf, 32, "%" PRId64, v);
	return buf;
}

static void print_figures(const struct asked *a)
{
	static const char *const headings[] = { "FIGURE", "MEMORY", "ENDPOINT", "" };
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));
	struct figures memory = { 0 };
	char in_memory[32], told[32];

	if (a->compared)
		told_figures_of(&a->after.rows[0].sample, a->after.runtime.minor, &memory);
	for (enum figure i = 0; i < FIGURE_MAX_; i++) {
		if (!figures_has(&a->reply.figures, i))
			continue;
		grid_add(g, "%s", figure_name(i));
		grid_add(g, "%s", figure_text(in_memory, &memory, i));
		grid_add(g, "%s", figure_text(told, &a->reply.figures, i));
		grid_add(g, "%s",
			 a->contradicted & (UINT64_C(1) << i) ? "contradicted by memory" : "");
	}
	grid_print(g);
}

static void print_asked(const struct asked *a)
{
	const struct fetch_reply *r = &a->reply;
	char url[ENDPOINT_TEXT_MAX];

	printf("%s: %s", endpoint_text(url, &a->at), fetch_outcome_name(r->outcome));
	if (r->outcome == FETCH_OK)
		printf(", %s, %" PRIu64 " bytes in %" PRIu64 " ms", fetch_source_name(r->source),
		       r->body_bytes, r->took_usec / USEC_MSEC);
	else if (r->outcome == FETCH_STATUS)
		printf(" %u", r->status);
	else if (r->error)
		printf(": %s", strerror(-r->error));
	printf("\n");
	if (r->figures.known)
		print_figures(a);
}

static void say(struct session *s, const struct asked *a)
{
	s->any |= a->reply.outcome == FETCH_OK;
	if (s->json)
		json_object_array_add(s->list, asked_json(a));
	else
		print_asked(a);
}

static bool look(struct session *s, pid_t pid, struct inspect_reply *ret)
{
	return s->memory_result == INSPECT_OK && looker_look(&s->looker, pid, ret) == INSPECT_OK;
}

static void ask(struct session *s, const struct fetch_request *req, struct asked *a)
{
	const bool looked = look(s, req->pid, &a->before);

	a->at = req->at;
	a->contradicted = 0;
	call(s, req, &a->reply);
	a->compared = a->reply.figures.known && looked && look(s, req->pid, &a->after);
	if (a->compared)
		a->contradicted = told_figures_contradicted(
			&a->before.rows[0].sample, &a->after.rows[0].sample, &a->reply.figures);
}

static void ask_paths(struct session *s, struct fetch_request *req)
{
	static struct asked a;

	for (size_t i = 0; i < PATHS; i++) {
		text_copy(req->at.path, sizeof(req->at.path), paths[i]);
		ask(s, req, &a);
		if (i == 0 && fetch_may_be_tls(&a.reply)) {
			req->at.tls = true;
			ask(s, req, &a);
			/* It was plain HTTP that said 400. */
			req->at.tls = a.reply.outcome != FETCH_GARBLED;
		}
		say(s, &a);
		if (fetch_is_silent(&a.reply))
			return;
	}
}

static int ask_found(struct session *s, struct fetch_request *req)
{
	static struct fetch_reply found;

	req->op = FETCH_FIND;
	if (call(s, req, &found) != FETCH_OK) {
		fprintf(stderr, "gomemctl: cannot tell what %d listens on: %s\n", (int)req->pid,
			found.error ? strerror(-found.error) : fetch_outcome_name(found.outcome));
		return EXIT_REFUSED;
	}
	req->op = FETCH_GET;
	for (uint32_t i = 0; i < found.n_found; i++) {
		req->at = found.found[i];
		ask_paths(s, req);
	}
	if (!found.n_found)
		fprintf(stderr, "gomemctl: %d listens on no TCP port\n", (int)req->pid);
	return EXIT_DONE;
}

static int ask_url(struct session *s, struct fetch_request *req)
{
	static struct asked a;

	req->op = FETCH_GET;
	ask(s, req, &a);
	say(s, &a);
	return EXIT_DONE;
}

static void print_answer(struct session *s, const struct fetch_request *req)
{
	json_object *o = json_object_new_object();
	struct figures memory = { 0 };

	if (s->memory_result == INSPECT_OK)
		told_figures_of(&s->memory.rows[0].sample, s->memory.runtime.minor, &memory);
	json_object_object_add(o, "schema", json_object_new_int(1));
	json_object_object_add(o, "pid", json_object_new_int(req->pid));
	json_object_object_add(o, "memory",
			       s->memory_result == INSPECT_OK ? told_figures_json(&memory) : NULL);
	json_object_object_add(o, "endpoints", json_object_get(s->list));
	print_json(o);
	json_object_put(o);
}

/* Whoever is no Go program may have an endpoint as well; what memory says of it is then left out. */
static int run(struct session *s, pid_t pid, const struct options *o)
{
	struct fetch_request req = { .pid = pid };
	struct process_stat st;
	char why[400];
	int r;

	if (process_read_stat(&s->looker.host, pid, &st) != 0) {
		fprintf(stderr, "gomemctl: %d: gone: no such process\n", (int)pid);
		return EXIT_UNUSABLE;
	}
	req.start_ticks = st.id.start_ticks;
	if (o->url && endpoint_parse(o->url, &req.at) < 0) {
		fprintf(stderr,
			"gomemctl: --url wants http://ADDRESS:PORT/PATH or http://unix:/SOCKET:/PATH, and no names\n");
		return EXIT_UNUSABLE;
	}
	s->memory_result = looker_look(&s->looker, pid, &s->memory);
	if (s->memory_result != INSPECT_OK) {
		look_refusal(&s->memory, s->memory_result, why, sizeof(why));
		fprintf(stderr, "gomemctl: %d: %s\n", (int)pid, why);
	}
	r = o->url ? ask_url(s, &req) : ask_found(s, &req);
	if (r == EXIT_DONE && o->json)
		print_answer(s, &req);
	return r == EXIT_DONE && !s->any ? EXIT_REFUSED : r;
}

int verb_endpoint(const struct options *o)
{
	static struct session s;
	pid_t pid;
	int r;

	if (!o->operand || !look_pid(o->operand, &pid)) {
		fprintf(stderr, "gomemctl: endpoint PID [--url URL]\n");
		return EXIT_UNUSABLE;
	}
	r = looker_open(&s.looker);
	if (r != EXIT_DONE)
		return r;
	s.json = o->json;
	s.list = json_object_new_array();
	if (fetcher_new(&s.fetcher) == 0)
		r = run(&s, pid, o);
	else
		r = EXIT_REFUSED;
	fetcher_free(s.fetcher);
	json_object_put(s.list);
	looker_close(&s.looker);
	return r;
}
