/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "kube/cgroup_name.h"
#include "kube/pods.h"

/*
 * What is known of a container of Kubernetes', as gomemctl(1) has the members; null for what is in no pod. What is not
 * known is null. The caller's.
 */
json_object *kube_identity_json(const struct cgroup_name *name, const struct pod_name *pod);
