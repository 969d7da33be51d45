/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "act/environment.h"
#include "act/lever.h"
#include "host/unit_files.h"

static void variable_text(char *buf, size_t size, enum policy_lever lever, int64_t value)
{
	if (lever == LEVER_GOGC && value < 0)
		snprintf(buf, size, "GOGC=off");
	else
		snprintf(buf, size, "%s=%s%" PRId64, lever_ops(lever)->variable,
			 lever == LEVER_MADVDONTNEED ? ENVIRONMENT_MADVDONTNEED : "", value);
}

const char *environment_text(char buf[ENVIRONMENT_TEXT_MAX], const struct environment *e)
{
	size_t n = 0;

	buf[0] = '\0';
	for (enum policy_lever l = 0; l < ENVIRONMENT_LEVERS; l++) {
		char one[48];

		if (!e->set[l])
			continue;
		variable_text(one, sizeof(one), l, e->value[l]);
		n += (size_t)snprintf(buf + n, ENVIRONMENT_TEXT_MAX - n, "%s%s", n ? " " : "", one);
	}
	return buf;
}

size_t environment_dropin(char buf[ENVIRONMENT_DROPIN_MAX], const struct environment *e)
{
	char text[ENVIRONMENT_TEXT_MAX];
	size_t n = (size_t)snprintf(
		buf, ENVIRONMENT_DROPIN_MAX,
		UNIT_DROPIN_HEAD
		"# The next start begins with what gomemd(8) has found to be right. "
		"gomemctl release gives it back.\n[Service]\n");

	for (enum policy_lever l = 0; l < ENVIRONMENT_LEVERS; l++) {
		char one[48];

		if (!e->set[l])
			continue;
		variable_text(one, sizeof(one), l, e->value[l]);
		n += (size_t)snprintf(buf + n, ENVIRONMENT_DROPIN_MAX - n, "Environment=\"%s\"\n",
				      one);
	}
	return n + (size_t)snprintf(buf + n, ENVIRONMENT_DROPIN_MAX - n,
				    "Environment=\"" ENVIRONMENT_MARK "=%s\"\n",
				    environment_text(text, e));
}
