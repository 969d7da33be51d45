/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kube/cgroup_name.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define UID   "11111111-2222-3333-4444-555555555555"
#define UID_  "11111111_2222_3333_4444_555555555555"
#define HASH  "0123456789abcdef0123456789abcdef" /* a static pod's */
#define POD   "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"

struct name_case {
	const char *name, *path;
	const char *workload; /* NULL: all of the path */
	const char *unit, *pod_uid, *container, *qos;
	bool infrastructure;
};

static const struct name_case names[] = {
	{ "systemd, burstable, containerd", POD "/cri-containerd-" ID ".scope", NULL,
	  "cri-containerd-" ID ".scope", UID, ID, "burstable", false },
	{ "systemd, best effort, crio",
	  "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice/crio-" ID
	  ".scope",
	  NULL, "crio-" ID ".scope", UID, ID, "besteffort", false },
	{ "systemd, guaranteed, docker",
	  "/kubepods.slice/kubepods-pod" UID_ ".slice/docker-" ID ".scope", NULL,
	  "docker-" ID ".scope", UID, ID, "guaranteed", false },
	{ "systemd, a static pod", "/kubepods.slice/kubepods-pod" HASH ".slice/crio-" ID ".scope",
	  NULL, "crio-" ID ".scope", HASH, ID, "guaranteed", true },
	{ "cgroupfs, burstable", "/kubepods/burstable/pod" UID "/" ID, NULL, "", UID, ID,
	  "burstable", false },
	{ "cgroupfs, best effort", "/kubepods/besteffort/pod" UID "/" ID, NULL, "", UID, ID,
	  "besteffort", false },
	{ "cgroupfs, guaranteed", "/kubepods/pod" UID "/" ID, NULL, "", UID, ID, "guaranteed",
	  false },
	{ "cgroupfs, crio", "/kubepods/pod" UID "/crio-" ID, NULL, "", UID, ID, "guaranteed",
	  false },
	{ "systemd, containerd of a name that NRI or an operator chose", POD "/k8s.io-" ID ".scope",
	  NULL, "k8s.io-" ID ".scope", UID, ID, "burstable", false },
	{ "systemd, below a root of the kubelet's own",
	  "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
	  "kubelet-kubepods-besteffort-pod" UID_ ".slice/cri-containerd-" ID ".scope",
	  NULL, "cri-containerd-" ID ".scope", UID, ID, "besteffort", false },
	{ "systemd, guaranteed below such a root",
	  "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_
	  ".slice/cri-containerd-" ID ".scope",
	  NULL, "cri-containerd-" ID ".scope", UID, ID, "guaranteed", false },
	{ "systemd, a static pod that is burstable",
	  "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" HASH
	  ".slice/cri-containerd-" ID ".scope",
	  NULL, "cri-containerd-" ID ".scope", HASH, ID, "burstable", true },
	{ "cri-o's container has a cgroup of its own below the scope",
	  POD "/crio-" ID ".scope/container", POD "/crio-" ID ".scope", "crio-" ID ".scope", UID,
	  ID, "burstable", false },
	{ "cgroupfs, kind's root", "/kubelet/kubepods/burstable/pod" UID "/" ID, NULL, "", UID, ID,
	  "burstable", false },
	{ "cgroupfs, a static pod", "/kubepods/burstable/pod" HASH "/" ID, NULL, "", HASH, ID,
	  "burstable", true },
	{ "cgroupfs, conmon in a pod is infrastructure",
	  "/kubepods/burstable/pod" UID "/crio-conmon-" ID, NULL, "", UID, ID, "burstable", true },
	{ "a runtime without systemd's driver under a kubelet with it",
	  "/system.slice/containerd.service/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" ID
	  "/x",
	  "/system.slice/containerd.service/kubepods-burstable-pod" UID_
	  ".slice:cri-containerd:" ID,
	  "", UID, ID, "burstable", false },
	{ "the same at the root", "/kubepods-pod" UID_ ".slice:crio:" ID, NULL, "", UID, ID,
	  "guaranteed", false },
	{ "the same below another service is that service's",
	  "/system.slice/evil.service/kubepods-pod" UID_ ".slice:crio:" ID,
	  "/system.slice/evil.service", "evil.service", "", "", "", false },
	{ "containerd's own namespace", "/k8s.io/" ID, NULL, "", "", ID, "", false },
	{ "a container whose name speaks of a class is of its pod's",
	  "/kubepods/pod" UID "/burstable", NULL, "", UID, "", "guaranteed", false },
	{ "a slice that only ends as a pod's is none",
	  "/x.slice/x-burstable-pod" UID_ ".slice/crio-" ID ".scope", NULL, "crio-" ID ".scope", "",
	  ID, "", false },
	{ "a pod's slice in a directory is none",
	  "/lxc.payload.a/kubepods-pod" UID_ ".slice/crio-" ID ".scope", NULL, "", "", ID, "",
	  false },
	{ "more behind a pod's uid makes it none", "/kubepods/pod" UID "1/" ID, NULL, "", "", ID,
	  "", false },
	{ "nor is a uid with its dashes elsewhere one",
	  "/kubepods/pod1111111-12222-3333-4444-555555555555/" ID, NULL, "", "", ID, "", false },
	{ "a pod's own cgroup has no container", POD, NULL, "", UID, "", "burstable", false },
	{ "a container's own cgroups belong to it", POD "/crio-" ID ".scope/system.slice/x.service",
	  POD "/crio-" ID ".scope", "crio-" ID ".scope", UID, ID, "burstable", false },
	{ "a pod's look-alike in a container is the container's",
	  POD "/crio-" ID ".scope" POD "/crio-" OTHER ".scope", POD "/crio-" ID ".scope",
	  "crio-" ID ".scope", UID, ID, "burstable", false },
	{ "a pod's look-alike in a service is the service's",
	  "/system.slice/evil.service" POD "/crio-" ID ".scope", "/system.slice/evil.service",
	  "evil.service", "", "", "", false },
	{ "a name that only begins as kubepods is no pod", "/x/kubepods/pod" UID "/y", NULL, "", "",
	  "", "", false },
	{ "a pod id that is too short is none", "/kubepods/pod1234/" ID, NULL, "", "", ID, "",
	  false },
	{ "a short container id is none", "/kubepods/pod" UID "/abc", NULL, "", UID, "",
	  "guaranteed", false },
	{ "a container id with more before it is none", "/kubepods/pod" UID "/f" ID, NULL, "", UID,
	  "", "guaranteed", false },

	{ "a service", "/system.slice/nginx.service", NULL, "nginx.service", "", "", "", false },
	{ "a service's own cgroups belong to it", "/system.slice/nginx.service/a/b",
	  "/system.slice/nginx.service", "nginx.service", "", "", "", false },
	{ "a scope below a service is the service's", "/system.slice/a.service/b.scope",
	  "/system.slice/a.service", "a.service", "", "", "", false },
	{ "a template's instance", "/system.slice/system-x.slice/x@1.service", NULL, "x@1.service",
	  "", "", "", false },
	{ "a user's units are the user's manager",
	  "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service",
	  "/user.slice/user-1000.slice/user@1000.service", "user@1000.service", "", "", "", false },
	{ "a session", "/user.slice/user-0.slice/session-3.scope", NULL, "session-3.scope", "", "",
	  "", false },
	{ "docker with systemd", "/system.slice/docker-" ID ".scope", NULL, "docker-" ID ".scope",
	  "", ID, "", false },
	{ "docker with cgroupfs", "/docker/" ID, NULL, "", "", ID, "", false },
	{ "what a cgroupfs container builds belongs to it", "/docker/" ID "/a/" OTHER,
	  "/docker/" ID, "", "", ID, "", false },
	{ "podman", "/machine.slice/libpod-" ID ".scope/container",
	  "/machine.slice/libpod-" ID ".scope", "libpod-" ID ".scope", "", ID, "", false },
	{ "a plain cgroup", "/batch/one", NULL, "", "", "", "", false },
	{ "a slice alone", "/system.slice", NULL, "", "", "", "", false },
	{ "a name that is only a suffix is no unit", "/a/.service/b", NULL, "", "", "", "", false },

	{ "the root is infrastructure", "/", NULL, "", "", "", "", true },
	{ "nothing is infrastructure", "", NULL, "", "", "", "", true },
	{ "gomemd is infrastructure", "/system.slice/gomemd.service", NULL, "gomemd.service", "",
	  "", "", true },
	{ "containerd is infrastructure", "/system.slice/containerd.service", NULL,
	  "containerd.service", "", "", "", true },
	{ "the kubelet is infrastructure", "/system.slice/kubelet.service", NULL, "kubelet.service",
	  "", "", "", true },
	{ "an agent of k3s is infrastructure", "/system.slice/k3s-agent.service", NULL,
	  "k3s-agent.service", "", "", "", true },
	{ "k3s with its shims is infrastructure", "/system.slice/k3s.service/x",
	  "/system.slice/k3s.service", "k3s.service", "", "", "", true },
	{ "PID 1 is infrastructure", "/init.scope", NULL, "init.scope", "", "", "", true },
	{ "conmon is infrastructure", "/machine.slice/libpod-conmon-" ID ".scope", NULL,
	  "libpod-conmon-" ID ".scope", "", ID, "", true },
	{ "conmon in a pod is infrastructure", POD "/crio-conmon-" ID ".scope", NULL,
	  "crio-conmon-" ID ".scope", UID, ID, "burstable", true },
	{ "a container that calls itself containerd is none",
	  POD "/crio-" ID ".scope/containerd.service", POD "/crio-" ID ".scope",
	  "crio-" ID ".scope", UID, ID, "burstable", false },
	{ "a unit like the kubelet's is none", "/system.slice/kubelet2.service", NULL,
	  "kubelet2.service", "", "", "", false },
};

