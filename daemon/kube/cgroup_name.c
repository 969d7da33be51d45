/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "kube/cgroup_name.h"

enum {
	UID_BYTES = 36,
	UID_HASH_BYTES = 32, /* a static pod's: MD5 of its file */
	ID_BYTES = 64,
};

/* On the way down a path. */
struct walk {
	bool slices; /* so far these alone, which only the service manager makes */
	bool in_pod; /* the last part was a pod's */
};

static bool is_text(const char *s, size_t len, const char *text)
{
	return len == strlen(text) && !strncmp(s, text, len);
}

static bool has_suffix(const char *s, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && !strncmp(s + len - n, suffix, n);
}

/* 32 hexadecimal digits, or 36 bytes with dashes (or what systemd has for them) where RFC 4122 wants them. */
static bool take_uid(const char *uid, size_t len, struct cgroup_name *name)
{
	char copy[sizeof(name->pod_uid)];

	if (len != UID_HASH_BYTES && len != UID_BYTES)
		return false;
	for (size_t i = 0; i < len; i++) {
		const bool dash = len == UID_BYTES && (i == 8 || i == 13 || i == 18 || i == 23);

		if (dash ? uid[i] != '-' && uid[i] != '_' : !isxdigit((unsigned char)uid[i]))
			return false;
		copy[i] = dash ? '-' : uid[i];
	}
	memcpy(name->pod_uid, copy, len);
	name->pod_uid[len] = '\0';
	return true;
}

/* "kubepods", "kubepods-burstable", "kubelet-kubepods-besteffort": what stands before a pod's own part. */
static bool take_class(const char *s, size_t len, char between, struct cgroup_name *name)
{
	static const char *const classes[] = { "burstable", "besteffort" };
	const char *qos = "guaranteed";

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		const size_t n = strlen(classes[i]) + 1;

		if (len > n && s[len - n] == between && has_suffix(s, len, classes[i])) {
			qos = classes[i];
			len -= n;
			break;
		}
	}
	if (!is_text(s, len, "kubepods") && !has_suffix(s, len, "-kubepods") &&
	    !has_suffix(s, len, "/kubepods"))
		return false;
	snprintf(name->qos, sizeof(name->qos), "%s", qos);
	return true;
}

/* The systemd driver's "kubepods[-CLASS]-podUID.slice", the dashes of the uid as underscores; @len without ".slice". */
static bool parse_pod_slice(const char *part, size_t len, struct cgroup_name *name)
{
	static const size_t lengths[] = { UID_BYTES, UID_HASH_BYTES };
	struct cgroup_name pod = *name;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		const size_t n = lengths[i] + strlen("-pod");

		if (len <= n || strncmp(part + len - n, "-pod", 4) != 0 ||
		    !take_uid(part + len - lengths[i], lengths[i], &pod) ||
		    !take_class(part, len - n, '-', &pod))
			continue;
		*name = pod;
		return true;
	}
	return false;
}

/*
 * The cgroupfs driver's "/kubepods[/CLASS]/podUID", from the root or below /kubelet, where kind has it; anywhere else
 * it may be the word of a tenant whose container is named as no runtime does it.
 */
static bool parse_pod_directory(const char *path, const char *part, size_t len,
				struct cgroup_name *name)
{
	struct cgroup_name pod = *name;

	if (strncmp(path, "/kubepods/", 10) != 0 && strncmp(path, "/kubelet/kubepods/", 18) != 0)
		return false;
	if (len <= 3 || strncmp(part, "pod", 3) != 0 || !take_uid(part + 3, len - 3, &pod) ||
	    !take_class(path + 1, (size_t)(part - path) - 2, '/', &pod))
		return false;
	*name = pod;
	return true;
}

/* "cri-containerd-<id>.scope", "crio-<id>.scope", "docker-<id>.scope", or the bare id. Returns whether it is one. */
static bool parse_container(const char *part, size_t len, struct cgroup_name *name)
{
	size_t start;

	if (has_suffix(part, len, ".scope"))
		len -= strlen(".scope");
	for (start = len; start > 0 && isxdigit((unsigned char)part[start - 1]); start--)
		;
	if (len - start != ID_BYTES ||
	    (start > 0 && part[start - 1] != '-' && part[start - 1] != ':'))
		return false;
	snprintf(name->container, sizeof(name->container), "%.64s", part + start);
	return true;
}

/*
 * What a runtime without systemd's driver makes of a kubelet that has it: "kubepods-CLASS-podUID.slice:cri-containerd:ID",
 * taken for a directory's name, below the runtime's own service or the root.
 */
