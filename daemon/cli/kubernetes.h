/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

/* What explain's member kubernetes says, for a person; nothing where it is NULL. */
void kubernetes_print(json_object *k);

/* Whose word the mode is, by the answer's mode_source and scope, for a person. */
void kubernetes_print_source(json_object *explain);
