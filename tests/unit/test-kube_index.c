/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "kube/index.h"

#define UID "11111111-2222-3333-4444-555555555555"

static struct kube_record pod(const char *uid, const char *name)
{
	struct kube_record r = { .kind = KUBE_RECORD_PUT, .resource = KUBE_PODS };

	snprintf(r.uid, sizeof(r.uid), "%s", uid);
	snprintf(r.name, sizeof(r.name), "%s", name);
	snprintf(r.space, sizeof(r.space), "shop");
	snprintf(r.labels, sizeof(r.labels), "app=cart\ntier=\n");
	snprintf(r.annotations, sizeof(r.annotations), "gomemd.io/mode=observe\n");
	snprintf(r.owner_kind, sizeof(r.owner_kind), "ReplicaSet");
	snprintf(r.owner, sizeof(r.owner), "cart-1");
	r.n_containers = 1;
	snprintf(r.containers[0].name, sizeof(r.containers[0].name), "api");
	r.containers[0].cpu_limit = r.containers[0].memory_limit = KUBE_UNKNOWN;
	return r;
}

static struct kube_record of(enum kube_record_kind kind, enum kube_resource resource)
{
	return (struct kube_record){ .kind = kind, .resource = resource };
}

static int take(struct kube_index *x, struct kube_record r)
{
	return kube_index_take(x, &r);
}

/* One field of a good record is spoiled. */
struct spoil {
	const char *name;
	void (*spoil)(struct kube_record *r);
};

#define SPOIL(name_, ...)                                                                          \
	static void name_(struct kube_record *r)                                                   \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}

SPOIL(kind, r->kind = KUBE_RECORD_KIND_MAX_)
SPOIL(resource, r->resource = KUBE_RESOURCE_MAX_)
SPOIL(outcome, r->outcome = KUBE_OUTCOME_MAX_)
SPOIL(no_uid, r->uid[0] = '\0')
SPOIL(path, memcpy(r->uid, "../../etc", 10))
SPOIL(uid_without_end, memset(r->uid, 'a', sizeof(r->uid)))
SPOIL(upper, r->name[0] = 'A')
SPOIL(newline, r->name[1] = '\n')
SPOIL(name_without_end, memset(r->name, 'a', sizeof(r->name)))
SPOIL(no_space, r->space[0] = '\0')
SPOIL(dotted_space, r->space[1] = '.')
SPOIL(kind_alone, r->owner[0] = '\0')
SPOIL(owner_alone, r->owner_kind[0] = '\0')
SPOIL(owner_kind, r->owner_kind[0] = '/')
SPOIL(labels_without_end, memset(r->labels, 'a', sizeof(r->labels)))
SPOIL(label_without_line, snprintf(r->labels, sizeof(r->labels), "app=cart"))
SPOIL(label_without_value, snprintf(r->labels, sizeof(r->labels), "app\n"))
SPOIL(label_value, snprintf(r->labels, sizeof(r->labels), "app=a b\n"))
SPOIL(label_key, snprintf(r->labels, sizeof(r->labels), "-app=a\n"))
SPOIL(annotation, snprintf(r->annotations, sizeof(r->annotations), "other.io/a=a\n"))
SPOIL(escape, snprintf(r->annotations, sizeof(r->annotations), "gomemd.io/a=\033[2J\n"))
SPOIL(containers, r->n_containers = KUBE_CONTAINERS_MAX + 1)
SPOIL(container, r->containers[0].name[0] = '_')
SPOIL(amount, r->containers[0].memory_limit = -2)

static const struct spoil spoils[] = {
	{ "a kind that is none is refused", kind },
	{ "a resource that is none is refused", resource },
	{ "an outcome that is none is refused", outcome },
	{ "no uid is refused", no_uid },
	{ "a path for a uid is refused", path },
	{ "a uid without its end is refused", uid_without_end },
	{ "upper case is refused", upper },
	{ "a newline in a name is refused", newline },
	{ "a name without its end is refused", name_without_end },
	{ "no namespace is refused", no_space },
	{ "a dot in a namespace is refused", dotted_space },
	{ "a controller without a name is refused", kind_alone },
	{ "a controller without a kind is refused", owner_alone },
	{ "a kind with a slash is refused", owner_kind },
	{ "labels without their end are refused", labels_without_end },
	{ "a label without its newline is refused", label_without_line },
	{ "a label without '=' is refused", label_without_value },
	{ "a blank in a label is refused", label_value },
	{ "a label's key with a dash in front is refused", label_key },
	{ "an annotation of others is refused", annotation },
	{ "an escape in an annotation is refused", escape },
	{ "too many containers are refused", containers },
	{ "a container's name with an underscore is refused", container },
	{ "an amount below none is refused", amount },
};

