/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/fd.h"
#include "base/util.h"
#include "cli/postmortem.h"
#include "cli/top.h"
#include "wire/json.h"

#define DIRECTORY	 "/var/lib/gomemd/postmortem"
#define FORMAT		 "gomemd-kill"
#define RECORD_BYTES_MAX (512 * KIB)

enum {
	RECORDS_MAX = 4096,
	DEPTH_MAX = 16,
	NAME_BYTES = 64,
};

struct names {
	char (*of)[NAME_BYTES];
	size_t n, room;
};

static void names_done(struct names *n)
{
	free(n->of);
}

static void json_putp(json_object **o)
{
	json_object_put(*o);
}

static int newest_first(const void *a, const void *b)
{
	return strcmp(b, a);
}

static int list_names(int dirfd, struct names *ret)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return -errno;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		const size_t len = strlen(e->d_name);
		int r;

		if (e->d_name[0] == '.' || len >= NAME_BYTES || len < 6 ||
		    strcmp(e->d_name + len - 5, ".json") != 0)
			continue;
		r = array_make_room(&ret->of, &ret->room, ret->n, RECORDS_MAX, sizeof(*ret->of));
		if (r < 0)
			return r;
		text_copy(ret->of[ret->n++], NAME_BYTES, e->d_name);
	}
	if (ret->n)
		qsort(ret->of, ret->n, sizeof(*ret->of), newest_first);
	return 0;
}

/* NULL for what is no record; a half of one there is not. */
static json_object *read_record(int dirfd, const char *name)
{
	_cleanup_(freep) char *text = NULL;
	json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
	json_object *o = NULL;
	size_t len;

	if (tok && fd_read_alloc(dirfd, name, RECORD_BYTES_MAX, &text, &len) == 0) {
		json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		o = json_tokener_parse_ex(tok, text, (int)len);
	}
	if (tok)
		json_tokener_free(tok);
	if (!json_object_is_type(o, json_type_object) ||
	    strcmp(member_text(o, "format"), FORMAT) != 0) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

static json_object *summary(json_object *r)
{
	static const char *const from_record[] = { "name", "time", "workload", "cgroup" };
	static const char *const from_verdict[] = { "kind",	  "room_bytes",	   "used_bytes",
						    "live_bytes", "garbage_bytes", "nongo_bytes" };
	json_object *o = json_object_new_object(), *v = json_object_object_get(r, "verdict");

	for (size_t i = 0; i < ARRAY_SIZE(from_record); i++)
		json_object_object_add(o, from_record[i],
				       json_object_get(json_object_object_get(r, from_record[i])));
	for (size_t i = 0; i < ARRAY_SIZE(from_verdict); i++)
		json_object_object_add(o, from_verdict[i],
				       json_object_get(json_object_object_get(v, from_verdict[i])));
	return o;
}

static void print_list(json_object *records)
{
	static const char *const headings[] = { "WHEN", "WORKLOAD", "KIND",   "ROOM",  "USED",
						"LIVE", "GARBAGE",  "NON-GO", "RECORD" };
	static const char *const bytes[] = { "room_bytes", "used_bytes", "live_bytes",
					     "garbage_bytes", "nongo_bytes" };
	struct grid *g = grid_new(headings, ARRAY_SIZE(headings));

	for (size_t i = 0; i < json_object_array_length(records); i++) {
		json_object *r = json_object_array_get_idx(records, i);
		char text[256];

		grid_add(g, "%.19sZ", member_text(r, "time"));
		grid_add(g, "%s", top_clean(text, sizeof(text), member_text(r, "workload")));
		grid_add(g, "%s", member_text(r, "kind"));
		for (size_t k = 0; k < ARRAY_SIZE(bytes); k++)
			grid_add(g, "%s", member_bytes(r, bytes[k], text));
		grid_add(g, "%s", member_text(r, "name"));
	}
	grid_print(g);
}

static void show_list(const struct options *o, json_object *records)
{
	json_object *answer;

	if (!o->json) {
		print_list(records);
		return;
	}
	answer = json_object_new_object();
	json_put_u64(answer, "schema", 1);
	json_object_object_add(answer, "records", json_object_get(records));
	print_json(answer);
	json_object_put(answer);
}

static int none(const struct options *o, size_t n)
{
	if (o->operand)
		fprintf(stderr, "gomemctl: of %s no kill is recorded%s\n", o->operand,
			n ? "; postmortem --list has those that are" : "");
	else
		fprintf(stderr, "gomemctl: no kill is recorded here\n");
	return EXIT_REFUSED;
}

/* The newest that is meant; or with --list all of them. */
static int show(const struct options *o, int dirfd, const struct names *names)
{
	_cleanup_(json_putp) json_object *list = json_object_new_array();
	size_t bad = 0;

	for (size_t i = 0; i < names->n; i++) {
		_cleanup_(json_putp) json_object *r = read_record(dirfd, names->of[i]);

		bad += !r;
		if (!r || (o->operand && !postmortem_names(r, o->operand)))
			continue;
		if (o->list) {
			json_object_array_add(list, summary(r));
			continue;
		}
		if (o->json)
			print_json(r);
		else
			postmortem_print(stdout, r);
		return EXIT_DONE;
	}
	if (bad)
		fprintf(stderr, "gomemctl: %zu file(s) there are no records\n", bad);
	if (o->list && (!o->operand || json_object_array_length(list))) {
		show_list(o, list);
		return EXIT_DONE;
	}
	return none(o, names->n);
}

int verb_postmortem(const struct options *o)
{
	const char *path = o->dir ? o->dir : DIRECTORY;
	_cleanup_(names_done) struct names names = { 0 };
	_cleanup_(closep) int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dirfd < 0 ? -errno : list_names(dirfd, &names);

	if (r < 0) {
		fprintf(stderr, "gomemctl: cannot read %s: %s%s\n", path, strerror(-r),
			r == -EACCES ? " (be root)" :
			r == -ENOENT ? " (gomemd has not run here, or is older)" :
				       "");
		return EXIT_REFUSED;
	}
	return show(o, dirfd, &names);
}
