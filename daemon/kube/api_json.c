/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "kube/api_json.h"
#include "kube/names.h"
#include "kube/quantity.h"
#include "wire/json_read.h"

/* Of a list: what comes before its objects. */
enum {
	HEAD_BYTES_MAX = KUBE_CONTINUE_BYTES + 1024,
};

static const struct json_caps caps = {
	.bytes = KUBE_PAGE_BYTES_MAX,
	.values = 256 * 1024,
	.depth = 48,
};

static json_object *member(json_object *o, const char *key, enum json_type type)
{
	json_object *v;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) &&
			       json_object_is_type(v, type) ?
		       v :
		       NULL;
}

/* NULL for what is no text, and for a text with a NUL in it. */
static const char *text_of(json_object *v)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

	return s && strlen(s) == (size_t)json_object_get_string_len(v) ? s : NULL;
}

/* False where it has no room or is not there; then @buf is "". */
static bool copy_text(json_object *o, const char *key, char *buf, size_t size)
{
	const char *s = text_of(member(o, key, json_type_string));

	if (s && strlen(s) < size)
		return text_copy(buf, size, s);
	buf[0] = '\0';
	return false;
}

/* It goes into a URL: opaque, but what servers make is of these. */
static bool copy_token(json_object *o, const char *key, char *buf, size_t size)
{
	static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789-._~=+/";

	if (copy_text(o, key, buf, size) && strspn(buf, characters) == strlen(buf))
		return buf[0];
	buf[0] = '\0';
	return false;
}

/* The one that lowers comes first: others must not take its room. One that cannot be read is none of the modes, and lowers too. */
static void read_pairs(json_object *o, bool label, char *pairs, size_t size, struct kube_record *r)
{
	const char *mode = text_of(member(o, KUBE_MODE_KEY, json_type_string));
	bool taken;

	if (!o)
		return;
	taken = json_object_object_get_ex(o, KUBE_MODE_KEY, NULL) &&
		((mode && *mode && kube_pairs_add(pairs, size, label, KUBE_MODE_KEY, mode)) ||
		 kube_pairs_add(pairs, size, label, KUBE_MODE_KEY, "invalid"));
	json_object_object_foreach(o, key, v)
	{
		const char *value = text_of(v);

		if (taken && !strcmp(key, KUBE_MODE_KEY))
			continue;
		/* Whose annotations are somebody else's is not missed. */
		if (!label &&
		    strncmp(key, KUBE_ANNOTATION_PREFIX, strlen(KUBE_ANNOTATION_PREFIX)) != 0)
			continue;
		if (!value || !kube_pairs_add(pairs, size, label, key, value))
			r->left_out++;
	}
}

static void read_owner(json_object *meta, struct kube_record *r)
{
	json_object *list = member(meta, "ownerReferences", json_type_array);

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		json_object *o = json_object_array_get_idx(list, i);
		json_object *controls = member(o, "controller", json_type_boolean);

		if (!controls || !json_object_get_boolean(controls))
			continue;
		if (copy_text(o, "kind", r->owner_kind, sizeof(r->owner_kind)) &&
		    copy_text(o, "name", r->owner, sizeof(r->owner)) &&
		    kube_is_kind(r->owner_kind) && kube_is_subdomain(r->owner))
			return;
		r->owner_kind[0] = r->owner[0] = '\0';
		r->left_out++;
	}
}

/* A whole number is a quantity as well. */
static int64_t read_quantity(json_object *amounts, const char *key, unsigned int scale,
			     struct kube_record *r)
{
	json_object *v;
	const char *s;
	int64_t amount;

	if (!amounts || !json_object_object_get_ex(amounts, key, &v))
		return KUBE_UNKNOWN;
	s = json_object_is_type(v, json_type_int) ? json_object_get_string(v) : text_of(v);
	if (s && kube_quantity_parse(s, scale, &amount) == 0)
		return amount;
	r->left_out++;
	return KUBE_UNKNOWN;
}

static void read_containers(json_object *list, struct kube_record *r)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		json_object *o = json_object_array_get_idx(list, i);
		json_object *resources = member(o, "resources", json_type_object);
		json_object *requests = member(resources, "requests", json_type_object);
		json_object *limits = member(resources, "limits", json_type_object);
		struct kube_container c = { 0 };

		if (r->n_containers == KUBE_CONTAINERS_MAX ||
		    !copy_text(o, "name", c.name, sizeof(c.name)) || !kube_is_label_name(c.name)) {
			r->left_out++;
			continue;
		}
		c.cpu_request = read_quantity(requests, "cpu", 1000, r);
		c.cpu_limit = read_quantity(limits, "cpu", 1000, r);
		c.memory_request = read_quantity(requests, "memory", 1, r);
		c.memory_limit = read_quantity(limits, "memory", 1, r);
		r->containers[r->n_containers++] = c;
	}
}

