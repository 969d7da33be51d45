/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kube/cgroup_name.h"
#include "report/audit.h"

#define ID   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID  "11111111-2222-3333-4444-555555555555"
#define PATH "/kubepods/burstable/pod" UID "/" ID

/* The fields of a record on a workload, by what is known of it; "" where a field must not be there. */
struct fields_case {
	const char *name, *path, *space, *pod, *container;
	const char *uid, *id, *qos;
};

static const struct fields_case cases[] = {
	{ "a container by all its names", PATH, "shop", "web-0", "api", UID, ID, "burstable" },
	{ "one that is not named yet", PATH, "", "", "", UID, ID, "burstable" },
	{ "one whose pod is known", PATH, "shop", "web-0", "", UID, ID, "burstable" },
	{ "a service has none of it", "/system.slice/a.service", "", "", "", "", "", "" },
	{ "a container outside Kubernetes has its id alone", "/docker/" ID, "", "", "", "", ID,
	  "" },
};

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* A line NAME=VALUE, or none of that name where @value is "". */
static void assert_field(const char *record, const char *name, const char *value)
{
	char line[512];

	snprintf(line, sizeof(line), "\n%s=%s%s", name, value, value[0] ? "\n" : "");
	assert_true((strstr(record, line) != NULL) == (value[0] != '\0'));
}

static void test_fields(void **state)
{
	const struct fields_case *c = *state;
	struct cgroup_name name;
	struct pod_name pod;
	const struct audit_subject subject = {
		.workload = "it", .cgroup = c->path, .name = &name, .pod = &pod
	};
	char path[64], record[16384];
	struct journal *j;
	ssize_t n;
	int fd;

	assert_int_equal(cgroup_name_parse(c->path, &name), 0);
	snprintf(pod.space, sizeof(pod.space), "%s", c->space);
	snprintf(pod.pod, sizeof(pod.pod), "%s", c->pod);
	snprintf(pod.container, sizeof(pod.container), "%s", c->container);
	snprintf(path, sizeof(path), "/tmp/test-audit.%d", getpid());
	unlink(path);
	fd = listen_at(path);
	assert_int_equal(journal_open(path, &j), 0);
	audit_manual(j, &subject, 7, LEVER_GOGC, 30, 50);
	n = recv(fd, record, sizeof(record) - 1, 0);
	assert_true(n > 0);
	record[n] = '\0';
	journal_close(j);
	close(fd);
	unlink(path);
	assert_field(record, "GOMEMD_CGROUP", c->path);
	assert_field(record, "GOMEMD_NAMESPACE", c->space);
	assert_field(record, "GOMEMD_POD", c->pod);
	assert_field(record, "GOMEMD_CONTAINER", c->container);
	assert_field(record, "GOMEMD_POD_UID", c->uid);
	assert_field(record, "GOMEMD_CONTAINER_ID", c->id);
	assert_field(record, "GOMEMD_QOS", c->qos);
}

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_fields, cases);
	return suite_run(&s, "audit");
}
