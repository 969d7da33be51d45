/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/identity_json.h"
#include "kube/owner.h"
#include "wire/json.h"

static void put(json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, text[0] ? json_escaped(text) : NULL);
}

json_object *kube_identity_json(const struct cgroup_name *name, const struct pod_name *pod)
{
	char owner[sizeof(pod->pod)];
	json_object *o;

	if (!name->pod_uid[0] && !pod->pod[0])
		return NULL;
	pod_owner_of(pod->pod, owner, sizeof(owner));
	o = json_object_new_object();
	put(o, "namespace", pod->space);
	put(o, "pod", pod->pod);
	put(o, "container", pod->container);
	put(o, "pod_uid", name->pod_uid);
	put(o, "container_id", name->container);
	put(o, "qos", name->qos);
	put(o, "owner", owner);
	json_put_bool(o, "static_pod", cgroup_name_is_static_pod(name));
	return o;
}
