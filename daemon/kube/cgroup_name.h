/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What a cgroup's path tells by itself. Only the container runtime and the service manager can make these names. */
struct cgroup_name {
	char workload
		[512];	/* the outermost cgroup that a service manager or container runtime named */
	char unit[256]; /* its systemd unit, "" where it is none */
	char pod_uid[40];   /* with dashes; "" outside Kubernetes */
	char container[72]; /* container id, "" where the path has none */
	char qos[16];	    /* guaranteed, burstable, besteffort */
};

/*
 * @path starts with a slash. Everything below the workload's cgroup is the tenant's own and belongs to it, a
 * look-alike of a pod's path too. Returns 0, or -ENAMETOOLONG where the workload's path does not fit.
 */
int cgroup_name_parse(const char *path, struct cgroup_name *ret);

/*
 * True for what is never governed unless a policy names exactly this cgroup: gomemd itself, container runtimes,
 * the kubelet, init, static pods.
 */
bool cgroup_name_is_infrastructure(const struct cgroup_name *name);
