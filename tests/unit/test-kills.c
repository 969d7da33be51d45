/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/postmortem.h"
#include "report/kill_record.h"
#include "state/kills.h"

struct place {
	char path[64];
	int fd;
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->path, sizeof(p->path), "/tmp/test-kills.XXXXXX");
	if (!mkdtemp(p->path))
		return -1;
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

/* Each name that is there to @each; how many they are. */
static size_t each_file(const struct place *p,
			void (*each)(const struct place *p, const char *name))
{
	int fd = openat(p->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *d = fdopendir(fd);
	size_t n = 0;

	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		n++;
		if (each)
			each(p, e->d_name);
	}
	return n;
}

static void drop(const struct place *p, const char *name)
{
	unlinkat(p->fd, name, 0);
}

static int drop_place(void **state)
{
	struct place *p = *state;

	each_file(p, drop);
	rmdir(p->path);
	close(p->fd);
	free(p);
	return 0;
}

static int put(const struct place *p, uint64_t wall, const char *cgroup, size_t len,
	       const struct kills_caps *caps)
{
	_cleanup_(freep) char *text = calloc(1, len + 1);
	char name[KILL_NAME_MAX];
	unsigned int dropped;

	memset(text, 'x', len);
	kills_name(name, wall, cgroup);
	return kills_put(p->fd, name, text, len, caps, &dropped);
}

static bool has(const struct place *p, uint64_t wall, const char *cgroup)
{
	char name[KILL_NAME_MAX];

	kills_name(name, wall, cgroup);
	return faccessat(p->fd, name, F_OK, 0) == 0;
}

static void beyond_the_number_the_oldest_of_whoever_has_most_goes(void **state)
{
	const struct kills_caps caps = { .records_max = 4, .bytes_max = 1000 };
	const struct place *p = *state;

	assert_int_equal(put(p, 1, "/quiet", 10, &caps), 0);
	for (uint64_t i = 2; i < 50; i++) {
		assert_int_equal(put(p, i, "/loud", 10, &caps), 0);
		assert_true(each_file(p, NULL) <= 4);
	}
	assert_true(has(p, 1, "/quiet"));
	assert_true(has(p, 49, "/loud"));
	assert_true(has(p, 47, "/loud"));
	assert_false(has(p, 46, "/loud"));
}

static void of_equals_the_oldest_goes(void **state)
{
	const struct kills_caps caps = { .records_max = 3, .bytes_max = 1000 };
	const struct place *p = *state;

	assert_int_equal(put(p, 3, "/a", 10, &caps), 0);
	assert_int_equal(put(p, 1, "/b", 10, &caps), 0);
	assert_int_equal(put(p, 2, "/c", 10, &caps), 0);
	assert_int_equal(put(p, 4, "/d", 10, &caps), 0);
	assert_false(has(p, 1, "/b"));
	assert_true(has(p, 2, "/c") && has(p, 3, "/a") && has(p, 4, "/d"));
}

static void the_size_of_all_holds(void **state)
{
	const struct kills_caps caps = { .records_max = 100, .bytes_max = 1000 };
	const struct place *p = *state;

	for (uint64_t i = 1; i < 20; i++)
		assert_int_equal(put(p, i, "/a", 300, &caps), 0);
	assert_int_equal(each_file(p, NULL), 3);
	assert_true(has(p, 19, "/a"));
	/* One that is too large for all leaves the others where they are. */
	assert_int_equal(put(p, 20, "/a", 1001, &caps), -EFBIG);
	assert_int_equal(each_file(p, NULL), 3);
}

/* A record's size is the tenant's choice: who has few large ones makes room for himself. */
static void by_size_whoever_has_most_bytes_goes(void **state)
{
	const struct kills_caps caps = { .records_max = 100, .bytes_max = 1000 };
	const struct place *p = *state;

	for (uint64_t i = 1; i <= 10; i++)
		assert_int_equal(put(p, i, "/quiet", 30, &caps), 0);
	for (uint64_t i = 11; i < 20; i++)
		assert_int_equal(put(p, i, "/loud", 400, &caps), 0);
	for (uint64_t i = 1; i <= 10; i++)
		assert_true(has(p, i, "/quiet"));
	assert_true(has(p, 19, "/loud"));
	assert_false(has(p, 18, "/loud"));
}

static void nothing_is_kept_where_nothing_is_to_be(void **state)
{
	const struct kills_caps caps = { .records_max = 0, .bytes_max = 1000 };

	assert_int_equal(put(*state, 1, "/a", 10, &caps), 0);
	assert_int_equal(each_file(*state, NULL), 0);
}

