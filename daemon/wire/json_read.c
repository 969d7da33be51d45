/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include "base/util.h"
#include "wire/json_read.h"

static void tokener_freep(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

static bool has_too_many_values(struct span text, size_t max)
{
	bool quoted = false;
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] == '"')
			quoted = !quoted;
		else if (quoted)
			i += text.p[i] == '\\';
		else
			n += text.p[i] == ',' || text.p[i] == '[' || text.p[i] == '{';
	return n > max;
}

int json_read(struct span text, const struct json_caps *caps, json_object **ret)
{
	_cleanup_(tokener_freep) struct json_tokener *tokener = NULL;
	_cleanup_(json_object_putp) json_object *root = NULL;
	enum json_tokener_error error;

	if (text.len > MIN(caps->bytes, (size_t)INT_MAX) || has_too_many_values(text, caps->values))
		return -EFBIG;
	tokener = json_tokener_new_ex(caps->depth);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	root = json_tokener_parse_ex(tokener, (const char *)text.p, (int)text.len);
	error = json_tokener_get_error(tokener);
	if (error == json_tokener_error_depth)
		return -EFBIG;
	if (error != json_tokener_success)
		return -EBADMSG;
	*ret = TAKE_PTR(root);
	return 0;
}
