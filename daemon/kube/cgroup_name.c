/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "kube/cgroup_name.h"

static bool has_suffix(const char *s, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && !strncmp(s + len - n, suffix, n);
}

/*
 * A pod's part of the path: "pod<uid>" with the cgroupfs driver, "kubepods[-qos]-pod<uid>.slice" with systemd's, its
 * dashes as underscores.
 */
static bool parse_pod(const char *part, size_t len, struct cgroup_name *name)
{
	const char *uid = memmem(part, len, "pod", 3);
	size_t n = 0;

	if (!strncmp(part, "kubepods", MIN(len, (size_t)8))) {
		uid = memmem(part, len, "-pod", 4);
		uid = uid ? uid + 1 : NULL;
	} else if (uid != part) {
		return false;
	}
	if (!uid)
		return false;
	for (uid += 3; uid + n < part + len && n + 1 < sizeof(name->pod_uid); n++) {
		if (!isxdigit((unsigned char)uid[n]) && uid[n] != '-' && uid[n] != '_')
			break;
		name->pod_uid[n] = uid[n] == '_' ? '-' : uid[n];
	}
	if (n < 32)
		n = 0;
	name->pod_uid[n] = '\0';
	return n > 0;
}

/* "cri-containerd-<id>.scope", "crio-<id>.scope", "docker-<id>.scope", or the bare id. Returns whether it is one. */
static bool parse_container(const char *part, size_t len, struct cgroup_name *name)
{
	size_t n = 0, start;

	if (has_suffix(part, len, ".scope"))
		len -= strlen(".scope");
	for (start = len; start > 0 && isxdigit((unsigned char)part[start - 1]); start--)
		;
	n = len - start;
	if (n != 64 || (start > 0 && part[start - 1] != '-'))
		return false;
	snprintf(name->container, sizeof(name->container), "%.64s", part + start);
	return true;
}

static void parse_qos(const char *path, struct cgroup_name *name)
{
	const char *qos = "guaranteed";

	if (strstr(path, "burstable"))
		qos = "burstable";
	else if (strstr(path, "besteffort"))
		qos = "besteffort";
	snprintf(name->qos, sizeof(name->qos), "%s", qos);
}

/* Length of the workload's part of the path, by the first component that somebody in charge has named. */
static size_t workload_length(const char *path, struct cgroup_name *name)
{
	bool pods = !strncmp(path, "/kubepods", 9), in_pod = false;
	/* Only below slices alone is a unit this systemd's; in a container of another kind it is the tenant's word. */
	bool slices = true;
	const char *part = path;

	while (*part == '/' && part[1]) {
		size_t len = strcspn(++part, "/");

		if (in_pod) {
			parse_container(part, len, name);
			if (has_suffix(part, len, ".scope"))
				snprintf(name->unit, sizeof(name->unit), "%.*s", (int)len, part);
			return (size_t)(part + len - path);
		}
		if (has_suffix(part, len, ".service") || has_suffix(part, len, ".scope")) {
			if (slices)
				snprintf(name->unit, sizeof(name->unit), "%.*s", (int)len, part);
			parse_container(part, len, name);
			return (size_t)(part + len - path);
		}
		slices &= has_suffix(part, len, ".slice");
		if (pods)
			in_pod = parse_pod(part, len, name);
		else if (parse_container(part, len,
					 name)) /* docker's cgroupfs driver: /docker/<id> */
			return (size_t)(part + len - path);
		part += len;
	}
	return strlen(path);
}

int cgroup_name_parse(const char *path, struct cgroup_name *ret)
{
	struct cgroup_name name = { 0 };
	size_t len = workload_length(path, &name);

	if (len >= sizeof(name.workload))
		return -ENAMETOOLONG;
	memcpy(name.workload, path, len);
	name.workload[len] = '\0';
	if (name.pod_uid[0])
		parse_qos(name.workload, &name);
	*ret = name;
	return 0;
}

bool cgroup_name_is_infrastructure(const struct cgroup_name *name)
{
	static const char *const units[] = { "gomemd.service",	   "containerd.service",
					     "crio.service",	   "docker.service",
					     "kubelet.service",	   "k3s.service",
					     "cri-docker.service", "podman.service",
					     "init.scope" };

	if (!strcmp(name->workload, "/") || !name->workload[0])
		return true;
	/* conmon runs beside its container in a scope of the runtime's own, with cri-o inside the pod as well. */
	if (!strncmp(name->unit, "crio-conmon-", strlen("crio-conmon-")) ||
	    !strncmp(name->unit, "libpod-conmon-", strlen("libpod-conmon-")))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(units) && !name->pod_uid[0]; i++)
		if (!strcmp(name->unit, units[i]))
			return true;
	/* A static pod's uid is the hash of its file, without dashes: the control plane's own. */
	return name->pod_uid[0] && !strchr(name->pod_uid, '-');
}