/* False where it has not the names that an object has. */
static bool read_object(json_object *o, enum kube_resource resource, struct kube_record *r)
{
	json_object *meta = member(o, "metadata", json_type_object);
	json_object *spec = member(o, "spec", json_type_object);

	*r = (struct kube_record){ .kind = KUBE_RECORD_PUT, .resource = resource };
	copy_text(meta, "uid", r->uid, sizeof(r->uid));
	copy_text(meta, "name", r->name, sizeof(r->name));
	if (resource == KUBE_PODS)
		copy_text(meta, "namespace", r->space, sizeof(r->space));
	if (!kube_record_is_valid(r))
		return false;
	read_pairs(member(meta, "labels", json_type_object), true, r->labels, sizeof(r->labels), r);
	read_pairs(member(meta, "annotations", json_type_object), false, r->annotations,
		   sizeof(r->annotations), r);
	if (resource != KUBE_PODS)
		return true;
	read_owner(meta, r);
	read_containers(member(spec, "containers", json_type_array), r);
	read_containers(member(spec, "initContainers", json_type_array), r);
	return true;
}

int kube_page_read(struct span body, enum kube_resource resource, kube_record_fn tell,
		   void *userdata, struct kube_page *ret)
{
	_cleanup_(json_object_putp) json_object *root = NULL;
	json_object *meta, *items, *next;
	struct kube_page page = { 0 };
	static struct kube_record record;
	int r = json_read(body, &caps, &root);

	if (r < 0)
		return r;
	meta = member(root, "metadata", json_type_object);
	items = member(root, "items", json_type_array);
	/* A page that says it is not the last, but not how to go on, is none. */
	next = member(meta, "continue", json_type_string);
	if (!copy_token(meta, "resourceVersion", page.version, sizeof(page.version)) ||
	    (next && json_object_get_string_len(next) > 0 &&
	     !copy_token(meta, "continue", page.next, sizeof(page.next))))
		return -EBADMSG;
	/* Go writes a list without elements as null. */
	if (!items && json_object_object_get(root, "items"))
		return -EBADMSG;
	for (size_t i = 0; items && i < json_object_array_length(items); i++)
		if (read_object(json_object_array_get_idx(items, i), resource, &record))
			tell(userdata, &record);
		else
			page.left_out++;
	*ret = page;
	return 0;
}

/* How long it is with the bracket that opens the list of objects; 0 where that is not there. */
static size_t head_of(struct span text)
{
	bool quoted = false;
	size_t depth = 0;

	for (size_t i = 0; i < text.len; i++) {
		const uint8_t c = text.p[i];

		if (c == '"')
			quoted = !quoted;
		else if (quoted)
			i += c == '\\';
		else if (c == '[' && depth == 1)
			return i + 1;
		else
			depth += (size_t)(c == '{') - (size_t)(c == '}' && depth > 0);
	}
	return 0;
}

static void tell_nobody(void *userdata, const struct kube_record *r)
{
	(void)userdata;
	(void)r;
}

int kube_page_skip(struct span beginning, enum kube_resource resource, struct kube_page *ret)
{
	static char text[HEAD_BYTES_MAX + 3];
	const size_t len = head_of(beginning);
	int r;

	if (!len || len > HEAD_BYTES_MAX)
		return -EBADMSG;
	memcpy(text, beginning.p, len);
	memcpy(text + len, "]}", 3);
	r = kube_page_read(span_of(text, len + 2), resource, tell_nobody, NULL, ret);
	if (r == 0)
		ret->left_out = 1;
	return r == 0 ? 0 : -EBADMSG;
}

static uint32_t code_of(json_object *status)
{
	json_object *code = member(status, "code", json_type_int);
	const int64_t v = code ? json_object_get_int64(code) : 0;

	return v > 0 && v < 1000 ? (uint32_t)v : 0;
}

int kube_event_read(struct span line, enum kube_resource resource, struct kube_event *ret)
{
	_cleanup_(json_object_putp) json_object *root = NULL;
	json_object *object;
	const char *type;
	int r = json_read(line, &caps, &root);

	if (r < 0)
		return r;
	object = member(root, "object", json_type_object);
	type = text_of(member(root, "type", json_type_string));
	if (!object || !type)
		return -EBADMSG;
	ret->code = 0;
	copy_token(member(object, "metadata", json_type_object), "resourceVersion", ret->version,
		   sizeof(ret->version));
	ret->type = KUBE_EVENT_LEFT_OUT;
	if (!strcmp(type, "ERROR")) {
		ret->type = KUBE_EVENT_ERROR;
		ret->code = code_of(object);
	} else if (!strcmp(type, "BOOKMARK")) {
		ret->type = KUBE_EVENT_BOOKMARK;
	} else if ((!strcmp(type, "ADDED") || !strcmp(type, "MODIFIED") ||
		    !strcmp(type, "DELETED")) &&
		   read_object(object, resource, &ret->record)) {
		ret->type = KUBE_EVENT_OBJECT;
		if (type[0] == 'D')
			ret->record.kind = KUBE_RECORD_GONE;
	}
	return 0;
}
