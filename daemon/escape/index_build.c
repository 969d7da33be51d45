/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/table.h"
#include "base/text.h"
#include "base/util.h"
#include "escape/index.h"
#include "escape/index_file.h"

struct built_entry {
	uint32_t file;
	struct index_entry entry;
};

struct escape_index_builder {
	char *directory;
	char *text;
	size_t n_text, room_text;
	struct table places;  /* of texts, by their hash; a place + 1 as a pointer */
	struct table numbers; /* of files, by name and package; a number + 1 */
	struct index_file *files;
	size_t n_files, room_files;
	struct built_entry *entries;
	size_t n_entries, room_entries;
};

static void *as_pointer(size_t n)
{
	return (void *)(uintptr_t)(n + 1);
}

static uint32_t as_number(const void *p)
{
	return (uint32_t)((uintptr_t)p - 1);
}

static int put_number(struct table *t, uint64_t key, size_t n)
{
	const int r = table_put(t, key, as_pointer(n));

	return r == -ENOSPC ? -EFBIG : r;
}

static int append(struct escape_index_builder *b, const char *text, size_t len)
{
	if (b->n_text + len + 1 > INDEX_TEXT_MAX)
		return -EFBIG;
	if (!b->text || b->n_text + len + 1 > b->room_text) {
		const size_t room = MAX(2 * b->room_text, b->n_text + len + 1);
		char *grown = realloc(b->text, room);

		if (!grown)
			return -ENOMEM;
		b->text = grown;
		b->room_text = room;
	}
	memcpy(b->text + b->n_text, text, len + 1);
	b->n_text += len + 1;
	return 0;
}

/* The place of a text, which is there once. */
static int place_of(struct escape_index_builder *b, const char *text, uint32_t *ret)
{
	uint64_t key = text_hash(TEXT_HASH_START, text);
	void *found;
	int r;

	for (; b->text && (found = table_get(&b->places, key)); key++)
		if (strcmp(b->text + as_number(found), text) == 0) {
			*ret = as_number(found);
			return 0;
		}
	*ret = (uint32_t)b->n_text;
	r = append(b, text, strlen(text));
	return r < 0 ? r : put_number(&b->places, key, *ret);
}

/* A relative name is completed where it is known what with; what leads out of the directory stays as it is. */
static int place_of_file(struct escape_index_builder *b, const char *name, uint32_t *ret)
{
	_cleanup_(freep) char *whole = NULL;

	if (!b->directory[0] || name[0] == '/' || name[0] == '<' || name[0] == '\0' ||
	    !strncmp(name, "../", strlen("../")))
		return place_of(b, name, ret);
	if (asprintf(&whole, "%s/%s", b->directory, name) < 0)
		return -ENOMEM;
	return place_of(b, whole, ret);
}

static int file_of(struct escape_index_builder *b, const struct escape_site *site, uint32_t *ret)
{
	struct index_file f = { 0 };
	void *found;
	uint64_t key;
	int r = place_of_file(b, site->file, &f.name);

	if (r == 0)
		r = place_of(b, site->package, &f.package);
	if (r < 0)
		return r;
	key = (uint64_t)f.name << 32 | f.package;
	found = table_get(&b->numbers, key);
	if (found) {
		*ret = as_number(found);
		return 0;
	}
	r = array_make_room(&b->files, &b->room_files, b->n_files, INDEX_ENTRIES_MAX, sizeof(f));
	if (r == 0)
		r = put_number(&b->numbers, key, b->n_files);
	if (r < 0)
		return r;
	*ret = (uint32_t)b->n_files;
	b->files[b->n_files++] = f;
	return 0;
}

/* What the compiler says where the class is decided. */
static int put_step(struct escape_index_builder *b, const struct escape_site *site,
		    struct index_entry *e)
{
	const struct escape_step *s;
	int r;

	if (site->cause >= site->path.n_steps)
		return 0;
	s = &site->path.steps[site->cause];
	e->step_line = s->line;
	r = place_of(b, s->text, &e->step);
	if (r == 0)
		r = place_of(b, s->reason_text, &e->reason);
	return r < 0 ? r : place_of_file(b, s->file, &e->step_file);
}

