/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/clock.h"

/*
 * A container's names, as the kubelet files its logs below /var/log: the link containers/POD_NAMESPACE_CONTAINER-ID.log,
 * cut at the 255 bytes that a file name may have, and the directory pods/NAMESPACE_POD_UID/CONTAINER. The directory is
 * there before the container is, the link comes after its start. "" is not known.
 * Sources: Kubernetes pkg/kubelet/kuberuntime/legacy.go and helpers.go; for what a name may be made of,
 * apimachinery/pkg/util/validation (RFC 1123).
 */
struct pod_name {
	char space[64], pod[254], container[64];
};

enum {
	PODS_FILES_MAX = 8192, /* of a directory; what is beyond is counted and left out */
	POD_NAME_PARTIAL = 1,  /* namespace and pod, but not the container */
};

/* The names in a directory, read anew when it has changed. */
struct pod_listing {
	char **names;
	size_t n, room;
	struct timespec changed; /* the directory's own time of it */
	uint64_t inode;
	usec_t read; /* when it was, by the wall clock; 0: never */
	bool there;
};

struct pod_index {
	struct pod_listing containers, pods;
	uint64_t generation; /* another one where an answer may be */
	uint64_t reads, left_out;
};

void pod_index_done(struct pod_index *x);

/*
 * Looks whether anything has changed below @logs (/var/log; -1: nothing is there), and reads what has: twice in a
 * twentieth of a second at most. A directory that anybody may write to is left out. @wall: now, by the wall clock.
 */
void pod_index_refresh(struct pod_index *x, int logs, usec_t wall);

/* Is there anything that names could be taken from? */
bool pod_index_there(const struct pod_index *x);

/*
 * Names the container @id of pod @uid, either may be "", by what the last refresh found. Where the two directories do
 * not agree the pod's own is believed, and the container stays without a name. Returns 0, POD_NAME_PARTIAL, or
 * -ENOENT.
 */
int pod_index_find(const struct pod_index *x, int logs, const char *uid, const char *id,
		   struct pod_name *ret);

/* Splits the name of a link, if it is container @id's; of a pod's directory, if it is that of @uid. 0 or -EINVAL. */
int pods_parse(const char *file, const char *id, struct pod_name *ret);
int pods_parse_directory(const char *name, const char *uid, struct pod_name *ret);