static bool parse_unsplit(const char *part, size_t len, struct cgroup_name *name)
{
	const char *colon = memchr(part, ':', len);
	struct cgroup_name pod = *name;
	size_t n = colon ? (size_t)(colon - part) : 0;

	if (!colon || !has_suffix(part, n, ".slice") || !parse_pod_slice(part, n - 6, &pod) ||
	    !parse_container(part, len, &pod))
		return false;
	*name = pod;
	return true;
}

static bool is_runtime(const char *part, size_t len)
{
	return is_text(part, len, "containerd.service") || is_text(part, len, "crio.service");
}

/* One step down: is @part where the workload's part of the path ends? */
static bool step(const char *path, const char *part, size_t len, struct walk *walk,
		 struct cgroup_name *name)
{
	const bool unit = has_suffix(part, len, ".service") || has_suffix(part, len, ".scope");

	/* Only below slices alone is a unit this systemd's; in a container of another kind it is the tenant's word. */
	if (unit && walk->slices)
		snprintf(name->unit, sizeof(name->unit), "%.*s", (int)len, part);
	if (unit || walk->in_pod) {
		parse_container(part, len, name);
		return true;
	}
	if (walk->slices && has_suffix(part, len, ".slice")) {
		walk->in_pod = parse_pod_slice(part, len - 6, name);
		return false;
	}
	if (walk->slices && parse_unsplit(part, len, name))
		return true;
	walk->slices = false;
	walk->in_pod = parse_pod_directory(path, part, len, name);
	/* docker's cgroupfs driver: /docker/<id>; in a pod the container comes with the next step. */
	return !walk->in_pod && parse_container(part, len, name);
}

/* Length of the workload's part of the path, by the first component that somebody in charge has named. */
static size_t workload_length(const char *path, struct cgroup_name *name)
{
	struct walk walk = { .slices = true };
	const char *part = path;

	while (*part == '/' && part[1]) {
		const char *next = part + 1 + strcspn(part + 1, "/");
		size_t len = (size_t)(next - ++part);

		if (walk.slices && is_runtime(part, len) && *next == '/' &&
		    parse_unsplit(next + 1, strcspn(next + 1, "/"), name))
			return (size_t)(next + 1 + strcspn(next + 1, "/") - path);
		if (step(path, part, len, &walk, name))
			return (size_t)(next - path);
		part = next;
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
	*ret = name;
	return 0;
}

/* As systemd has them; a cgroup's name that begins with '_' or '.' is none as it is (systemd.unit(5), cg_escape). */
static bool is_unit_name(const char *name)
{
	static const char others[] = ":-_.\\@";

	if (name[0] == '_' || name[0] == '.' || name[0] == '-')
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr(others, *c))
			return false;
	return true;
}

bool cgroup_name_is_service(const struct cgroup_name *name)
{
	const size_t len = strlen(name->unit);

	return has_suffix(name->unit, len, ".service") && is_unit_name(name->unit) &&
	       !name->container[0] && !name->pod_uid[0] &&
	       strncmp(name->unit, "user@", strlen("user@")) != 0;
}

/* conmon runs beside its container in a scope of the runtime's own, with cri-o inside the pod as well. */
static bool is_monitor(const struct cgroup_name *name)
{
	const char *slash = strrchr(name->workload, '/'),
		   *base = slash ? slash + 1 : name->workload;

	return name->container[0] && (!strncmp(base, "crio-conmon-", strlen("crio-conmon-")) ||
				      !strncmp(base, "libpod-conmon-", strlen("libpod-conmon-")));
}

bool cgroup_name_is_static_pod(const struct cgroup_name *name)
{
	return name->pod_uid[0] && !strchr(name->pod_uid, '-');
}

bool cgroup_name_is_infrastructure(const struct cgroup_name *name)
{
	static const char *const units[] = {
		"gomemd.service",
		"containerd.service",
		"crio.service",
		"docker.service",
		"kubelet.service",
		"k3s.service",
		"k3s-agent.service",
		"rke2-server.service",
		"rke2-agent.service",
		"k0scontroller.service",
		"k0sworker.service",
		"snap.microk8s.daemon-containerd.service",
		"snap.microk8s.daemon-kubelite.service",
		"cri-docker.service",
		"podman.service",
		"init.scope",
	};

	if (!strcmp(name->workload, "/") || !name->workload[0])
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(units) && !name->pod_uid[0]; i++)
		if (!strcmp(name->unit, units[i]))
			return true;
	return is_monitor(name) || cgroup_name_is_static_pod(name);
}

bool cgroup_name_is_kubernetes(const struct cgroup_name *name)
{
	return name->pod_uid[0] || (name->container[0] && !strncmp(name->workload, "/k8s.io/", 8));
}
