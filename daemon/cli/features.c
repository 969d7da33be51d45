/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/util.h"
#include "cli/cli.h"
#include "host/features.h"

/* In the largest unit of which there are two. */
static const char *age_text(char buf[32], int64_t usec)
{
	static const struct {
		const char *name;
		int64_t usec;
	} units[] = {
		{ "d", 24 * 60 * USEC_MIN },
		{ "h", 60 * USEC_MIN },
		{ "min", USEC_MIN },
		{ "s", USEC_SEC },
	};
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(units) && usec < 2 * units[i].usec)
		i++;
	snprintf(buf, 32, "%" PRId64 " %s", usec / units[i].usec, units[i].name);
	return buf;
}

static const char *standing_text(json_object *f)
{
	json_object *works = json_object_object_get(f, "works"), *configured;

	if (works)
		return json_object_get_boolean(works) ? "works" : "missing";
	if (!json_object_object_get_ex(f, "configured", &configured))
		return "not tried yet: it takes the daemon, with a Go process";
	return json_object_get_boolean(configured) ? "not asked yet" : "off";
}

/* Of a server that is asked or told: how long it has been so, and what went wrong last. */
static void print_ages(json_object *f)
{
	const int64_t since = member_int(f, "for_usec", -1);
	const int64_t told = member_int(f, "last_word_age_usec", -1);
	const int64_t failed = member_int(f, "last_error_age_usec", -1);
	char age[32];

	if (since >= 0)
		printf(" for %s", age_text(age, since));
	if (told >= 0)
		printf("; its last word %s ago", age_text(age, told));
	if (failed >= 0)
		printf("; its last error %s ago: %s", age_text(age, failed),
		       member_text(f, "last_error"));
}

static void print_feature(json_object *f)
{
	printf("%-16s %s", member_text(f, "name"), standing_text(f));
	if (json_object_object_get_ex(f, "by", NULL))
		printf(", by %s", member_text(f, "by"));
	print_ages(f);
	printf("\n");
	if (json_object_object_get_ex(f, "error", NULL))
		printf("%-16s %s: %s\n%-16s %s\n", "", member_text(f, "error"),
		       member_text(f, "lost"), "", member_text(f, "mend"));
}

/* As this process finds them: what only a daemon can try is left open. */
static json_object *try_here(void)
{
	json_object *answer = json_object_new_object(), *list = json_object_new_array();
	struct features features = { 0 };

	features_try(&features);
	for (enum feature i = 0; i < FEATURE_MAX_; i++)
		json_object_array_add(list, feature_json(&features, i));
	json_object_object_add(answer, "schema", json_object_new_int(1));
	json_object_object_add(answer, "features", list);
	return answer;
}

int verb_features(const struct options *o)
{
	const struct control_request req = { .verb = CONTROL_FEATURES };
	const char *path = o->socket ? o->socket : CLIENT_SOCKET;
	json_object *answer = NULL, *list;
	int r = EXIT_DONE;

	if (o->socket || access(path, F_OK) == 0)
		r = client_ask(o, &req, &answer);
	else
		answer = try_here();
	if (r != EXIT_DONE)
		return r;
	list = json_object_object_get(answer, "features");
	if (o->json)
		print_json(answer);
	else
		for (size_t i = 0; list && i < json_object_array_length(list); i++)
			print_feature(json_object_array_get_idx(list, i));
	json_object_put(answer);
	return EXIT_DONE;
}
