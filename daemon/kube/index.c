/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "kube/index.h"

static const size_t caps[] = {
	[KUBE_PODS] = KUBE_PODS_MAX,
	[KUBE_NAMESPACES] = KUBE_NAMESPACES_MAX,
};
_Static_assert(ARRAY_SIZE(caps) == KUBE_RESOURCE_MAX_, "a cap for each");

static struct kube_object *object_free(struct kube_object *o)
{
	if (!o)
		return NULL;
	free(o->labels);
	free(o->annotations);
	free(o->containers);
	free(o);
	return NULL;
}

static void object_freep(struct kube_object **o)
{
	object_free(*o);
}

void kube_index_done(struct kube_index *x)
{
	for (size_t i = 0; i < KUBE_RESOURCE_MAX_; i++) {
		struct kube_object *o;
		size_t cursor = 0;

		while ((o = table_next(&x->of[i], &cursor)))
			object_free(o);
		table_done(&x->of[i]);
	}
	*x = (struct kube_index){ .seed = x->seed };
}

static const char *key_of(uint32_t resource, const char *uid, const char *name)
{
	return resource == KUBE_PODS ? uid : name;
}

static uint64_t hash_of(const struct kube_index *x, const char *key)
{
	return text_hash(TEXT_HASH_START ^ x->seed, key);
}

/* Two of one hash are two all the same: the one that came first stays. */
static struct kube_object *find(const struct kube_index *x, uint32_t resource, const char *key)
{
	struct kube_object *o = table_get(&x->of[resource], hash_of(x, key));

	return o && !strcmp(key_of(resource, o->uid, o->name), key) ? o : NULL;
}

static struct kube_object *object_of(const struct kube_record *r)
{
	_cleanup_(object_freep) struct kube_object *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	text_copy(o->uid, sizeof(o->uid), r->uid);
	text_copy(o->space, sizeof(o->space), r->space);
	text_copy(o->name, sizeof(o->name), r->name);
	text_copy(o->owner_kind, sizeof(o->owner_kind), r->owner_kind);
	text_copy(o->owner, sizeof(o->owner), r->owner);
	o->labels = strdup(r->labels);
	o->annotations = strdup(r->annotations);
	o->n_containers = r->n_containers;
	o->left_out = r->left_out;
	o->containers = calloc(MAX(r->n_containers, 1u), sizeof(*o->containers));
	if (!o->labels || !o->annotations || !o->containers)
		return NULL;
	memcpy(o->containers, r->containers, r->n_containers * sizeof(*o->containers));
	return TAKE_PTR(o);
}

static bool is_same_container(const struct kube_container *a, const struct kube_container *b)
{
	return !strcmp(a->name, b->name) && a->cpu_request == b->cpu_request &&
	       a->cpu_limit == b->cpu_limit && a->memory_request == b->memory_request &&
	       a->memory_limit == b->memory_limit;
}

static bool is_same(const struct kube_object *o, const struct kube_record *r)
{
	if (strcmp(o->uid, r->uid) || strcmp(o->space, r->space) || strcmp(o->name, r->name) ||
	    strcmp(o->owner_kind, r->owner_kind) || strcmp(o->owner, r->owner) ||
	    strcmp(o->labels, r->labels) || strcmp(o->annotations, r->annotations) ||
	    o->n_containers != r->n_containers || o->left_out != r->left_out)
		return false;
	for (uint32_t i = 0; i < o->n_containers; i++)
		if (!is_same_container(&o->containers[i], &r->containers[i]))
			return false;
	return true;
}

static void drop(struct kube_index *x, uint32_t resource, struct kube_object *o)
{
	table_take(&x->of[resource], hash_of(x, key_of(resource, o->uid, o->name)));
	object_free(o);
}

static int put(struct kube_index *x, const struct kube_record *r)
{
	struct table *t = &x->of[r->resource];
	const char *key = key_of(r->resource, r->uid, r->name);
	struct kube_object *o = find(x, r->resource, key);
	int e;

	if (o && is_same(o, r)) {
		o->listing = x->listing[r->resource];
		return KUBE_TAKEN_SAME;
	}
	if (o)
		drop(x, r->resource, o);
	o = object_of(r);
	if (!o)
		return -ENOMEM;
	o->listing = x->listing[r->resource];
	t->max = caps[r->resource];
	e = table_put(t, hash_of(x, key), o);
	if (e < 0) {
		object_free(o);
		return e == -ENOMEM ? e : -ENOSPC;
	}
	return KUBE_TAKEN_CHANGED;
}

/* One of the same name that has come since is another. */
static int take_gone(struct kube_index *x, const struct kube_record *r)
{
	struct kube_object *o = find(x, r->resource, key_of(r->resource, r->uid, r->name));

	if (!o || strcmp(o->uid, r->uid) != 0)
		return KUBE_TAKEN_SAME;
	drop(x, r->resource, o);
	return KUBE_TAKEN_CHANGED;
}

static int take_listed(struct kube_index *x, uint32_t resource)
{
	const bool first = !x->listed[resource];
	struct kube_object *o;
	size_t cursor = 0;
	bool any = false;

	while ((o = table_next(&x->of[resource], &cursor)))
		if (o->listing != x->listing[resource]) {
			drop(x, resource, o);
			any = true;
		}
	x->listed[resource] = true;
	return any || first ? KUBE_TAKEN_MANY : KUBE_TAKEN_SAME;
}

static int take(struct kube_index *x, const struct kube_record *r)
{
	switch ((enum kube_record_kind)r->kind) {
	case KUBE_RECORD_PUT:
		return put(x, r);
	case KUBE_RECORD_GONE:
		return take_gone(x, r);
	case KUBE_RECORD_LISTING:
		x->listing[r->resource]++;
		return KUBE_TAKEN_SAME;
	case KUBE_RECORD_LISTED:
		x->left_out += r->left_out;
		return take_listed(x, r->resource);
	default:
		x->left_out += r->left_out;
		return KUBE_TAKEN_SAME;
	}
}

int kube_index_take(struct kube_index *x, const struct kube_record *r)
{
	int e;

	if (!kube_record_is_valid(r)) {
		x->refused++;
		return -EBADMSG;
	}
	e = take(x, r);
	x->left_out += e < 0;
	return e;
}

const struct kube_object *kube_index_pod(const struct kube_index *x, const char *uid)
{
	return find(x, KUBE_PODS, uid);
}

const struct kube_object *kube_index_namespace(const struct kube_index *x, const char *name)
{
	return find(x, KUBE_NAMESPACES, name);
}

const struct kube_container *kube_object_container(const struct kube_object *pod, const char *name)
{
	for (uint32_t i = 0; i < pod->n_containers; i++)
		if (!strcmp(pod->containers[i].name, name))
			return &pod->containers[i];
	return NULL;
}
