/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "kube/names.h"
#include "kube/record.h"
#include "report/notice.h"
#include "wire/json.h"

#define RUNBOOKS "doc/RUNBOOKS.md#"

/* By kind; the rules for Prometheus and the runbooks have the same names. */
static const struct {
	const char *name, *runbook;
} kinds[] = {
	[FORECAST_NONE] = { "GomemdAlert", "" },
	[FORECAST_GARBAGE] = { "GomemdGarbage", RUNBOOKS "gomemdgarbage" },
	[FORECAST_GROWTH] = { "GomemdGrowth", RUNBOOKS "gomemdgrowth" },
	[FORECAST_NONGO] = { "GomemdNonGo", RUNBOOKS "gomemdnongo" },
	[FORECAST_TOO_LARGE] = { "GomemdTooLarge", RUNBOOKS "gomemdtoolarge" },
};
_Static_assert(ARRAY_SIZE(kinds) == FORECAST_KIND_MAX_, "a name for each kind");

static size_t kind_of(const struct notice *n)
{
	return n->kind >= 0 && n->kind < FORECAST_KIND_MAX_ ? (size_t)n->kind : FORECAST_NONE;
}

/* The slice of a user, whose own manager makes units as it likes; length 0 where it is the administrator's. */
static size_t user_slice(const char *cgroup)
{
	static const char slice[] = "/user.slice/user-";

	return strncmp(cgroup, slice, sizeof(slice) - 1) == 0 ?
		       sizeof(slice) - 1 + strcspn(cgroup + sizeof(slice) - 1, "/") :
		       0;
}

bool notice_shares_tenant(const struct notice *a, const struct notice *b)
{
	const size_t user = user_slice(a->cgroup);

	if (a->space[0] || b->space[0])
		return !strcmp(a->space, b->space);
	return user && user == user_slice(b->cgroup) && !strncmp(a->cgroup, b->cgroup, user);
}

bool notice_is_of_pod(const struct notice *n)
{
	return kube_is_label_name(n->space) && kube_is_subdomain(n->pod) && kube_is_uid(n->pod_uid);
}

bool notice_is_same(const struct notice *a, const struct notice *b)
{
	return a->alert == b->alert && a->kind == b->kind && !strcmp(a->workload, b->workload) &&
	       !strcmp(a->cgroup, b->cgroup);
}

const char *notice_name(const struct notice *n)
{
	return kinds[kind_of(n)].name;
}

const char *notice_severity(const struct notice *n)
{
	return n->alert == ALERT_EMERGENCY || n->alert == ALERT_DOES_NOT_FIT ? "critical" :
									       "warning";
}

void notice_take_decision(struct notice *n, const struct decision *d)
{
	n->alert = d->alert;
	n->kind = alert_kind(d);
	n->usage = d->usage;
	n->room = d->room;
	n->limit = d->limit;
	n->nongo = d->nongo;
	n->recommended_limit = d->recommended_limit;
	n->forecast_permille = d->forecast.confidence_permille;
	n->to_oom = d->forecast.kind == FORECAST_NONE ? FORECAST_NEVER : d->forecast.to_oom;
	n->go_slope_per_min = d->forecast.go_slope_per_min;
	n->nongo_slope_per_min = d->forecast.nongo_slope_per_min;
	alert_text(n->summary, n->workload, d);
}

void notice_take_culprits(struct notice *n, const struct culprit *of, size_t n_of)
{
	uint32_t taken = 0;

	for (size_t i = 0; i < n_of && taken < NOTICE_CULPRITS_MAX; i++) {
		const struct heap_cause *cause = of[i].growth.cause;
		struct notice_culprit *c = &n->culprits[taken];

		if (!cause || !of[i].impact_permille)
			continue;
		*c = (struct notice_culprit){ .line = cause->line,
					      .impact_permille = of[i].impact_permille,
					      .inuse_bytes = of[i].growth.inuse_bytes,
					      .suspect = of[i].suspect };
		text_copy(c->kind, sizeof(c->kind), culprit_kind_name(of[i].kind));
		text_copy(c->function, sizeof(c->function), cause->function);
		text_copy(c->file, sizeof(c->file), cause->file);
		text_copy(c->advice, sizeof(c->advice), culprit_advice(&of[i]));
		taken++;
	}
	if (taken)
		n->n_culprits = taken;
}

static void put_known(json_object *o, const char *key, const char *text)
{
	if (text[0])
		json_put_escaped(o, key, text);
}

/* The identity of the alert, for whoever routes and silences. */
static json_object *labels_of(const struct notice *n, const char *node)
{
	json_object *o = json_object_new_object();

	json_put_text(o, "alertname", notice_name(n));
	json_put_text(o, "severity", notice_severity(n));
	json_put_text(o, "kind", forecast_kind_name(n->kind));
	json_put_text(o, "alert", decide_alert_name(n->alert));
	put_known(o, "node", node);
	put_known(o, "workload", n->workload);
	put_known(o, "cgroup", n->cgroup);
	put_known(o, "namespace", n->space);
	put_known(o, "pod", n->pod);
	put_known(o, "container", n->container);
	return o;
}

static void put_time(json_object *o, const char *key, usec_t wall)
{
	char text[TEXT_TIME_MAX];

	json_put_text(o, key, text_time_ns(text, wall * 1000));
}

static void put_bytes_text(json_object *o, const char *key, uint64_t bytes)
{
	char text[TEXT_BYTES_MAX];

	if (bytes != BYTES_UNLIMITED)
		json_put_text(o, key, text_bytes(text, bytes));
}

