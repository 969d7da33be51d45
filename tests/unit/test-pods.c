/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <fcntl.h>
#include <time.h>

#include "base/util.h"
#include "fixture/tree.h"
#include "kube/pods.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define UID   "11111111-2222-3333-4444-555555555555"
#define UID2  "99999999-2222-3333-4444-555555555555"
#define HASH  "0123456789abcdef0123456789abcdef"
#define P50   "p23456789-p23456789-p23456789-p23456789-p23456789p"
#define P200  P50 P50 P50 P50

struct file_case {
	const char *name, *file;
	int r;
	const char *pod, *space, *container;
};

static const struct file_case files[] = {
	{ "a pod's container", "web-7d4b9c6f5-x2x9z_default_nginx-" ID ".log", 0,
	  "web-7d4b9c6f5-x2x9z", "default", "nginx" },
	{ "names with dashes and dots", "a.b-c_kube-system_my-side-car-" ID ".log", 0, "a.b-c",
	  "kube-system", "my-side-car" },
	{ "cut at the 255 bytes of a file's name",
	  P200 "_default_nginx-0123456789abcdef01234567"
	       "89abcdef0123.log",
	  0, P200, "default", "nginx" },
	{ "cut before there is enough of the id",
	  P200 "_default_nginx-and-so-on-and-so-on-and-so-a-0123456.log", -EINVAL, "", "", "" },
	{ "a short id in a name that was not cut", "web_default_nginx-0123456789abcdef.log",
	  -EINVAL, "", "", "" },
	{ "another container is not it", "web_default_nginx-" OTHER ".log", -EINVAL, "", "", "" },
	{ "no container's name is refused", "web_default_-" ID ".log", -EINVAL, "", "", "" },
	{ "no dash is refused", "web_default_nginx" ID ".log", -EINVAL, "", "", "" },
	{ "no namespace is refused", "web_nginx-" ID ".log", -EINVAL, "", "", "" },
	{ "another suffix is refused", "web_default_nginx-" ID ".log.gz", -EINVAL, "", "", "" },
	{ "no suffix is refused", "web_default_nginx-" ID, -EINVAL, "", "", "" },
	{ "nothing is refused", "", -EINVAL, "", "", "" },
	{ "separators alone are refused", "__", -EINVAL, "", "", "" },
	{ "a suffix alone is refused", ".log", -EINVAL, "", "", "" },
	{ "a line's end in a name is refused", "we\nb_default_nginx-" ID ".log", -EINVAL, "", "",
	  "" },
	{ "an escape in a name is refused", "web_def\033[31m_nginx-" ID ".log", -EINVAL, "", "",
	  "" },
	{ "upper case is refused", "Web_default_nginx-" ID ".log", -EINVAL, "", "", "" },
	{ "a dot in a namespace is refused", "web_a.b_nginx-" ID ".log", -EINVAL, "", "", "" },
	{ "a path is refused", "../web_default_nginx-" ID ".log", -EINVAL, "", "", "" },
	{ "a third separator is refused", "web_default_a_b-" ID ".log", -EINVAL, "", "", "" },
	{ "a dash at an end is refused", "-web_default_nginx-" ID ".log", -EINVAL, "", "", "" },
	{ "a pattern in a name is refused", "*_default_nginx-" ID ".log", -EINVAL, "", "", "" },
	{ "a namespace that is too long is refused", "web_" P50 P50 "_nginx-" ID ".log", -EINVAL,
	  "", "", "" },
};

static void test_file(void **state)
{
	const struct file_case *c = *state;
	struct pod_name name = { .space = "" };

	assert_int_equal(pods_parse(c->file, ID, &name), c->r);
	assert_string_equal(name.pod, c->pod);
	assert_string_equal(name.space, c->space);
	assert_string_equal(name.container, c->container);
}

struct directory_case {
	const char *name, *file, *uid;
	int r;
	const char *space, *pod;
};

