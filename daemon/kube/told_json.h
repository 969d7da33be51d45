/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "kube/index.h"

/*
 * Adds to @to, what kube_identity_json has made, or NULL, what the API server says of @pod and of the container of that name
 * ("": not known), as gomemctl(1) has the members; nothing where @pod is NULL but the namespace's mode, NULL where it has none.
 * @owner takes the place of what the pod's name lets guess.
 */
void kube_told_json(json_object *to, const struct kube_object *pod, const char *container,
		    const char *owner, const char *space_mode);
