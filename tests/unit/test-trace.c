/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "decide/trace.h"
#include "fixture/workloads.h"

static int parse_text(const char *text, struct trace_look *ret)
{
	return trace_look_parse(text, strlen(text), ret);
}

/* What the model fills in comes back, byte by byte. */
static void test_whole(void **state)
{
	struct random_workload *w = calloc(1, sizeof(*w));
	struct trace_look *look = calloc(1, sizeof(*look)), *again = calloc(1, sizeof(*again));
	struct plant *p = calloc(1, sizeof(*p));
	const char *text;
	json_object *o;

	(void)state;
	assert_true(w && look && again && p);
	for (uint64_t seed = 0; seed < 50; seed++) {
		draw_workload(w, seed);
		plant_start(p, &w->setup);
		plant_run(p, USEC_MIN);
		memset(look, 0, sizeof(*look));
		look->snapshot = p->snapshot;
		look->now = p->snapshot.cgroup.at;
		look->state = STATE_PRESSED;
		look->lost = seed;
		text_copy(look->workload, sizeof(look->workload), "/system.slice/api.service");
		text_copy(look->exe, sizeof(look->exe), "/usr/bin/api");
		text_copy(look->space, sizeof(look->space), "shop");
		text_copy(look->pod, sizeof(look->pod), "web-0");
		text_copy(look->container, sizeof(look->container), "api");
		text_copy(look->owner, sizeof(look->owner), "web");
		text_copy(look->labels, sizeof(look->labels), "app=cart\nx/y=\n");
		text_copy(look->tier, sizeof(look->tier), "gateway");
		o = trace_look_json(look);
		text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
		assert_int_equal(parse_text(text, again), 0);
		assert_string_equal(again->workload, look->workload);
		assert_string_equal(again->exe, look->exe);
		assert_string_equal(again->owner, look->owner);
		assert_string_equal(again->labels, look->labels);
		assert_string_equal(again->annotations, "");
		assert_string_equal(again->space, "shop");
		assert_string_equal(again->pod, "web-0");
		assert_string_equal(again->container, "api");
		assert_int_equal(again->state, STATE_PRESSED);
		assert_int_equal(again->lost, seed);
		assert_memory_equal(&again->snapshot.cgroup, &look->snapshot.cgroup,
				    sizeof(look->snapshot.cgroup));
		assert_int_equal(again->snapshot.n_procs, look->snapshot.n_procs);
		for (uint32_t i = 0; i < look->snapshot.n_procs; i++)
			assert_memory_equal(&again->snapshot.procs[i], &look->snapshot.procs[i],
					    sizeof(look->snapshot.procs[i]));
		json_object_put(o);
	}
	free(w);
	free(look);
	free(again);
	free(p);
}

/* Of a struct whose members are all set none is 0 after the way there and back: padding is less than a word. */
static void assert_all_set(const void *at, size_t size)
{
	const uint64_t *words = at;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		if (!words[i])
			fail_msg("nothing came back of bytes %zu to %zu", i * sizeof(*words),
				 (i + 1) * sizeof(*words));
}

/* What a table forgets is seen here. */
static void test_every_member(void **state)
{
	struct trace_look *look = calloc(1, sizeof(*look)), *again = calloc(1, sizeof(*again));
	json_object *o;

	(void)state;
	assert_true(look && again);
	memset(&look->snapshot, 1, sizeof(look->snapshot));
	look->snapshot.n_procs = 1;
	text_copy(look->workload, sizeof(look->workload), "/x");
	o = trace_look_json(look);
	assert_int_equal(parse_text(json_object_to_json_string(o), again), 0);
	assert_all_set(&again->snapshot.cgroup, sizeof(again->snapshot.cgroup));
	assert_all_set(&again->snapshot.unit, sizeof(again->snapshot.unit));
	/* The last lever is the cgroup's. */
	assert_all_set(&again->snapshot.procs[0],
		       offsetof(struct snapshot_proc, lever[LEVER_MEMORY_HIGH]));
	json_object_put(o);
	free(look);
	free(again);
}

static void test_head(void **state)
{
	const struct trace_head head = {
		.interval = 5, .look_min = 50, .look_max = 1000, .wall_usec = 7
	};
	struct trace_head again;
	json_object *o = trace_head_json(&head);
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);

	(void)state;
	assert_int_equal(trace_head_parse(text, strlen(text), &again), 0);
	assert_memory_equal(&head, &again, sizeof(head));
	json_object_put(o);
}

struct bad {
	const char *name, *text;
	int result;
};

static const struct bad heads[] = {
	{ "another format is refused", "{\"format\":\"else\",\"version\":1}", -EBADMSG },
	{ "another version is told apart", "{\"format\":\"gomemd-trace\",\"version\":2}", -EPROTO },
	{ "no JSON is refused", "gomemd-decisions", -EBADMSG },
	{ "a list is refused", "[]", -EBADMSG },
};

static void test_bad_head(void **state)
{
	const struct bad *c = *state;
	struct trace_head head;

	assert_int_equal(trace_head_parse(c->text, strlen(c->text), &head), c->result);
}

static const struct bad looks[] = {
	{ "no workload is refused", "{\"cgroup\":{}}", -EBADMSG },
	{ "no cgroup is refused", "{\"workload\":\"/a\"}", -EBADMSG },
	{ "a text for a figure is refused", "{\"workload\":\"/a\",\"cgroup\":{\"anon\":\"1\"}}",
	  -EBADMSG },
	{ "an owner's value below off is refused",
	  "{\"workload\":\"/a\",\"cgroup\":{},\"processes\":[{\"levers\":{\"gogc\":{\"owner\":-2}}}]}",
	  -EBADMSG },
	{ "a process that is no object is refused",
	  "{\"workload\":\"/a\",\"cgroup\":{},\"processes\":[1]}", -EBADMSG },
	{ "a state that is none is refused",
	  "{\"workload\":\"/a\",\"cgroup\":{},\"state\":\"eager\"}", -EBADMSG },
	{ "more processes than are decided on are refused",
	  "{\"workload\":\"/a\",\"cgroup\":{},\"processes\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}",
	  -EBADMSG },
	{ "members that are missing are 0",
	  "{\"workload\":\"/a\",\"cgroup\":{},\"processes\":[{}]}", 0 },
	{ "members that are not known are passed over",
	  "{\"workload\":\"/a\",\"cgroup\":{\"later\":[1]},\"later\":{}}", 0 },
};

static void test_bad_look(void **state)
{
	const struct bad *c = *state;
	struct trace_look *look = calloc(1, sizeof(*look));

	assert_non_null(look);
	assert_int_equal(parse_text(c->text, look), c->result);
	free(look);
}

static const struct CMUnitTest tests[] = {
	SUITE_TEST("no member of a snapshot is forgotten", test_every_member),
	SUITE_TEST("what was written is read, to the byte", test_whole),
	SUITE_TEST("so is the head", test_head),
};

int main(void)
{
	static struct suite s;

	SUITE_TESTS(&s, tests);
	SUITE_TABLE(&s, test_bad_head, heads);
	SUITE_TABLE(&s, test_bad_look, looks);
	return suite_run(&s, "trace");
}