static void test_name(void **state)
{
	const struct name_case *c = *state;
	struct cgroup_name name;

	assert_int_equal(cgroup_name_parse(c->path, &name), 0);
	assert_string_equal(name.workload, c->workload ? c->workload : c->path);
	assert_string_equal(name.unit, c->unit);
	assert_string_equal(name.pod_uid, c->pod_uid);
	assert_string_equal(name.container, c->container);
	assert_string_equal(name.qos, c->qos);
	assert_int_equal(cgroup_name_is_infrastructure(&name), c->infrastructure);
}

static void test_long(void **state)
{
	struct cgroup_name name, before;
	char path[4096];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	memset(&name, 7, sizeof(name));
	before = name;
	assert_int_equal(cgroup_name_parse(path, &name), -ENAMETOOLONG);
	assert_memory_equal(&name, &before, sizeof(name));
	path[512] = '\0';
	assert_int_equal(cgroup_name_parse(path, &name), -ENAMETOOLONG);
	path[511] = '\0';
	assert_int_equal(cgroup_name_parse(path, &name), 0);
	assert_int_equal(strlen(name.workload), 511);
}

static void test_deep(void **state)
{
	static const char workload[] = "/system.slice/a.service";
	struct cgroup_name name;
	char path[4096];
	size_t n = strlen(workload);

	(void)state;
	/* 4 KiB that a tenant has built below its own cgroup cost it nothing but its own depth. */
	memcpy(path, workload, n);
	for (; n + 3 < sizeof(path); n += 2)
		memcpy(path + n, "/b", 2);
	path[n] = '\0';
	assert_int_equal(cgroup_name_parse(path, &name), 0);
	assert_string_equal(name.workload, workload);
}

