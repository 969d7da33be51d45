/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/text.h"
#include "base/util.h"
#include "wire/control.h"
#include "wire/json.h"

static const char *const verb_names[] = {
	[CONTROL_STATUS] = "status",
	[CONTROL_EXPLAIN] = "explain",
	[CONTROL_SET] = "set",
	[CONTROL_RELEASE] = "release",
	[CONTROL_STOP_WRITES] = "stop-writes",
	[CONTROL_RESUME] = "resume",
	[CONTROL_SHOW_CONFIG] = "show-config",
	[CONTROL_TIMELINE] = "timeline",
	[CONTROL_FEATURES] = "features",
	[CONTROL_HEAP] = "heap",
	[CONTROL_RECORD] = "record",
};
_Static_assert(ARRAY_SIZE(verb_names) == CONTROL_VERB_MAX_, "a name for each verb");

const char *control_verb_name(enum control_verb verb)
{
	return verb < CONTROL_VERB_MAX_ ? verb_names[verb] : "unknown";
}

bool control_verb_writes(enum control_verb verb)
{
	return verb == CONTROL_SET || verb == CONTROL_RELEASE || verb == CONTROL_STOP_WRITES ||
	       verb == CONTROL_RESUME;
}

static void json_putp(json_object **o)
{
	json_object_put(*o);
}

static void tokener_freep(json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

static bool parse_verb(const char *name, enum control_verb *ret)
{
	for (enum control_verb v = 0; v < CONTROL_VERB_MAX_; v++)
		if (!strcmp(name, verb_names[v])) {
			*ret = v;
			return true;
		}
	return false;
}

static const char *parse_member(const char *key, json_object *value, struct control_request *req)
{
	if (!strcmp(key, "verb"))
		return json_object_is_type(value, json_type_string) &&
				       parse_verb(json_object_get_string(value), &req->verb) ?
			       NULL :
			       "unknown verb";
	if (!strcmp(key, "workload"))
		return json_object_is_type(value, json_type_string) &&
				       text_copy(req->workload, sizeof(req->workload),
						 json_object_get_string(value)) &&
				       strlen(req->workload) ==
					       (size_t)json_object_get_string_len(value) ?
			       NULL :
			       "workload: a string of at most 511 bytes";
	if (!strcmp(key, "force") || !strcmp(key, "dry_run")) {
		if (!json_object_is_type(value, json_type_boolean))
			return "force, dry_run: true or false";
		*(key[0] == 'f' ? &req->force : &req->dry_run) = json_object_get_boolean(value);
		return NULL;
	}
	if (!json_object_is_type(value, json_type_int))
		return "gogc, memory_limit_bytes, for_usec: a whole number";
	if (!strcmp(key, "gogc")) {
		req->has_gogc = true;
		req->gogc = json_object_get_int64(value);
	} else if (!strcmp(key, "memory_limit_bytes")) {
		req->has_memory_limit = true;
		req->memory_limit_bytes = json_object_get_int64(value);
	} else if (!strcmp(key, "for_usec")) {
		if (json_object_get_int64(value) < 0)
			return "for_usec: 0 or more";
		req->for_usec = (uint64_t)json_object_get_int64(value);
	} else {
		return "unknown member";
	}
	return NULL;
}

int control_parse(const char *text, size_t len, struct control_request *ret, const char **ret_why)
{
	_cleanup_(tokener_freep) json_tokener *tok = json_tokener_new_ex(CONTROL_DEPTH_MAX);
	_cleanup_(json_putp) json_object *root = NULL;
	struct control_request req = { .verb = CONTROL_VERB_MAX_ };

	*ret_why = "a JSON object on one line is expected";
	if (!tok)
		return -ENOMEM;
	if (len > CONTROL_REQUEST_MAX)
		return -EINVAL;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tok, text, (int)len);
	if (!root || !json_object_is_type(root, json_type_object))
		return -EINVAL;
	json_object_object_foreach(root, key, value)
	{
		*ret_why = parse_member(key, value, &req);
		if (*ret_why)
			return -EINVAL;
	}
	*ret_why = "a verb is missing";
	if (req.verb == CONTROL_VERB_MAX_)
		return -EINVAL;
	*ret = req;
	return 0;
}

char *control_format(const struct control_request *req)
{
	_cleanup_(json_putp) json_object *o = json_object_new_object();
	const char *text;
	size_t len;
	char *copy;

	if (!o)
		return NULL;
	json_put_text(o, "verb", control_verb_name(req->verb));
	if (req->workload[0])
		json_put_text(o, "workload", req->workload);
	if (req->has_gogc)
		json_object_object_add(o, "gogc", json_object_new_int64(req->gogc));
	if (req->has_memory_limit)
		json_object_object_add(o, "memory_limit_bytes",
				       json_object_new_int64(req->memory_limit_bytes));
	if (req->for_usec)
		json_object_object_add(o, "for_usec",
				       json_object_new_int64((int64_t)req->for_usec));
	if (req->force)
		json_put_bool(o, "force", true);
	if (req->dry_run)
		json_put_bool(o, "dry_run", true);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	len = strlen(text);
	copy = malloc(len + 2);
	if (copy) {
		memcpy(copy, text, len);
		memcpy(copy + len, "\n", 2);
	}
	return copy;
}
