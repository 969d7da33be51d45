/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/cgroup_base.h"
#include "kube/cgroup_name.h"
#include "kube/pods.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define UID "11111111-2222-3333-4444-555555555555"

static void check_name(const char *path)
{
	struct cgroup_name name, again;

	if (cgroup_name_parse(path, &name) < 0)
		return;
	/* The workload's path is the beginning of the path, at a whole part of it. */
	if (strncmp(path, name.workload, strlen(name.workload)))
		abort();
	if (path[strlen(name.workload)] && path[strlen(name.workload)] != '/')
		abort();
	if (name.container[0] && strspn(name.container, "0123456789abcdefABCDEF") != 64)
		abort();
	if (name.pod_uid[0] && (strlen(name.pod_uid) < 32 || !name.qos[0]))
		abort();
	/* It is its own workload: what is below it changes nothing. */
	if (cgroup_name_parse(name.workload, &again) < 0 || strcmp(again.workload, name.workload) ||
	    strcmp(again.unit, name.unit) || strcmp(again.container, name.container) ||
	    strcmp(again.pod_uid, name.pod_uid) ||
	    cgroup_name_is_infrastructure(&again) != cgroup_name_is_infrastructure(&name))
		abort();
}

/* Names are such that they may go everywhere, and are never cut. */
static void check_names(const struct pod_name *pod)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";

	if (!pod->space[0] || pod->space[strspn(pod->space, characters)] || !pod->pod[0] ||
	    pod->pod[strspn(pod->pod, characters)] ||
	    pod->container[strspn(pod->container, characters)])
		abort();
}

static void check_pod(const char *file)
{
	struct pod_name pod;

	if (pods_parse(file, ID, &pod) == 0) {
		check_names(&pod);
		if (!pod.container[0])
			abort();
	}
	if (pods_parse_directory(file, UID, &pod) == 0)
		check_names(&pod);
}

/* What it is for a container: never above the tree, and the way back is what it was. */
static void check_base(const char *path)
{
	static const char base[] = "/pods.slice/pod.slice/c.scope";
	char whole[4500], again[4500];

	if (cgroup_base_resolve(base, path, whole, sizeof(whole)) < 0)
		return;
	if (whole[0] != '/' || !strncmp(whole, "/../", 4) || !strcmp(whole, "/.."))
		abort();
	if (cgroup_base_resolve("", whole, again, sizeof(again)) < 0 || strcmp(whole, again) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[4401];

	if (size >= sizeof(path) - 1)
		return 0;
	path[0] = '/';
	memcpy(path + 1, data, size);
	path[size + 1] = '\0';
	check_name(path);
	check_pod(path + 1);
	check_base(path);
	return 0;
}
