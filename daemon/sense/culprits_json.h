/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "sense/culprits.h"

/* What the daemon and gomemctl tell of one whose name is known, the caller's. Texts are escaped. */
json_object *culprit_json(const struct culprit *c);

/* The first @top of a ranking that have names, and of the others those that are suspects. */
json_object *culprits_json(const struct culprit_sources *of, size_t top);
