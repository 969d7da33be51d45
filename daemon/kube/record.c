/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "kube/names.h"
#include "kube/record.h"

static const char *const outcome_names[] = {
	[KUBE_OK] = "ok",
	[KUBE_UNREACHABLE] = "unreachable",
	[KUBE_UNVERIFIED] = "unverified",
	[KUBE_TIMEOUT] = "timeout",
	[KUBE_STATUS] = "status",
	[KUBE_GARBLED] = "garbled",
	[KUBE_TOO_LARGE] = "too-large",
	[KUBE_NO_TOKEN] = "no-token",
	[KUBE_NO_LIBRARY] = "no-library",
	[KUBE_FAILED] = "failed",
};
_Static_assert(ARRAY_SIZE(outcome_names) == KUBE_OUTCOME_MAX_, "a name for each outcome");

const char *kube_outcome_name(uint32_t outcome)
{
	return outcome < KUBE_OUTCOME_MAX_ ? outcome_names[outcome] : "failed";
}

bool kube_is_object_name(enum kube_resource resource, const char *name)
{
	return resource == KUBE_NAMESPACES ? kube_is_label_name(name) : kube_is_subdomain(name);
}

/* Those of pods are parts of cgroup names. */
bool kube_is_uid(const char *s)
{
	const size_t len = strnlen(s, KUBE_UID_BYTES);

	return len && len < KUBE_UID_BYTES && strspn(s, "0123456789abcdef-") == len;
}

bool kube_is_kind(const char *s)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const size_t len = strnlen(s, KUBE_KIND_BYTES);

	return len && len < KUBE_KIND_BYTES && strspn(s, letters) == len;
}

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

static bool is_pair(bool label, const char *key, const char *value)
{
	if (!kube_is_key(key))
		return false;
	if (label)
		return kube_is_label_value(value);
	return !strncmp(key, KUBE_ANNOTATION_PREFIX, strlen(KUBE_ANNOTATION_PREFIX)) &&
	       is_printable(value);
}

bool kube_pairs_add(char *pairs, size_t size, bool label, const char *key, const char *value)
{
	const size_t n = strlen(pairs), len = strlen(key) + strlen(value) + 2;

	if (!is_pair(label, key, value) || len > KUBE_PAIR_BYTES || len >= size - n)
		return false;
	snprintf(pairs + n, size - n, "%s=%s\n", key, value);
	return true;
}

const char *kube_pairs_next(const char *pairs, char buf[KUBE_PAIR_BYTES])
{
	const char *end = strchr(pairs, '\n');

	if (!end || (size_t)(end - pairs) >= KUBE_PAIR_BYTES)
		return NULL;
	memcpy(buf, pairs, (size_t)(end - pairs));
	buf[end - pairs] = '\0';
	return end + 1;
}

bool kube_pairs_get(const char *pairs, const char *key, char buf[KUBE_PAIR_BYTES])
{
	const size_t len = strlen(key);

	for (const char *p = kube_pairs_next(pairs, buf); p; p = kube_pairs_next(p, buf))
		if (!strncmp(buf, key, len) && buf[len] == '=') {
			memmove(buf, buf + len + 1, strlen(buf + len + 1) + 1);
			return true;
		}
	return false;
}

static bool is_whole(const char *s, size_t size)
{
	return memchr(s, '\0', size);
}

static bool are_pairs(const char *pairs, bool label)
{
	char pair[KUBE_PAIR_BYTES];

	while (*pairs) {
		char *value;

		pairs = kube_pairs_next(pairs, pair);
		value = pairs ? strchr(pair, '=') : NULL;
		if (!value)
			return false;
		*value++ = '\0';
		if (!is_pair(label, pair, value))
			return false;
	}
	return true;
}

static bool is_amount(int64_t v)
{
	return v >= 0 || v == KUBE_UNKNOWN;
}

static bool is_container(const struct kube_container *c)
{
	return is_whole(c->name, sizeof(c->name)) && kube_is_label_name(c->name) &&
	       is_amount(c->cpu_request) && is_amount(c->cpu_limit) &&
	       is_amount(c->memory_request) && is_amount(c->memory_limit);
}

/* What a PUT tells beside the names. */
static bool is_told_well(const struct kube_record *r)
{
	if (!is_whole(r->owner_kind, sizeof(r->owner_kind)) ||
	    !is_whole(r->owner, sizeof(r->owner)) || !is_whole(r->labels, sizeof(r->labels)) ||
	    !is_whole(r->annotations, sizeof(r->annotations)))
		return false;
	if (!r->owner[0] != !r->owner_kind[0] ||
	    (r->owner[0] && !(kube_is_subdomain(r->owner) && kube_is_kind(r->owner_kind))))
		return false;
	if (!are_pairs(r->labels, true) || !are_pairs(r->annotations, false) ||
	    r->n_containers > KUBE_CONTAINERS_MAX)
		return false;
	for (uint32_t i = 0; i < r->n_containers; i++)
		if (!is_container(&r->containers[i]))
			return false;
	return true;
}

bool kube_record_is_valid(const struct kube_record *r)
{
	if (r->kind >= KUBE_RECORD_KIND_MAX_ || r->resource >= KUBE_RESOURCE_MAX_ ||
	    r->outcome >= KUBE_OUTCOME_MAX_)
		return false;
	if (r->kind != KUBE_RECORD_PUT && r->kind != KUBE_RECORD_GONE)
		return true;
	if (!is_whole(r->uid, sizeof(r->uid)) || !is_whole(r->space, sizeof(r->space)) ||
	    !is_whole(r->name, sizeof(r->name)) || !kube_is_uid(r->uid) ||
	    !kube_is_object_name((enum kube_resource)r->resource, r->name))
		return false;
	if (r->resource == KUBE_PODS ? !kube_is_label_name(r->space) : r->space[0] != '\0')
		return false;
	return r->kind == KUBE_RECORD_GONE || is_told_well(r);
}
