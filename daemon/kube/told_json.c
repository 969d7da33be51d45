/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kube/told_json.h"
#include "wire/json.h"

/* Keys are of the form that names have; a value may be anything printable. */
static json_object *pairs_json(const char *pairs)
{
	json_object *o = json_object_new_object();
	char pair[KUBE_PAIR_BYTES];

	for (const char *p = kube_pairs_next(pairs, pair); p; p = kube_pairs_next(p, pair)) {
		char *value = strchr(pair, '=');

		if (!value)
			continue;
		*value++ = '\0';
		json_object_object_add(o, pair, json_escaped(value));
	}
	return o;
}

static json_object *amount_json(int64_t v)
{
	return v == KUBE_UNKNOWN ? NULL : json_object_new_int64(v);
}

static json_object *resources_json(const struct kube_container *c)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "cpu_request_millicores", amount_json(c->cpu_request));
	json_object_object_add(o, "cpu_limit_millicores", amount_json(c->cpu_limit));
	json_object_object_add(o, "memory_request_bytes", amount_json(c->memory_request));
	json_object_object_add(o, "memory_limit_bytes", amount_json(c->memory_limit));
	return o;
}

static json_object *controller_json(const struct kube_object *pod)
{
	json_object *o;

	if (!pod->owner[0])
		return NULL;
	o = json_object_new_object();
	json_put_escaped(o, "kind", pod->owner_kind);
	json_put_escaped(o, "name", pod->owner);
	return o;
}

void kube_told_json(json_object *to, const struct kube_object *pod, const char *container,
		    const char *owner, const char *space_mode)
{
	const struct kube_container *c = pod ? kube_object_container(pod, container) : NULL;

	if (!to)
		return;
	json_object_object_add(to, "namespace_mode", space_mode ? json_escaped(space_mode) : NULL);
	if (!pod)
		return;
	json_put_escaped(to, "owner", owner);
	json_object_object_add(to, "labels", pairs_json(pod->labels));
	json_object_object_add(to, "annotations", pairs_json(pod->annotations));
	json_object_object_add(to, "controller", controller_json(pod));
	json_object_object_add(to, "resources", c ? resources_json(c) : NULL);
	json_put_u64(to, "left_out", pod->left_out);
}
