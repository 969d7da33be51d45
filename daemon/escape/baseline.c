/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/table.h"
#include "base/text.h"
#include "base/util.h"
#include "escape/baseline.h"

#define BASELINE_HEAD "# gomemd escape baseline 1\n"

struct escape_baseline {
	struct table
		table; /* by hash; where two share one, the second has the next number that is free */
	struct escape_make make;
	size_t text_bytes;
	struct escape_entry **sorted; /* NULL after a change */
};

int escape_baseline_new(struct escape_baseline **ret)
{
	struct escape_baseline *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->table.max = BASELINE_KEYS_MAX;
	*ret = b;
	return 0;
}

void escape_baseline_free(struct escape_baseline *b)
{
	struct escape_entry *e;
	size_t cursor = 0;

	if (!b)
		return;
	while ((e = table_next(&b->table, &cursor)))
		free(e);
	table_done(&b->table);
	free(b->sorted);
	free(b);
}

struct escape_key escape_key_of(const struct escape_site *site, char *buf)
{
	const char *slash = strrchr(site->file, '/');
	struct escape_key key = { .package = site->package,
				  .function = site->function,
				  .text = site->text,
				  .class = site->class,
				  .kind = site->kind };

	if (*key.function)
		return key;
	snprintf(buf, BASELINE_FUNCTION_MAX, "(%s)", slash ? slash + 1 : site->file);
	key.function = buf;
	return key;
}

static bool same_key(const struct escape_key *a, const struct escape_key *b)
{
	return a->class == b->class && a->kind == b->kind && !strcmp(a->text, b->text) &&
	       !strcmp(a->function, b->function) && !strcmp(a->package, b->package);
}

/* The entry of @key, or NULL; *ret_number is where it is, or would go. */
static struct escape_entry *find(const struct escape_baseline *b, const struct escape_key *key,
				 uint64_t *ret_number)
{
	uint64_t h = text_hash(TEXT_HASH_START, key->package);
	struct escape_entry *e;

	h = text_hash(text_hash(h, key->function), key->text);
	h = (h ^ ((uint64_t)key->class << 8 | key->kind)) * UINT64_C(0x9e3779b97f4a7c15);
	for (; (e = table_get(&b->table, h)); h++)
		if (same_key(&e->key, key))
			break;
	*ret_number = h;
	return e;
}

static const char *put_text(char **at, const char *text)
{
	const size_t n = strlen(text) + 1;
	const char *ret = memcpy(*at, text, n);

	*at += n;
	return ret;
}

static int add_entry(struct escape_baseline *b, const struct escape_key *key, uint64_t number,
		     uint64_t count)
{
	const size_t n = strlen(key->package) + strlen(key->function) + strlen(key->text) + 3;
	_cleanup_(freep) struct escape_entry *e = NULL;
	char *at;
	int r;

	if (b->text_bytes + n + sizeof(*e) > BASELINE_TEXT_MAX)
		return -EFBIG;
	e = malloc(sizeof(*e) + n);
	if (!e)
		return -ENOMEM;
	at = (char *)(e + 1);
	*e = (struct escape_entry){ .key = *key, .count = count };
	e->key.package = put_text(&at, key->package);
	e->key.function = put_text(&at, key->function);
	e->key.text = put_text(&at, key->text);
	r = table_put(&b->table, number, e);
	if (r < 0)
		return r == -ENOSPC ? -EFBIG : r;
	TAKE_PTR(e);
	b->text_bytes += n + sizeof(*e);
	free(b->sorted);
	b->sorted = NULL;
	return 0;
}

int escape_baseline_add(struct escape_baseline *b, const struct escape_key *key, uint64_t count)
{
	uint64_t number;
	struct escape_entry *e = find(b, key, &number);

	if (!e)
		return add_entry(b, key, number, count);
	e->count = add_sat(e->count, count);
	return 0;
}

uint64_t escape_baseline_count(const struct escape_baseline *b, const struct escape_key *key)
{
	uint64_t number;
	const struct escape_entry *e = find(b, key, &number);

	return e ? e->count : 0;
}

int escape_baseline_meet(struct escape_baseline *b, const struct escape_key *key)
{
	uint64_t number;
	struct escape_entry *e = find(b, key, &number);

	if (!e)
		return 0;
	e->met++;
	return e->met <= e->count;
}

void escape_baseline_set_make(struct escape_baseline *b, const struct escape_make *make)
{
	b->make = *make;
}

const struct escape_make *escape_baseline_make(const struct escape_baseline *b)
{
	return &b->make;
}

void escape_make_of(const struct escape_stats *stats, struct escape_make *ret)
{
	*ret = (struct escape_make){ .made_with_l = escape_stats_made_with_l(stats),
				     .detailed = stats->detailed };
	text_copy(ret->go_version, sizeof(ret->go_version), stats->go_version);
}

static int by_key(const void *a, const void *b)
{
	const struct escape_key *x = &(*(struct escape_entry *const *)a)->key;
	const struct escape_key *y = &(*(struct escape_entry *const *)b)->key;
	int r = strcmp(x->package, y->package);

	if (r == 0)
		r = strcmp(x->function, y->function);
	if (r == 0)
		r = (int)x->class - (int)y->class;
	if (r == 0)
		r = strcmp(x->text, y->text);
	return r ? r : (int)x->kind - (int)y->kind;
}

