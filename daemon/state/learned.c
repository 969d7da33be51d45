/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "base/util.h"
#include "state/learned.h"

void learned_done(struct learned *l)
{
	free(l->entries);
	*l = (struct learned){ 0 };
}

static struct learned_entry *find(const struct learned *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->entries[i].name, name))
			return &l->entries[i];
	return NULL;
}

const struct learned_entry *learned_get(const struct learned *l, const char *name)
{
	return find(l, name);
}

static struct learned_entry *oldest(const struct learned *l)
{
	struct learned_entry *best = &l->entries[0];

	for (size_t i = 1; i < l->n; i++)
		if (l->entries[i].seen_wall < best->seen_wall)
			best = &l->entries[i];
	return best;
}

int learned_put(struct learned *l, const struct learned_entry *e)
{
	struct learned_entry *to;
	int r = 0;

	if (!e->name[0] || strnlen(e->name, sizeof(e->name)) == sizeof(e->name) ||
	    strchr(e->name, '\n'))
		return -EINVAL;
	to = find(l, e->name);
	if (!to && l->n == LEARNED_MAX)
		to = oldest(l);
	if (!to) {
		r = array_make_room(&l->entries, &l->room, l->n, LEARNED_MAX, sizeof(*e));
		if (r < 0)
			return r;
		to = &l->entries[l->n++];
	}
	*to = *e;
	l->changed = true;
	return 0;
}

/* What a line of this kind begins with; without it is one of an older kind, "seen nongo name". */
#define LINE_MARK "+"

/* "+ seen nongo live restarted restarts name": the name last, since it may hold spaces. */
int learned_format(const struct learned *l, char **ret, size_t *ret_len)
{
	_cleanup_(freep) char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		const struct learned_entry *e = &l->entries[i];

		fprintf(f,
			LINE_MARK " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32
				  " %s\n",
			e->seen_wall, e->nongo_bytes, e->live_at_start_bytes, e->restarted_wall,
			e->restarts, e->name);
	}
	if (fclose(f))
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

/* The next @n fields, each a number; NULL where one is none. Returns what follows them. */
static const char *parse_numbers(const char *line, uint64_t *ret, size_t n)
{
	char word[24];

	for (size_t i = 0; i < n; i++) {
		const size_t len = strcspn(line, " ");

		if (len >= sizeof(word) || line[len] != ' ')
			return NULL;
		snprintf(word, sizeof(word), "%.*s", (int)len, line);
		if (text_parse_u64(word, &ret[i]) < 0)
			return NULL;
		line += len + 1;
	}
	return line;
}

static bool parse_entry(const char *line, struct learned_entry *ret)
{
	const bool whole = !strncmp(line, LINE_MARK " ", strlen(LINE_MARK " "));
	uint64_t v[5] = { 0 };
	const char *name = parse_numbers(whole ? line + strlen(LINE_MARK " ") : line, v,
					 whole ? ARRAY_SIZE(v) : 2);

	if (!name || v[4] > UINT32_MAX)
		return false;
	*ret = (struct learned_entry){ .seen_wall = v[0],
				       .nongo_bytes = v[1],
				       .live_at_start_bytes = v[2],
				       .restarted_wall = v[3],
				       .restarts = (uint32_t)v[4] };
	return text_copy(ret->name, sizeof(ret->name), name);
}

unsigned int learned_parse(const char *text, struct learned *ret)
{
	unsigned int bad = 0;
	char line[LEARNED_NAME_MAX + 128];

	while (*text) {
		const size_t len = strcspn(text, "\n");
		struct learned_entry e;

		if (len < sizeof(line)) {
			snprintf(line, sizeof(line), "%.*s", (int)len, text);
			bad += !parse_entry(line, &e) || learned_put(ret, &e) < 0;
		} else {
			bad++;
		}
		text += len + (text[len] == '\n');
	}
	ret->changed = false;
	return bad;
}
