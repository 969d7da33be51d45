/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/text.h"
#include "base/util.h"
#include "escape/package.h"

enum {
	NAMES_MAX = 8 << 20,
	FUNCTIONS_MAX = 1 << 17,
	FUNCTION_BYTES_MAX = 256,
};

static uint64_t hash_span(struct span s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

#define RESERVE(list, max)                                                                         \
	array_make_room(&(list)->p, &(list)->room, (list)->n, (max), sizeof(*(list)->p))

static void copy_clean(char *to, struct span text)
{
	for (size_t i = 0; i < text.len;) {
		const char *from = (const char *)text.p + i;
		const size_t n = text_character(from, text.len - i);

		if (n)
			memcpy(to + i, from, n);
		else
			to[i] = '?';
		i += MAX(n, (size_t)1);
	}
}

int escape_pool_add(struct escape_pool *pool, struct span text, uint32_t *ret)
{
	const size_t want = (size_t)pool->n + text.len + 1;

	if (!text.len) {
		*ret = 0;
		return 0;
	}
	if (want > pool->max)
		return -EFBIG;
	if (want > pool->room) {
		const size_t room = MIN(MAX(2 * (size_t)pool->room, want), (size_t)pool->max);
		char *grown = realloc(pool->p, room);

		if (!grown)
			return -ENOMEM;
		pool->p = grown;
		pool->room = (uint32_t)room;
	}
	copy_clean(pool->p + pool->n, text);
	pool->p[pool->n + text.len] = '\0';
	*ret = pool->n;
	pool->n = (uint32_t)want;
	return 0;
}

const char *escape_pool_text(const struct escape_pool *pool, uint32_t offset)
{
	return offset && offset < pool->n ? pool->p + offset : "";
}

/* Offset 0 is taken, so that it can stand for nothing. */
static int pool_start(struct escape_pool *pool, uint32_t max)
{
	pool->max = max;
	pool->room = 4096;
	pool->p = malloc(pool->room);
	if (!pool->p)
		return -ENOMEM;
	pool->p[0] = '\0';
	pool->n = 1;
	return 0;
}

int escape_package_new(struct escape_package **ret)
{
	_cleanup_(escape_package_freep) struct escape_package *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = pool_start(&p->names, NAMES_MAX);
	if (r == 0)
		r = pool_start(&p->texts, ESCAPE_TEXT_MAX);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

void escape_package_free(struct escape_package *p)
{
	if (!p)
		return;
	free(p->names.p);
	free(p->texts.p);
	free(p->interned);
	free(p->steps.p);
	free(p->flows.p);
	free(p->blocks.p);
	free(p->notes.p);
	free(p->functions.p);
	free(p);
}

static void put_interned(uint32_t *slots, size_t room, uint64_t hash, uint32_t offset)
{
	size_t i = hash & (room - 1);

	while (slots[i])
		i = (i + 1) & (room - 1);
	slots[i] = offset;
}

static int grow_interned(struct escape_package *p)
{
	const size_t room = p->room_interned ? 2 * p->room_interned : 1024;
	uint32_t *slots = calloc(room, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < p->room_interned; i++) {
		const char *text = escape_pool_text(&p->names, p->interned[i]);

		if (p->interned[i])
			put_interned(slots, room, hash_span(span_of(text, strlen(text))),
				     p->interned[i]);
	}
	free(p->interned);
	p->interned = slots;
	p->room_interned = room;
	return 0;
}

/* Equal texts get equal offsets, unless they hold a NUL. One that does not fit any more is as good as none. */
static int intern_new(struct escape_package *p, struct span text, uint32_t *ret)
{
	const uint64_t hash = hash_span(text);
	int r;

	if (2 * p->n_interned >= p->room_interned) {
		r = grow_interned(p);
		if (r < 0)
			return r;
	}
	for (size_t i = hash & (p->room_interned - 1); p->interned[i];
	     i = (i + 1) & (p->room_interned - 1)) {
		if (!span_equals(&text, escape_pool_text(&p->names, p->interned[i])))
			continue;
		*ret = p->interned[i];
		return 0;
	}
	r = escape_pool_add(&p->names, text, ret);
	if (r == -EFBIG)
		*ret = 0;
	else if (r < 0)
		return r;
	if (*ret) {
		put_interned(p->interned, p->room_interned, hash, *ret);
		p->n_interned++;
	}
	return 0;
}

/* Most are one of a few that came just before. */
static int intern(struct escape_package *p, struct span text, uint32_t *ret)
{
	uint32_t *recent;
	int r;

	*ret = 0;
	if (!text.len)
		return 0;
	recent = &p->recent[(text.len + text.p[text.len / 2]) % ARRAY_SIZE(p->recent)];
	if (*recent + text.len < p->names.n && p->names.p[*recent + text.len] == '\0' &&
	    !memcmp(p->names.p + *recent, text.p, text.len)) {
		*ret = *recent;
		return 0;
	}
	r = intern_new(p, text, ret);
	if (r == 0 && *ret)
		*recent = *ret;
	return r;
}

int escape_package_begin(struct escape_package *p, struct span name)
{
	escape_package_empty(p);
	p->functions.n = 0;
	p->all_functions = false;
	p->names.n = 1;
	p->n_interned = 0;
	memset(p->recent, 0, sizeof(p->recent));
	if (p->interned)
		memset(p->interned, 0, p->room_interned * sizeof(*p->interned));
	return intern(p, name, &p->package);
}

void escape_package_empty(struct escape_package *p)
{
	p->texts.n = 1;
	p->steps.n = p->flows.n = p->blocks.n = p->notes.n = 0;
	p->open = false;
}

/*
 * A call's value is known by the function alone: to Go 1.20 the arguments of a variadic call are written in one way in
 * the explanation and in another in the line. What is not a call, make, new and conversions to string, stays whole.
 */
uint64_t escape_package_name(struct span text)
{
	static const char *const whole[] = { "make(", "new(", "string(" };
	size_t n = 0;

	if (span_has_prefix(&text, "append("))
		return hash_span(span_of("append", 6));
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		if (span_has_prefix(&text, whole[i]))
			return hash_span(text);
	while (n < text.len && (isalnum(text.p[n]) || text.p[n] == '.' || text.p[n] == '_'))
		n++;
	if (n && n < text.len && text.p[n] == '(' && text.p[text.len - 1] == ')')
		text.len = n + 1;
	return hash_span(text);
}

/* "F.func1", "F.gowrap2", "F.deferwrap1", "F-range1", "F-fm": what the compiler has made of parts of F. */
static size_t length_declared(const char *name)
{
	static const char *const made[] = { ".func", ".gowrap", ".deferwrap", "-range" };
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		const char *at = name;

		while ((at = strstr(at, made[i]))) {
			const char digit = at[strlen(made[i])];

			if (digit >= '0' && digit <= '9')
				n = MIN(n, (size_t)(at - name));
			at++;
		}
	}
	if (n > 3 && !memcmp(name + n - 3, "-fm", 3))
		n -= 3;
	return n;
}

struct span escape_package_function(struct span name, char *buf, size_t size)
{
	size_t n = 0, depth = 0;

	for (size_t i = 0; i < name.len && n + 1 < size; i++) {
		const char c = (char)name.p[i];

		if (c == '[')
			depth++;
		else if (c == ']' && depth)
			depth--;
		else if (!depth)
			buf[n++] = c;
	}
	buf[n] = '\0';
	n = length_declared(buf);
	/* Closures of package variables, as Go 1.19 names them. */
	if (n == strlen("glob.") && !memcmp(buf, "glob.", n))
		return span_of("init", 4);
	return span_of(buf, n);
}

static int take_place(struct escape_package *p, const struct escape_at *at,
		      struct escape_place *ret)
{
	struct span file = at->file;

	if (span_has_prefix(&file, "./"))
		span_skip(&file, 2);
	ret->line = at->line;
	ret->column = at->column;
	return intern(p, file, &ret->file);
}

static int take_block(struct escape_package *p, const struct escape_line *line)
{
	struct escape_item_block b = { .name = escape_package_name(line->text),
				       .leak = line->kind == LINE_LEAKING,
				       .first_flow = (uint32_t)p->flows.n,
				       .first_step = (uint32_t)p->steps.n };
	char buf[FUNCTION_BYTES_MAX] = "";
	int r = RESERVE(&p->blocks, ESCAPE_ITEMS_MAX);

	p->open = false;
	if (r == 0)
		r = escape_pool_add(&p->texts, line->text, &b.text);
	if (r == 0)
		r = take_place(p, &line->at, &b.at);
	if (r == 0)
		r = intern(p, escape_package_function(line->function, buf, sizeof(buf)),
			   &b.function);
	if (r < 0)
		return r;
	p->blocks.p[p->blocks.n++] = b;
	p->open = true;
	return 0;
}

/* The block that this line of an explanation belongs to; NULL where it is of none. */
static struct escape_item_block *current(struct escape_package *p, const struct escape_line *line)
{
	struct escape_item_block *b = p->open ? &p->blocks.p[p->blocks.n - 1] : NULL;

	if (b && b->at.line == line->at.line && b->at.column == line->at.column)
		return b;
	p->stray++;
	return NULL;
}

static int take_flow(struct escape_package *p, const struct escape_line *line)
{
	struct escape_item_block *b = current(p, line);
	struct escape_item_flow flow;
	int r;

	if (!b)
		return 0;
	/* However long it is, where it ends is what counts: the last one is replaced. */
	if (b->n_flows == ESCAPE_STEPS_MAX) {
		b->n_flows--;
		p->flows.n--;
		p->cut++;
	}
	r = RESERVE(&p->flows, ESCAPE_ITEMS_MAX);
	if (r == 0)
		r = escape_pool_add(&p->texts, line->to, &flow.to);
	if (r < 0)
		return r;
	p->flows.p[p->flows.n++] = flow;
	b->n_flows++;
	return 0;
}

static int take_step(struct escape_package *p, const struct escape_line *line)
{
	struct escape_item_block *b = current(p, line);
	struct escape_item_step step = { .reason = escape_reason_of(line->reason) };
	int r;

	if (!b)
		return 0;
	if (!b->n_flows || b->n_steps == ESCAPE_STEPS_MAX) {
		p->cut++;
		return 0;
	}
	r = RESERVE(&p->steps, 4 * ESCAPE_ITEMS_MAX);
	if (r == 0)
		r = escape_pool_add(&p->texts, line->text, &step.text);
	if (r == 0)
		r = intern(p, line->reason, &step.reason_text);
	if (r == 0)
		r = take_place(p, &line->where, &step.at);
	if (r < 0)
		return r;
	step.flow = b->first_flow + b->n_flows - 1;
	p->steps.p[p->steps.n++] = step;
	b->n_steps++;
	return 0;
}

static int take_note(struct escape_package *p, const struct escape_line *line,
		     enum escape_kind kind)
{
	struct escape_item_note note = { .kind = kind, .name = escape_package_name(line->text) };
	int r = RESERVE(&p->notes, ESCAPE_ITEMS_MAX);

	p->open = false;
	if (r == 0)
		r = escape_pool_add(&p->texts, line->text, &note.text);
	if (r == 0)
		r = take_place(p, &line->at, &note.at);
	if (r == 0)
		p->notes.p[p->notes.n++] = note;
	return r;
}

/* Those beyond the cap are not known by name, which costs no more than that. */
static int take_function(struct escape_package *p, const struct escape_line *line)
{
	char buf[FUNCTION_BYTES_MAX] = "";
	struct escape_item_function f;
	struct span name = escape_package_function(line->text, buf, sizeof(buf));
	struct escape_item_function *last =
		p->functions.n ? &p->functions.p[p->functions.n - 1] : NULL;
	int r;

	p->open = false;
	p->all_functions |= line->detailed;
	r = RESERVE(&p->functions, FUNCTIONS_MAX);
	if (r == -EFBIG)
		return 0;
	/* A closure begins within its function, and says nothing of where that ends. */
	if (r < 0 || (name.len < line->text.len && !memchr(line->text.p, '[', line->text.len)))
		return r;
	r = take_place(p, &line->at, &f.at);
	if (r == 0)
		r = intern(p, name, &f.name);
	if (r < 0 || (last && last->name == f.name && last->at.line == f.at.line))
		return r;
	p->functions.p[p->functions.n++] = f;
	return 0;
}

int escape_package_take(struct escape_package *p, const struct escape_line *line)
{
	switch (line->kind) {
	case LINE_ESCAPES:
		return take_note(p, line, ESCAPE_VALUE);
	case LINE_MOVED:
		return take_note(p, line, ESCAPE_VARIABLE);
	case LINE_LEAKS:
		return take_note(p, line, ESCAPE_LEAK);
	case LINE_CONTENT:
		return take_note(p, line, ESCAPE_CONTENT);
	case LINE_BLOCK:
	case LINE_LEAKING:
		return take_block(p, line);
	case LINE_FLOW:
		return take_flow(p, line);
	case LINE_FROM:
		return take_step(p, line);
	case LINE_FUNCTION:
		return take_function(p, line);
	default:
		return 0;
	}
}