static void others_files_stay_and_halves_of_ours_go(void **state)
{
	const struct kills_caps caps = { .records_max = 1, .bytes_max = 1000 };
	const struct place *p = *state;
	int fd = openat(p->fd, "note.txt", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	close(fd);
	fd = openat(p->fd, ".0000000000000001-0000000000000001.json.new",
		    O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(put(p, 1, "/a", 10, &caps), 0);
	assert_int_equal(put(p, 2, "/a", 10, &caps), 0);
	assert_int_equal(each_file(p, NULL), 2);
	assert_int_equal(faccessat(p->fd, "note.txt", F_OK, 0), 0);
}

/* A record of a workload whose every word is hostile. */
static json_object *hostile_record(struct trail *trail)
{
	static struct policy_rules rules;
	const struct audit_subject subject = { .workload = "shop/pod-1\x1b]0;x\x07/app",
					       .cgroup = "/a\n\x1b[2J",
					       .rules = &rules };
	struct trail_point p = { .at = USEC_SEC,
				 .limit = 100 * MIB,
				 .room = 100 * MIB,
				 .usage = 90 * MIB,
				 .live = 70 * MIB,
				 .mapped = 80 * MIB,
				 .soft_limit = INT64_MAX,
				 .to_oom = FORECAST_NEVER };
	struct trail_step step = {
		.at = USEC_SEC, .kind = TRAIL_CHANGE, .lever = LEVER_GOGC, .from = 100, .to = 30
	};
	struct kill_record k = { .subject = &subject,
				 .name = "n.json",
				 .unit = "u\x9b.service",
				 .mode = "enforce",
				 .limit_origin = "/\x1b[31m",
				 .told_by = "cgroup",
				 .pid = 77,
				 .wall_usec = 1,
				 .killed = 2 * USEC_SEC,
				 .kills = 1,
				 .memory_max = 100 * MIB,
				 .trail = trail,
				 .processes = json_object_new_array() };

	text_copy(step.outcome, sizeof(step.outcome), "\x1b[1m");
	trail_add_point(trail, &p);
	trail_add_step(trail, &step);
	k.verdict = trail_judge(trail, k.killed);
	return kill_record_json(&k);
}

static char *printed(json_object *record)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	postmortem_print(f, record);
	fclose(f);
	return text;
}

static void no_word_of_a_tenant_moves_a_cursor(void **state)
{
	struct trail trail = { 0 };
	json_object *r = hostile_record(&trail);
	const char *json = json_object_to_json_string_ext(r, JSON_C_TO_STRING_PLAIN);
	_cleanup_(freep) char *text = printed(r);

	(void)state;
	for (const char *c = text; *c; c++)
		assert_true((*c >= ' ' && *c < 0x7f) || *c == '\n');
	for (const char *c = json; *c; c++)
		assert_true(*c >= ' ' && *c < 0x7f);
	assert_non_null(strstr(text, "kind        too-large"));
	assert_non_null(strstr(text, "100.0M"));
	assert_non_null(strstr(text, "gogc 100 -> 30"));
	assert_non_null(strstr(text, "what to do"));
	json_object_put(r);
	trail_done(&trail);
}

static void a_record_is_found_by_all_of_its_names(void **state)
{
	json_object *r = json_tokener_parse(
		"{\"name\":\"0000000000000001-0000000000000002.json\",\"workload\":\"shop/cart-7/app\","
		"\"cgroup\":\"/kubepods.slice/x\",\"unit\":\"x.scope\",\"pid\":77}");
	static const struct {
		const char *name;
		bool means;
	} cases[] = {
		{ "shop/cart-7/app", true },
		{ "cart-7", true },
		{ "shop/cart-7", true },
		{ "/kubepods.slice/x", true },
		{ "kubepods.slice/x", true },
		{ "x.scope", true },
		{ "77", true },
		{ "0000000000000001-0000000000000002", true },
		{ "shop", false },
		{ "cart", false },
		{ "app", false },
		{ "0", false },
		{ "", false },
		{ "7", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (postmortem_names(r, cases[i].name) != cases[i].means)
			fail_msg("'%s'", cases[i].name);
	json_object_put(r);
}

static void nonsense_is_told_without_harm(void **state)
{
	static const char *const records[] = { "{}",
					       "{\"verdict\":7,\"looks\":{},\"processes\":[1]}",
					       "{\"looks\":[null,{},7],\"decisions\":[{}]}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		json_object *r = json_tokener_parse(records[i]);
		_cleanup_(freep) char *text = printed(r);

		assert_non_null(strstr(text, "what to do"));
		json_object_put(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			beyond_the_number_the_oldest_of_whoever_has_most_goes, make_place,
			drop_place),
		cmocka_unit_test_setup_teardown(of_equals_the_oldest_goes, make_place, drop_place),
		cmocka_unit_test_setup_teardown(the_size_of_all_holds, make_place, drop_place),
		cmocka_unit_test_setup_teardown(by_size_whoever_has_most_bytes_goes, make_place,
						drop_place),
		cmocka_unit_test_setup_teardown(nothing_is_kept_where_nothing_is_to_be, make_place,
						drop_place),
		cmocka_unit_test_setup_teardown(others_files_stay_and_halves_of_ours_go, make_place,
						drop_place),
		cmocka_unit_test(no_word_of_a_tenant_moves_a_cursor),
		cmocka_unit_test(a_record_is_found_by_all_of_its_names),
		cmocka_unit_test(nonsense_is_told_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