static void test_long_parts(void **state)
{
	struct cgroup_name name;
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "/system.slice/%0300d.service", 1);
	assert_int_equal(cgroup_name_parse(path, &name), 0);
	assert_int_equal(strlen(name.unit), sizeof(name.unit) - 1);
	snprintf(path, sizeof(path), "/kubepods/pod%0200d/x", 1);
	assert_int_equal(cgroup_name_parse(path, &name), 0);
	assert_string_equal(name.pod_uid, "");
}

struct service_case {
	const char *name, *path;
	bool service;
};

static const struct service_case services[] = {
	{ "a service is one", "/system.slice/app.service", true },
	{ "an instance is", "/system.slice/system-app.slice/app@one.service/sub", true },
	{ "a service in a slice of its own is", "/web.slice/app-1_2:3.service", true },
	{ "a scope is none", "/system.slice/run-1.scope", false },
	{ "what a user's manager runs is none",
	  "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", false },
	{ "a container is none", POD "/crio-" ID ".scope", false },
	{ "a look-alike in a container is none", "/docker/x.service", false },
	{ "a name that systemd would write in another way is none", "/system.slice/_x.service",
	  false },
	{ "nor is one with a blank", "/system.slice/a b.service", false },
	{ "nor one with a line in it", "/system.slice/a\nb.service", false },
	{ "nor one that looks like an option", "/system.slice/-x.service", false },
	{ "nor a slice", "/system.slice", false },
};

static void test_service(void **state)
{
	const struct service_case *c = *state;
	struct cgroup_name name;

	assert_int_equal(cgroup_name_parse(c->path, &name), 0);
	assert_int_equal(cgroup_name_is_service(&name), c->service);
}

/* Whom the kubelet's files may name. */
static const struct service_case kubernetes[] = {
	{ "a pod's container", POD "/cri-containerd-" ID ".scope", true },
	{ "a pod's cgroup, whatever is in it", "/kubepods/pod" UID "/x", true },
	{ "what containerd makes by itself", "/k8s.io/" ID, true },
	{ "an id that anybody may have chosen", "/lxc.payload.a/" ID, false },
	{ "a look-alike of a pod where there is none",
	  "/lxc.payload.a/kubepods-pod" UID_ ".slice/crio-" ID ".scope", false },
	{ "a service", "/system.slice/api.service", false },
};

static void test_kubernetes(void **state)
{
	const struct service_case *c = *state;
	struct cgroup_name name;

	assert_int_equal(cgroup_name_parse(c->path, &name), 0);
	assert_int_equal(cgroup_name_is_kubernetes(&name), c->service);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a workload's path that does not fit is told", test_long),
	SUITE_TEST("4 KiB below a workload are the workload", test_deep),
	SUITE_TEST("a unit that is too long is cut, a pod's uid is none", test_long_parts),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_name, names);
	SUITE_TABLE(&s, test_service, services);
	SUITE_TABLE(&s, test_kubernetes, kubernetes);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "cgroup_name");
}