static const struct directory_case directories[] = {
	{ "a pod", "shop_web-0_" UID, UID, 0, "shop", "web-0" },
	{ "a static pod", "kube-system_etcd-node1_" HASH, HASH, 0, "kube-system", "etcd-node1" },
	{ "another pod", "shop_web-0_" UID2, UID, -EINVAL, "", "" },
	{ "no uid is nobody's", "shop_web-0_", "", -EINVAL, "", "" },
	{ "two parts", "shop_" UID, UID, -EINVAL, "", "" },
	{ "a hostile namespace", "sh\033op_web-0_" UID, UID, -EINVAL, "", "" },
	{ "no namespace", "_web-0_" UID, UID, -EINVAL, "", "" },
};

static void test_directory(void **state)
{
	const struct directory_case *c = *state;
	struct pod_name name = { .space = "" };

	assert_int_equal(pods_parse_directory(c->file, c->uid, &name), c->r);
	assert_string_equal(name.space, c->space);
	assert_string_equal(name.pod, c->pod);
	assert_string_equal(name.container, "");
}

/* What is below /var/log, separated by blanks; a directory ends with a slash. */
struct find_case {
	const char *name, *tree, *uid, *id;
	int r;
	const char *full; /* namespace/pod/container */
};

static const struct find_case finds[] = {
	{ "nothing is there", "", UID, ID, -ENOENT, "" },
	{ "by the link alone", "containers/web_shop_api-" ID ".log", "", ID, 0, "shop/web/api" },
	{ "the directory is there before the link", "pods/shop_web_" UID "/", UID, ID,
	  POD_NAME_PARTIAL, "shop/web/" },
	{ "the only container of a pod needs no link", "pods/shop_web_" UID "/api/", UID, ID, 0,
	  "shop/web/api" },
	{ "of several it takes the link", "pods/shop_web_" UID "/api/ pods/shop_web_" UID "/init/",
	  UID, ID, POD_NAME_PARTIAL, "shop/web/" },
	{ "and is found by it",
	  "pods/shop_web_" UID "/api/ pods/shop_web_" UID "/init/ "
	  "containers/web_shop_init-" OTHER ".log containers/web_shop_api-" ID ".log",
	  UID, ID, 0, "shop/web/api" },
	{ "a link that speaks of another pod is not believed",
	  "pods/shop_web_" UID "/api/ containers/kube-proxy_kube-system_api-" ID ".log", UID, ID,
	  POD_NAME_PARTIAL, "shop/web/" },
	{ "a container that was restarted has a link of its own",
	  "pods/shop_web_" UID "/api/ containers/web_shop_api-" OTHER
	  ".log containers/web_shop_api-" ID ".log",
	  UID, ID, 0, "shop/web/api" },
	{ "a static pod", "pods/kube-system_etcd-n1_" HASH "/etcd/", HASH, ID, 0,
	  "kube-system/etcd-n1/etcd" },
	{ "a container's directory of a hostile name is none", "pods/shop_web_" UID "/a\nb/", UID,
	  ID, POD_NAME_PARTIAL, "shop/web/" },
	{ "without an id it is the pod", "containers/web_shop_api-" ID ".log", "", "", -ENOENT,
	  "" },
};

