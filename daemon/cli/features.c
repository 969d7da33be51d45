/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "host/features.h"

static void print_feature(json_object *f)
{
	json_object *works = json_object_object_get(f, "works");

	printf("%-16s %s", member_text(f, "name"),
	       !works ? "not tried yet: it takes the daemon, with a Go process" :
	       json_object_get_boolean(works) ? "works" :
						"missing");
	if (json_object_object_get_ex(f, "by", NULL))
		printf(", by %s", member_text(f, "by"));
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