int escape_index_add(void *builder, const struct escape_site *site)
{
	struct escape_index_builder *b = builder;
	struct built_entry built = { .entry = { .line = site->line,
						.column = site->column,
						.kind = site->kind,
						.class = site->class } };
	int r;

	if (!escape_kind_allocates(site->kind) || site->line == 0)
		return 0;
	r = file_of(b, site, &built.file);
	if (r == 0)
		r = place_of(b, site->text, &built.entry.text);
	if (r == 0)
		r = place_of(b, site->function, &built.entry.function);
	if (r == 0)
		r = put_step(b, site, &built.entry);
	if (r == 0)
		r = array_make_room(&b->entries, &b->room_entries, b->n_entries, INDEX_ENTRIES_MAX,
				    sizeof(built));
	if (r < 0)
		return r;
	b->entries[b->n_entries++] = built;
	return 0;
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* By file, line and column; what is the same in all stands side by side. */
static int by_place(const void *one, const void *other)
{
	const struct built_entry *a = one, *b = other;
	int r = COMPARE(a->file, b->file);

	if (r == 0)
		r = COMPARE(a->entry.line, b->entry.line);
	if (r == 0)
		r = COMPARE(a->entry.column, b->entry.column);
	return r ? r : memcmp(&a->entry, &b->entry, sizeof(a->entry));
}

/* A generic function, or one that is built twice, is told of twice. */
static void drop_doubles(struct escape_index_builder *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->n_entries; i++)
		if (kept == 0 || by_place(&b->entries[kept - 1], &b->entries[i]) != 0)
			b->entries[kept++] = b->entries[i];
	b->n_entries = kept;
}

static void give_ranges(struct escape_index_builder *b)
{
	for (size_t i = 0; i < b->n_entries; i++) {
		struct index_file *f = &b->files[b->entries[i].file];

		if (f->n++ == 0)
			f->first = (uint32_t)i;
	}
}

static int by_last_part(const void *one, const void *other, void *text)
{
	const struct index_file *a = one, *b = other;
	const char *name_a = (const char *)text + a->name, *name_b = (const char *)text + b->name;
	int r = strcmp(index_base_of(name_a), index_base_of(name_b));

	return r ? r : strcmp(name_a, name_b);
}

static void *put(void *at, const void *from, size_t len)
{
	if (len)
		memcpy(at, from, len);
	return (char *)at + len;
}

int escape_index_finish(struct escape_index_builder *b, const struct escape_origin *origin,
			uint8_t **ret, size_t *ret_len)
{
	struct index_header h = { .magic = INDEX_MAGIC, .origin = *origin };
	size_t len;
	uint8_t *bytes;
	void *at;

	if (b->n_entries)
		qsort(b->entries, b->n_entries, sizeof(*b->entries), by_place);
	drop_doubles(b);
	give_ranges(b);
	if (b->n_files)
		qsort_r(b->files, b->n_files, sizeof(*b->files), by_last_part, b->text);
	h.n_files = (uint32_t)b->n_files;
	h.n_entries = (uint32_t)b->n_entries;
	h.text_bytes = b->n_text;
	len = (size_t)index_file_bytes(&h);
	bytes = malloc(len);
	if (!bytes)
		return -ENOMEM;
	at = put(bytes, &h, sizeof(h));
	at = put(at, b->files, b->n_files * sizeof(*b->files));
	for (size_t i = 0; i < b->n_entries; i++)
		at = put(at, &b->entries[i].entry, sizeof(b->entries[i].entry));
	put(at, b->text, b->n_text);
	*ret = bytes;
	*ret_len = len;
	return 0;
}

int escape_index_new(const char *directory, struct escape_index_builder **ret)
{
	_cleanup_(escape_index_freep) struct escape_index_builder *b = calloc(1, sizeof(*b));
	uint32_t none;
	int r;

	if (!b)
		return -ENOMEM;
	b->places.max = b->numbers.max = (size_t)8 * INDEX_ENTRIES_MAX;
	b->directory = strdup(directory);
	if (!b->directory)
		return -ENOMEM;
	r = place_of(b, "", &none);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}

struct escape_index_builder *escape_index_free(struct escape_index_builder *b)
{
	if (!b)
		return NULL;
	table_done(&b->places);
	table_done(&b->numbers);
	free(b->directory);
	free(b->text);
	free(b->files);
	free(b->entries);
	free(b);
	return NULL;
}