size_t escape_baseline_entries(struct escape_baseline *b, struct escape_entry *const **ret)
{
	struct escape_entry *e;
	size_t cursor = 0, n = 0;

	*ret = NULL;
	if (!b->sorted && b->table.n) {
		b->sorted = calloc(b->table.n, sizeof(*b->sorted));
		if (!b->sorted)
			return 0;
		while ((e = table_next(&b->table, &cursor)))
			b->sorted[n++] = e;
		qsort(b->sorted, n, sizeof(*b->sorted), by_key);
	}
	*ret = b->sorted;
	return b->sorted ? b->table.n : 0;
}

int escape_baseline_write(struct escape_baseline *b, FILE *f)
{
	struct escape_entry *const *entries;
	const size_t n = escape_baseline_entries(b, &entries);

	fprintf(f, BASELINE_HEAD);
	fprintf(f, "# go %s\n", b->make.go_version[0] ? b->make.go_version : "unknown");
	fprintf(f, "# made_with_l %s\n", b->make.made_with_l ? "yes" : "no");
	fprintf(f, "# explained %s\n", b->make.detailed ? "yes" : "no");
	for (size_t i = 0; i < n; i++) {
		const struct escape_key *k = &entries[i]->key;

		fprintf(f, "%s\t%s\t%s\t%s\t%" PRIu64 "\t%s\n", k->package, k->function,
			escape_class_name(k->class), escape_kind_name(k->kind), entries[i]->count,
			k->text);
	}
	return fflush(f) || ferror(f) || n < b->table.n ? -EIO : 0;
}

bool escape_baseline_is(struct span text)
{
	return span_has_prefix(&text, "# gomemd escape baseline ");
}

static int parse_kind(const char *name, enum escape_kind *ret)
{
	for (enum escape_kind k = 0; k < ESCAPE_MAX_; k++)
		if (!strcmp(escape_kind_name(k), name)) {
			*ret = k;
			return 0;
		}
	return -EINVAL;
}

static const char *read_head(struct escape_make *make, const char *line)
{
	if (!strncmp(line, "# go ", 5)) {
		if (strcmp(line + 5, "unknown") != 0 &&
		    !text_copy(make->go_version, sizeof(make->go_version), line + 5))
			return "a Go version is shorter";
	} else if (!strncmp(line, "# made_with_l ", 14)) {
		if (text_parse_bool(line + 14, &make->made_with_l) < 0)
			return "made_with_l is yes or no";
	} else if (!strncmp(line, "# explained ", 12)) {
		if (text_parse_bool(line + 12, &make->detailed) < 0)
			return "explained is yes or no";
	}
	/* Whatever else begins so is a comment. */
	return NULL;
}

static const char *read_entry(struct escape_baseline *b, char *line, int *ret)
{
	char *fields[6] = { line };
	struct escape_key key;
	uint64_t count;

	for (size_t i = 1; i < ARRAY_SIZE(fields); i++) {
		char *tab = strchr(fields[i - 1], '\t');

		if (!tab)
			return "six fields are wanted, with a tab between them";
		*tab = '\0';
		fields[i] = tab + 1;
	}
	key = (struct escape_key){ .package = fields[0], .function = fields[1], .text = fields[5] };
	if (escape_class_parse(fields[2], &key.class) < 0)
		return "the third field is no class; gomemd-escape(5) lists them";
	if (parse_kind(fields[3], &key.kind) < 0)
		return "the fourth field is no kind; gomemd-escape(5) lists them";
	if (text_parse_u64(fields[4], &count) < 0 || !count)
		return "the fifth field is how often, 1 or more";
	*ret = escape_baseline_add(b, &key, count);
	return NULL;
}

static const char *read_line(struct escape_baseline *b, struct span line, int *ret)
{
	_cleanup_(freep) char *text = NULL;

	if (line.len && line.p[line.len - 1] == '\r')
		line.len--;
	if (!line.len)
		return NULL;
	if (memchr(line.p, '\0', line.len))
		return "a NUL byte; a baseline is a text file";
	text = strndup((const char *)line.p, line.len);
	if (!text) {
		*ret = -ENOMEM;
		return NULL;
	}
	return *text == '#' ? read_head(&b->make, text) : read_entry(b, text, ret);
}

int escape_baseline_read(struct span text, struct escape_baseline **ret, uint64_t *ret_line,
			 const char **ret_why)
{
	_cleanup_(escape_baseline_freep) struct escape_baseline *b = NULL;
	int r = escape_baseline_new(&b);
	uint64_t n = 0;

	*ret_line = 1;
	*ret_why =
		"its first line is '# gomemd escape baseline 1'; gomemctl escape baseline writes one";
	if (r == 0 && !span_has_prefix(&text, BASELINE_HEAD))
		return -EBADMSG;
	while (r == 0 && text.len) {
		const uint8_t *newline = memchr(text.p, '\n', text.len);
		const size_t len = newline ? (size_t)(newline - text.p) : text.len;
		const char *why = read_line(b, span_of(text.p, len), &r);

		*ret_line = ++n;
		if (why) {
			*ret_why = why;
			return -EBADMSG;
		}
		span_skip(&text, len + (newline != NULL));
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b);
	return 0;
}
