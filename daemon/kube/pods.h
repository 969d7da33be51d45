/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A container's names, as the kubelet files its logs: POD_NAMESPACE_CONTAINER-ID.log. */
struct pod_name {
	char space[256], pod[256], container[256];
};

/*
 * Looks in @dir (/var/log/containers) for container id @id. Returns 0, or -ENOENT; -errno where the directory cannot
 * be read.
 */
int pods_find(const char *dir, const char *id, struct pod_name *ret);

/* Splits one file name. Returns 0 or -EINVAL. */
int pods_parse(const char *file, const char *id, struct pod_name *ret);