static void put_culprits_text(json_object *o, const struct notice *n)
{
	char text[NOTICE_CULPRITS_MAX * 512], bytes[TEXT_BYTES_MAX];
	size_t len = 0;

	for (uint32_t i = 0; i < n->n_culprits && len < sizeof(text); i++) {
		const struct notice_culprit *c = &n->culprits[i];
		int k = snprintf(text + len, sizeof(text) - len, "%s%s:%" PRIu32 " (%s) holds %s%s",
				 i ? "; " : "", c->file, c->line, c->function,
				 text_bytes(bytes, c->inuse_bytes),
				 c->suspect ? ", which only grows" : "");

		len += k > 0 ? (size_t)k : 0;
	}
	if (len)
		json_put_escaped(o, "culprits", text);
}

static void put_forecast_text(json_object *o, const struct notice *n)
{
	char text[96];

	if (n->to_oom == FORECAST_NEVER)
		return;
	snprintf(text, sizeof(text),
		 "full in about %" PRIu64 " s, by a confidence of %" PRIu32 " %%",
		 n->to_oom / USEC_SEC, n->forecast_permille / 10);
	json_put_text(o, "forecast", text);
}

/* Alertmanager's annotations are texts. */
static json_object *annotations_of(const struct notice *n)
{
	json_object *o = json_object_new_object();

	json_put_escaped(o, "summary", n->summary);
	json_put_text(o, "action", alert_action(n->kind, n->recommended_limit));
	json_put_text(o, "runbook", kinds[kind_of(n)].runbook);
	put_bytes_text(o, "usage", n->usage);
	put_bytes_text(o, "room", n->room);
	put_bytes_text(o, "limit", n->limit);
	put_bytes_text(o, "non_go", n->nongo);
	put_bytes_text(o, "heap_live", n->live);
	if (n->recommended_limit)
		put_bytes_text(o, "recommended_limit", n->recommended_limit);
	put_forecast_text(o, n);
	put_culprits_text(o, n);
	put_known(o, "unit", n->unit);
	put_known(o, "tier", n->tier);
	put_known(o, "mode", n->mode);
	return o;
}

char *notice_to_alertmanager(const struct notice *const *of, size_t n, const char *node,
			     usec_t until_wall)
{
	json_object *all = json_object_new_array();

	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_new_object();

		json_object_object_add(o, "labels", labels_of(of[i], node));
		json_object_object_add(o, "annotations", annotations_of(of[i]));
		put_time(o, "startsAt", of[i]->started_wall);
		put_time(o, "endsAt", of[i]->ended_wall ? of[i]->ended_wall : until_wall);
		json_object_array_add(all, o);
	}
	return json_take_text(all);
}

static void put_bytes(json_object *o, const char *key, uint64_t bytes)
{
	if (bytes != BYTES_UNLIMITED)
		json_put_u64(o, key, bytes);
}

static json_object *figures_of(const struct notice *n)
{
	json_object *o = json_object_new_object();

	put_bytes(o, "usage_bytes", n->usage);
	put_bytes(o, "room_bytes", n->room);
	put_bytes(o, "limit_bytes", n->limit);
	put_bytes(o, "non_go_bytes", n->nongo);
	put_bytes(o, "heap_live_bytes", n->live);
	if (n->recommended_limit)
		put_bytes(o, "recommended_limit_bytes", n->recommended_limit);
	return o;
}

static json_object *forecast_of(const struct notice *n)
{
	json_object *o = json_object_new_object();

	if (n->to_oom != FORECAST_NEVER)
		json_put_u64(o, "seconds_to_oom", n->to_oom / USEC_SEC);
	json_put_double(o, "confidence", n->forecast_permille / 1000.0);
	json_object_object_add(o, "go_bytes_per_minute",
			       json_object_new_int64(n->go_slope_per_min));
	json_object_object_add(o, "non_go_bytes_per_minute",
			       json_object_new_int64(n->nongo_slope_per_min));
	return o;
}

static json_object *culprits_of_notice(const struct notice *n)
{
	json_object *all = json_object_new_array();

	for (uint32_t i = 0; i < n->n_culprits; i++) {
		const struct notice_culprit *c = &n->culprits[i];
		json_object *o = json_object_new_object();

		json_put_text(o, "kind", c->kind);
		json_put_escaped(o, "function", c->function);
		json_put_escaped(o, "file", c->file);
		json_put_u64(o, "line", c->line);
		json_put_double(o, "impact", c->impact_permille / 1000.0);
		json_put_u64(o, "inuse_bytes", c->inuse_bytes);
		json_put_bool(o, "only_grows", c->suspect);
		json_put_text(o, "advice", c->advice);
		json_object_array_add(all, o);
	}
	return all;
}

char *notice_to_webhook(const struct notice *n, const char *node, const char *id)
{
	json_object *o = json_object_new_object();

	json_put_u64(o, "schema", 1);
	json_put_text(o, "id", id);
	json_put_text(o, "status", n->ended_wall ? "resolved" : "firing");
	json_object_object_add(o, "labels", labels_of(n, node));
	put_time(o, "startsAt", n->started_wall);
	if (n->ended_wall)
		put_time(o, "endsAt", n->ended_wall);
	json_put_escaped(o, "summary", n->summary);
	json_put_text(o, "action", alert_action(n->kind, n->recommended_limit));
	json_put_text(o, "runbook", kinds[kind_of(n)].runbook);
	json_object_object_add(o, "figures", figures_of(n));
	json_object_object_add(o, "forecast", forecast_of(n));
	json_object_object_add(o, "culprits", culprits_of_notice(n));
	put_known(o, "unit", n->unit);
	put_known(o, "tier", n->tier);
	put_known(o, "mode", n->mode);
	return json_take_text(o);
}
