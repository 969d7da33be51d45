/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/calls.h"
#include "cli/look.h"
#include "wire/json.h"

void calls_put_one(json_object *o, const struct call_site *call)
{
	json_object_object_add(o, "function", json_escaped(call->function));
	json_object_object_add(o, "file", json_escaped(call->file));
	json_put_u64(o, "line", call->line);
}

void calls_put_callers(json_object *o, const struct call_site *callers, uint32_t n)
{
	json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < n; i++) {
		json_object *call = json_object_new_object();

		calls_put_one(call, &callers[i]);
		json_object_array_add(list, call);
	}
	json_object_object_add(o, "callers", list);
}
