/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * What a cgroup's path tells by itself. Only the container runtime and the service manager can make these names.
 * Sources: Kubernetes pkg/kubelet/cm/{cgroup_manager_linux,pod_container_manager_linux}.go and
 * pkg/kubelet/config/common.go (a static pod's uid), containerd internal/cri (SLICE:cri-containerd:ID), CRI-O
 * internal/config/cgmgr (crio-ID, crio-conmon-ID).
 */
struct cgroup_name {
	char workload
		[512];	/* the outermost cgroup that a service manager or container runtime named */
	char unit[256]; /* its systemd unit, "" where it is none */
	char pod_uid[40];   /* with dashes, but for a static pod's; "" outside Kubernetes */
	char container[72]; /* container id, "" where the path has none */
	char qos[16];	    /* guaranteed, burstable, besteffort */
};

/*
 * @path starts with a slash. Everything below the workload's cgroup is the tenant's own and belongs to it, a
 * look-alike of a pod's path too. Returns 0, or -ENAMETOOLONG where the workload's path does not fit.
 */
int cgroup_name_parse(const char *path, struct cgroup_name *ret);

/*
 * True for a service of the system's own manager, whose name it would take as it is: not a scope, a container, or what
 * a user's manager runs in user@.service.
 */
bool cgroup_name_is_service(const struct cgroup_name *name);

/* True for a pod of the node's own, from a file: its uid is the hash of that, without dashes. */
bool cgroup_name_is_static_pod(const struct cgroup_name *name);

/*
 * May the node's files be asked what it is called? By the pod's uid, or by a container's id where containerd makes the
 * directory itself (/k8s.io/ID); any other id is the word of whoever made it.
 */
bool cgroup_name_is_kubernetes(const struct cgroup_name *name);

/*
 * True for what is never governed unless a policy names exactly this cgroup: gomemd itself, container runtimes,
 * the kubelet, init, static pods.
 */
bool cgroup_name_is_infrastructure(const struct cgroup_name *name);
