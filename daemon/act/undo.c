/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "act/undo.h"
#include "base/text.h"
#include "base/util.h"

enum {
	UNDO_PAIRS = 11, /* what undo_format writes */
};

void undo_name(const struct undo_record *u, char ret[UNDO_NAME_MAX])
{
	if (u->lever == LEVER_MEMORY_HIGH)
		snprintf(ret, UNDO_NAME_MAX, "cgroup-%" PRIu64 "-%s", u->cgroup_id,
			 policy_lever_name(u->lever));
	else
		snprintf(ret, UNDO_NAME_MAX, "process-%d-%" PRIu64 "-%s", u->process.pid,
			 u->process.start_ticks, policy_lever_name(u->lever));
}

int undo_format(const struct undo_record *u, char ret[UNDO_TEXT_MAX])
{
	int n = snprintf(ret, UNDO_TEXT_MAX,
			 "lever=%s\npid=%d\nstart=%" PRIu64 "\nimage=%" PRIu64 "\ncgroup=%" PRIu64
			 "\nowner=%" PRId64 "\nbefore=%" PRId64 "\nwritten=%" PRId64
			 "\nowner_set=%d\nworkload=%s\nunit=%s\nend\n",
			 policy_lever_name(u->lever), u->process.pid, u->process.start_ticks,
			 u->process.image, u->cgroup_id, u->owner, u->before, u->written,
			 u->owner_set, u->workload, u->unit);

	/* A name with a newline in it cannot be written back: it would make lines of its own. */
	if (n >= UNDO_TEXT_MAX || strchr(u->workload, '\n') || strchr(u->unit, '\n'))
		return -ENOSPC;
	return n;
}

static int parse_lever(const char *value, enum policy_lever *ret)
{
	for (enum policy_lever l = 0; l < LEVER_MAX_; l++)
		if (!strcmp(value, policy_lever_name(l))) {
			*ret = l;
			return 0;
		}
	return -EBADMSG;
}

static int parse_pair(const char *key, const char *value, struct undo_record *u)
{
	int64_t n;
	bool flag;

	if (!strcmp(key, "lever"))
		return parse_lever(value, &u->lever);
	if (!strcmp(key, "workload"))
		return text_copy(u->workload, sizeof(u->workload), value) ? 0 : -EBADMSG;
	if (!strcmp(key, "unit"))
		return text_copy(u->unit, sizeof(u->unit), value) ? 0 : -EBADMSG;
	if (!strcmp(key, "start"))
		return text_parse_u64(value, &u->process.start_ticks);
	if (!strcmp(key, "image"))
		return text_parse_u64(value, &u->process.image);
	if (!strcmp(key, "cgroup"))
		return text_parse_u64(value, &u->cgroup_id);
	if (!strcmp(key, "owner_set")) {
		int r = text_parse_bool(value, &flag);

		u->owner_set = r == 0 && flag;
		return r;
	}
	if (text_parse_i64(value, &n) < 0)
		return -EBADMSG;
	if (!strcmp(key, "pid") && n >= 0 && n <= INT32_MAX)
		u->process.pid = (pid_t)n;
	else if (!strcmp(key, "owner"))
		u->owner = n;
	else if (!strcmp(key, "before"))
		u->before = n;
	else if (!strcmp(key, "written"))
		u->written = n;
	else
		return -EBADMSG;
	return 0;
}

int undo_parse(const char *text, size_t len, struct undo_record *ret)
{
	struct undo_record u = { .lever = LEVER_MAX_ };
	char copy[UNDO_TEXT_MAX], *save = NULL;
	bool complete = false;
	unsigned int pairs = 0;

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return -EBADMSG;
	memcpy(copy, text, len);
	copy[len] = '\0';
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');

		if (!value) {
			complete = !strcmp(line, "end");
			continue;
		}
		*value++ = '\0';
		if (complete || parse_pair(line, value, &u) < 0)
			return -EBADMSG;
		pairs++;
	}
	/* A record that a full disk cut short has no end; one that lacks a line must not be filled up with zeros. */
	if (!complete || pairs != UNDO_PAIRS || u.lever == LEVER_MAX_ ||
	    (u.lever != LEVER_MEMORY_HIGH && !u.process.pid))
		return -EBADMSG;
	*ret = u;
	return 0;
}