static int logs_of(const struct tree *t)
{
	return open(t->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void put_all(const struct tree *t, const char *list)
{
	char copy[1024], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", list);
	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		const size_t len = strlen(s);

		if (s[len - 1] == '/') {
			s[len - 1] = '\0';
			assert_int_equal(tree_dir(t, s), 0);
		} else {
			assert_int_equal(tree_put(t, s, ""), 0);
		}
	}
}

static void test_find(void **state)
{
	const struct find_case *c = *state;
	_cleanup_(pod_index_done) struct pod_index x = { 0 };
	struct pod_name name = { .space = "" };
	char full[400] = "";
	struct tree t;
	int logs, r;

	assert_int_equal(tree_open(&t), 0);
	put_all(&t, c->tree);
	logs = logs_of(&t);
	assert_true(logs >= 0);
	pod_index_refresh(&x, logs, clock_wall());
	r = pod_index_find(&x, logs, c->uid, c->id, &name);
	if (r >= 0)
		snprintf(full, sizeof(full), "%s/%s/%s", name.space, name.pod, name.container);
	close(logs);
	tree_close(&t);
	assert_int_equal(r, c->r);
	assert_string_equal(full, c->full);
	assert_int_equal(pod_index_there(&x), c->tree[0] != '\0');
}

/* Pods come and go: one reading for all that ask, none where nothing has changed. */
static void test_churn(void **state)
{
	_cleanup_(pod_index_done) struct pod_index x = { 0 };
	const usec_t now = clock_wall();
	struct pod_name name;
	uint64_t reads;
	struct tree t;
	char file[128];
	int logs;

	(void)state;
	assert_int_equal(tree_open(&t), 0);
	logs = logs_of(&t);
	pod_index_refresh(&x, logs, now);
	assert_false(pod_index_there(&x));
	for (int i = 0; i < 110; i++) {
		snprintf(file, sizeof(file), "containers/web-%d_shop_api-%064d.log", i, i);
		assert_int_equal(tree_put(&t, file, ""), 0);
	}
	for (int i = 0; i < 110; i++)
		pod_index_refresh(&x, logs, now + USEC_SEC / 100);
	assert_int_equal(x.reads, 1);
	snprintf(file, sizeof(file), "%064d", 109);
	assert_int_equal(pod_index_find(&x, logs, "", file, &name), 0);
	assert_string_equal(name.pod, "web-109");
	/* Its time of change is too young to tell whether more has come in the same tick. */
	pod_index_refresh(&x, logs, now + USEC_SEC / 2);
	assert_int_equal(x.reads, 2);
	/* Then it is old enough, and is not read again before it changes. */
	pod_index_refresh(&x, logs, now + 5 * USEC_SEC);
	reads = x.reads;
	for (usec_t at = 6; at < 100; at++)
		pod_index_refresh(&x, logs, now + at * USEC_SEC);
	assert_int_equal(x.reads, reads);
	assert_int_equal(tree_put(&t, "containers/new_shop_api-" ID ".log", ""), 0);
	pod_index_refresh(&x, logs, now + 200 * USEC_SEC);
	assert_int_equal(x.reads, reads + 1);
	assert_int_equal(pod_index_find(&x, logs, "", ID, &name), 0);
	assert_string_equal(name.pod, "new");
	close(logs);
	tree_close(&t);
}

static void test_cap(void **state)
{
	_cleanup_(pod_index_done) struct pod_index x = { 0 };
	struct tree t;
	char file[64];
	int logs;

	(void)state;
	assert_int_equal(tree_open(&t), 0);
	for (int i = 0; i < PODS_FILES_MAX + 10; i++) {
		snprintf(file, sizeof(file), "containers/%d", i);
		assert_int_equal(tree_put(&t, file, ""), 0);
	}
	logs = logs_of(&t);
	pod_index_refresh(&x, logs, clock_wall());
	assert_int_equal(x.containers.n, PODS_FILES_MAX);
	assert_int_equal(x.left_out, 10);
	close(logs);
	tree_close(&t);
}

static void test_open_to_all(void **state)
{
	_cleanup_(pod_index_done) struct pod_index x = { 0 };
	const usec_t now = clock_wall();
	struct pod_name name;
	struct tree t;
	int logs;

	(void)state;
	assert_int_equal(tree_open(&t), 0);
	assert_int_equal(tree_put(&t, "containers/web_shop_api-" ID ".log", ""), 0);
	logs = logs_of(&t);
	pod_index_refresh(&x, logs, now);
	assert_int_equal(pod_index_find(&x, logs, "", ID, &name), 0);
	assert_int_equal(chmod(tree_path(&t, "containers"), 0777), 0);
	pod_index_refresh(&x, logs, now + USEC_SEC);
	assert_int_equal(pod_index_find(&x, logs, "", ID, &name), -ENOENT);
	close(logs);
	tree_close(&t);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a directory is read when it has changed, whoever asks", test_churn),
	SUITE_TEST("what is beyond the cap is counted", test_cap),
	SUITE_TEST("a directory that anybody may write to tells no names", test_open_to_all),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_file, files);
	SUITE_TABLE(&s, test_directory, directories);
	SUITE_TABLE(&s, test_find, finds);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "pods");
}