static void test_spoil(void **state)
{
	const struct spoil *s = *state;
	struct kube_record r = pod(UID, "cart-1");
	struct kube_index x = { 0 };

	assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_CHANGED);
	s->spoil(&r);
	assert_int_equal(kube_index_take(&x, &r), -EBADMSG);
	assert_int_equal(x.refused, 1);
	assert_string_equal(kube_index_pod(&x, UID)->name, "cart-1");
	kube_index_done(&x);
}

static void test_changes(void **state)
{
	struct kube_record r = pod(UID, "cart-1");
	struct kube_index x = { 0 };
	char value[KUBE_PAIR_BYTES];

	(void)state;
	assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_CHANGED);
	assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_SAME);
	assert_true(kube_pairs_get(kube_index_pod(&x, UID)->labels, "app", value));
	assert_string_equal(value, "cart");
	assert_true(kube_pairs_get(kube_index_pod(&x, UID)->labels, "tier", value));
	assert_string_equal(value, "");
	assert_false(kube_pairs_get(kube_index_pod(&x, UID)->labels, "ap", value));
	r.containers[0].memory_limit = 7;
	assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_CHANGED);
	assert_int_equal(kube_object_container(kube_index_pod(&x, UID), "api")->memory_limit, 7);
	assert_null(kube_object_container(kube_index_pod(&x, UID), ""));
	/* What follows the end of a text is no part of it. */
	r.labels[sizeof(r.labels) - 1] = 'x';
	assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_SAME);
	r.kind = KUBE_RECORD_GONE;
	assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_CHANGED);
	assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_SAME);
	assert_null(kube_index_pod(&x, UID));
	kube_index_done(&x);
}

static void test_list(void **state)
{
	struct kube_index x = { 0 };

	(void)state;
	take(&x, of(KUBE_RECORD_LISTING, KUBE_PODS));
	take(&x, pod("a", "cart-1"));
	take(&x, pod("b", "cart-2"));
	assert_int_equal(take(&x, of(KUBE_RECORD_LISTED, KUBE_PODS)), KUBE_TAKEN_MANY);
	take(&x, pod("c", "cart-3"));
	/* A list that breaks off takes nothing away, ... */
	take(&x, of(KUBE_RECORD_LISTING, KUBE_PODS));
	take(&x, pod("a", "cart-1"));
	take(&x, of(KUBE_RECORD_LISTING, KUBE_PODS));
	assert_non_null(kube_index_pod(&x, "b"));
	/* ... what was told before it broke off does not count, ... */
	take(&x, pod("c", "cart-3"));
	take(&x, of(KUBE_RECORD_LISTED, KUBE_NAMESPACES));
	assert_int_equal(take(&x, of(KUBE_RECORD_LISTED, KUBE_PODS)), KUBE_TAKEN_MANY);
	assert_null(kube_index_pod(&x, "a"));
	assert_null(kube_index_pod(&x, "b"));
	assert_non_null(kube_index_pod(&x, "c"));
	/* ... and a failure is no list. */
	assert_int_equal(take(&x, of(KUBE_RECORD_STATE, KUBE_PODS)), KUBE_TAKEN_SAME);
	assert_non_null(kube_index_pod(&x, "c"));
	kube_index_done(&x);
}

static void test_namespace(void **state)
{
	struct kube_record r = of(KUBE_RECORD_PUT, KUBE_NAMESPACES);
	struct kube_index x = { 0 };

	(void)state;
	snprintf(r.uid, sizeof(r.uid), "1");
	snprintf(r.name, sizeof(r.name), "shop");
	assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_CHANGED);
	assert_non_null(kube_index_namespace(&x, "shop"));
	assert_null(kube_index_pod(&x, "1"));
	/* It was made anew, and the end of the old one is told late. */
	snprintf(r.uid, sizeof(r.uid), "2");
	assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_CHANGED);
	r.kind = KUBE_RECORD_GONE;
	snprintf(r.uid, sizeof(r.uid), "1");
	assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_SAME);
	assert_non_null(kube_index_namespace(&x, "shop"));
	kube_index_done(&x);
}

static void test_cap(void **state)
{
	static struct kube_record r;
	struct kube_index x = { 0 };

	(void)state;
	r = pod("a", "cart");
	for (int i = 0; i < KUBE_PODS_MAX; i++) {
		snprintf(r.uid, sizeof(r.uid), "%d", i);
		assert_int_equal(kube_index_take(&x, &r), KUBE_TAKEN_CHANGED);
	}
	snprintf(r.uid, sizeof(r.uid), "abc");
	assert_int_equal(kube_index_take(&x, &r), -ENOSPC);
	assert_int_equal(x.left_out, 1);
	kube_index_done(&x);
}

int main(void)
{
	static struct suite s;
	static const struct CMUnitTest tests[] = {
		SUITE_TEST("a change is one, the same again is none", test_changes),
		SUITE_TEST("what is in no list is gone, and not before it has ended", test_list),
		SUITE_TEST("namespaces go by name", test_namespace),
		SUITE_TEST("one too many is counted", test_cap),
	};

	SUITE_TABLE(&s, test_spoil, spoils);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "kube_index");
}
