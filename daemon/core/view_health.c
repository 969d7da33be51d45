/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/exporter.h"
#include "core/view.h"
#include "report/health.h"
#include "wire/json.h"

/* A server of the operator's, and what it is to the daemon. */
struct server {
	const char *name, *lost, *mend;
	bool configured;
	const struct health *health; /* NULL: it cannot be asked at all, as it is configured */
	usec_t told;
};

static void put_age(json_object *o, const char *key, usec_t since, usec_t now)
{
	json_object_object_add(o, key,
			       since ? json_object_new_int64((int64_t)sub_sat(now, since)) : NULL);
}

static void put_missing(json_object *o, const struct server *s, const char *error)
{
	json_put_text(o, "error", error);
	json_put_text(o, "lost", s->lost);
	json_put_text(o, "mend", s->mend);
}

static const char *error_of(const struct health *h)
{
	return h->error[0] ? h->error : "failed here, before anything was sent";
}

static json_object *server_json(const struct server *s, usec_t now)
{
	static const struct health none;
	const struct health *h = s->configured && s->health ? s->health : &none;
	const bool unusable = s->configured && !s->health;
	json_object *o = json_object_new_object();

	json_put_text(o, "name", s->name);
	json_put_bool(o, "configured", s->configured);
	json_object_object_add(o, "works",
			       h->known || unusable ? json_object_new_boolean(h->works) : NULL);
	put_age(o, "for_usec", h->since, now);
	put_age(o, "last_word_age_usec", h->known ? s->told : 0, now);
	put_age(o, "last_error_age_usec", h->failed, now);
	json_object_object_add(o, "last_error", h->failed ? json_escaped(error_of(h)) : NULL);
	if (unusable)
		put_missing(o, s, "it cannot be asked as it is configured; the journal says why");
	else if (h->known && !h->works)
		put_missing(o, s, error_of(h));
	return o;
}

void view_add_servers(const struct manager *m, json_object *list)
{
	const usec_t now = clock_now();
	const struct server kube = {
		.name = "kube-api",
		.lost = "what pods and namespaces say stays as it was known last",
		.mend = "kube_api, kube_token_file and kube_ca_file of gomemd.conf(5), and for the "
			"account get, list and watch of pods and namespaces",
		.configured = strcmp(m->config.kube_api, CONFIG_KUBE_OFF) != 0,
		.health = kubernetes_health(m),
		.told = kubernetes_told(m),
	};
	static struct metrics_daemon d;

	json_object_array_add(list, server_json(&kube, now));
	d = (struct metrics_daemon){ 0 };
	notices_figures(m, &d);
	for (int32_t i = 0; i < NOTIFY_RECEIVER_MAX_; i++) {
		const struct health *h = &d.notify[i].health;
		const struct server receiver = {
			.name = notify_receiver_name(i),
			.lost = "alerts wait for it in a queue; the journal has them all",
			.mend = "the receiver itself, its address in gomemd.conf(5), and IPAddressAllow= "
				"of the unit where it is another host",
			.configured = d.notify[i].on,
			.health = h,
			.told = h->told,
		};

		json_object_array_add(list, server_json(&receiver, now));
	}
}
