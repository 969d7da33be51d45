/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "fixture/tree.h"
#include "kube/pods.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

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
	{ "another container is not it", "web_default_nginx-" OTHER ".log", -EINVAL, "", "", "" },
	{ "no container's name is refused", "web_default_-" ID ".log", -EINVAL, "", "", "" },
	{ "no dash is refused", "web_default_nginx" ID ".log", -EINVAL, "", "", "" },
	{ "no namespace is refused", "web_nginx-" ID ".log", -EINVAL, "", "", "" },
	{ "another suffix is refused", "web_default_nginx-" ID ".log.gz", -EINVAL, "", "", "" },
	{ "no suffix is refused", "web_default_nginx-" ID, -EINVAL, "", "", "" },
	{ "nothing is refused", "", -EINVAL, "", "", "" },
	{ "separators alone are refused", "__", -EINVAL, "", "", "" },
};

static void test_file(void **state)
{
	const struct file_case *c = *state;
	struct pod_name name = { 0 };

	assert_int_equal(pods_parse(c->file, ID, &name), c->r);
	assert_string_equal(name.pod, c->pod);
	assert_string_equal(name.space, c->space);
	assert_string_equal(name.container, c->container);
}

static void test_find(void **state)
{
	struct pod_name name;
	struct tree t;

	(void)state;
	assert_int_equal(tree_open(&t), 0);
	assert_int_equal(tree_put(&t, "a_b_c-" OTHER ".log", ""), 0);
	assert_int_equal(pods_find(t.root, ID, &name), -ENOENT);
	assert_int_equal(tree_put(&t, "web_default_nginx-" ID ".log", ""), 0);
	assert_int_equal(pods_find(t.root, ID, &name), 0);
	assert_string_equal(name.pod, "web");
	assert_int_equal(pods_find(tree_path(&t, "absent"), ID, &name), -ENOENT);
	tree_close(&t);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a container is found among the files", test_find),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_file, files);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "pods");
}
