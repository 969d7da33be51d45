/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/text.h"
#include "base/util.h"
#include "escape/package.h"
#include "escape/sites.h"

enum {
	SEEN_MAX = 1 << 20,
	PATH_STEPS_MAX = 2 * ESCAPE_STEPS_MAX,
	SAME_PLACE_MAX = 256, /* explanations of one name and place, whose texts are looked at */
};

static const char *const kind_names[] = {
	[ESCAPE_VALUE] = "value", [ESCAPE_VARIABLE] = "variable",    [ESCAPE_WRAPPER] = "wrapper",
	[ESCAPE_LEAK] = "leak",	  [ESCAPE_CONTENT] = "leak-content",
};
_Static_assert(ARRAY_SIZE(kind_names) == ESCAPE_MAX_, "a name for each kind");

struct escape_sites {
	struct escape_package *package;
	escape_site_handler handler;
	void *userdata;
	struct escape_sites_stats stats;
	bool explains;	 /* a block has come */
	uint32_t *order; /* blocks by name, file, line, column */
	size_t room_order;
	uint64_t *seen; /* what has been handed out of this package: open addressing */
	size_t n_seen, room_seen;
	struct escape_step steps[PATH_STEPS_MAX];
	struct escape_link links[ESCAPE_LINKS_MAX];
};

const char *escape_kind_name(enum escape_kind kind)
{
	return kind < ESCAPE_MAX_ ? kind_names[kind] : NULL;
}

bool escape_kind_allocates(enum escape_kind kind)
{
	return kind <= ESCAPE_WRAPPER;
}

int escape_sites_new(escape_site_handler handler, void *userdata, struct escape_sites **ret)
{
	_cleanup_(escape_sites_freep) struct escape_sites *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->handler = handler;
	s->userdata = userdata;
	r = escape_package_new(&s->package);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

void escape_sites_free(struct escape_sites *s)
{
	if (!s)
		return;
	escape_package_free(s->package);
	free(s->order);
	free(s->seen);
	free(s);
}

const struct escape_sites_stats *escape_sites_stats(const struct escape_sites *s)
{
	return &s->stats;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_places(const struct escape_place *a, const struct escape_place *b)
{
	int r = compare_numbers(a->file, b->file);

	if (r == 0)
		r = compare_numbers(a->line, b->line);
	return r ? r : compare_numbers(a->column, b->column);
}

/* By name, then by place; of one place in the order of the report. */
static int compare_blocks(const void *a, const void *b, void *userdata)
{
	const struct escape_item_block *blocks = userdata;
	const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	int r = compare_numbers(blocks[i].name, blocks[k].name);

	if (r == 0)
		r = compare_places(&blocks[i].at, &blocks[k].at);
	return r ? r : compare_numbers(i, k);
}

static int compare_functions(const void *a, const void *b)
{
	const struct escape_item_function *x = a, *y = b;

	return compare_places(&x->at, &y->at);
}

static int sort_blocks(struct escape_sites *s)
{
	const struct escape_package *p = s->package;

	if (s->room_order < p->blocks.n) {
		uint32_t *grown = reallocarray(s->order, p->blocks.room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->order = grown;
		s->room_order = p->blocks.room;
	}
	for (uint32_t i = 0; i < p->blocks.n; i++)
		s->order[i] = i;
	if (p->blocks.n)
		qsort_r(s->order, p->blocks.n, sizeof(*s->order), compare_blocks, p->blocks.p);
	return 0;
}

/* How many blocks of the order come before (@name, @at), those that are equal to it included. */
static size_t count_up_to(const struct escape_sites *s, uint64_t name,
			  const struct escape_place *at)
{
	const struct escape_item_block *blocks = s->package->blocks.p;
	size_t low = 0, high = s->package->blocks.n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const struct escape_item_block *b = &blocks[s->order[mid]];
		int r = compare_numbers(b->name, name);

		if (r == 0)
			r = compare_places(&b->at, at);
		if (r <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_text(const struct escape_sites *s, uint32_t a, uint32_t b)
{
	const struct escape_pool *texts = &s->package->texts;

	return !strcmp(escape_pool_text(texts, a), escape_pool_text(texts, b));
}

/* The explanation of exactly this place; NULL where there is none. All of the same are told with it. */
static const struct escape_item_block *find_block(struct escape_sites *s,
						  const struct escape_item_note *note)
{
	struct escape_item_block *blocks = s->package->blocks.p, *found = NULL;
	const bool leak = !escape_kind_allocates(note->kind);
	size_t tries = 0;

	for (size_t i = count_up_to(s, note->name, &note->at); i > 0; i--) {
		struct escape_item_block *b = &blocks[s->order[i - 1]];

		if (b->name != note->name || compare_places(&b->at, &note->at) != 0)
			break;
		/* The first note has told all of them: who follows need not go through however many there are. */
		if (++tries > SAME_PLACE_MAX && (leak || b->told))
			break;
		b->told |= !leak;
		if (b->leak == leak && (!found || is_text(s, b->text, note->text)))
			found = b;
	}
	return found;
}

/* The function that is declared last before @at in its file; "" where the report does not name all of them. */
static uint32_t function_at(const struct escape_package *p, const struct escape_place *at)
{
	size_t low = 0, high = p->functions.n;

	if (!p->all_functions)
		return 0;
	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (compare_places(&p->functions.p[mid].at, at) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low && p->functions.p[low - 1].at.file == at->file ? p->functions.p[low - 1].name :
								    0;
}

static uint32_t function_of(const struct escape_package *p, const struct escape_item_block *b)
{
	return b->function ? b->function : function_at(p, &b->at);
}

/*
 * The explanation of the place of storage that the one of @b ends in: of the same name, in the same function, the
 * nearest that begins before the last step of the way. NULL where the way ends there.
 */
static const struct escape_item_block *next_block(const struct escape_sites *s,
						  const struct escape_item_block *b)
{
	const struct escape_package *p = s->package;
	const char *to = escape_pool_text(&p->texts, p->flows.p[b->first_flow + b->n_flows - 1].to);
	struct span name = span_of(to, strlen(to));
	const struct escape_place *from = &b->at;
	const uint32_t function = function_of(p, b);
	uint64_t hash;
	size_t tries = 16;

	if (!name.len || !strcmp(to, "{heap}") || !strcmp(to, "{temp}") || to[0] == '~')
		return NULL;
	if (span_has_prefix(&name, "{storage for ") && name.p[name.len - 1] == '}') {
		span_skip(&name, strlen("{storage for "));
		name.len--;
	}
	if (b->n_steps)
		from = &p->steps.p[b->first_step + b->n_steps - 1].at;
	hash = escape_package_name(name);
	for (size_t i = count_up_to(s, hash, from); i > 0 && tries > 0; i--, tries--) {
		const struct escape_item_block *c = &p->blocks.p[s->order[i - 1]];

		if (c->name != hash || c->at.file != from->file)
			return NULL;
		if (c != b && !c->leak && c->n_flows && function_of(p, c) == function)
			return c;
	}
	return NULL;
}

static void add_link(struct escape_sites *s, const struct escape_item_block *b,
		     struct escape_path *path)
{
	const struct escape_package *p = s->package;
	struct escape_link *l = &s->links[path->n_links++];

	*l = (struct escape_link){ .text = escape_pool_text(&p->texts, b->text),
				   .first = path->n_steps };
	if (b->n_flows)
		l->to = escape_pool_text(&p->texts, p->flows.p[b->first_flow + b->n_flows - 1].to);
	else
		l->to = "";
	for (size_t i = 0; i < b->n_steps && path->n_steps < PATH_STEPS_MAX; i++) {
		const struct escape_item_step *from = &p->steps.p[b->first_step + i];

		s->steps[path->n_steps++] = (struct escape_step){
			.text = escape_pool_text(&p->texts, from->text),
			.reason_text = escape_pool_text(&p->names, from->reason_text),
			.to = escape_pool_text(&p->texts, p->flows.p[from->flow].to),
			.file = escape_pool_text(&p->names, from->at.file),
			.line = from->at.line,
			.column = from->at.column,
			.reason = from->reason,
		};
		l->n++;
	}
}

/* From one explanation to the next; a circle ends where the links do. */
static struct escape_path make_path(struct escape_sites *s, const struct escape_item_block *b)
{
	struct escape_path path = { .steps = s->steps, .links = s->links };
	const struct escape_item_block *first = b;

	while (b && path.n_links < ESCAPE_LINKS_MAX) {
		add_link(s, b, &path);
		b = b->n_flows ? next_block(s, b) : NULL;
		if (b == first)
			break;
	}
	return path;
}

static int grow_seen(struct escape_sites *s)
{
	const size_t room = s->room_seen ? 2 * s->room_seen : 1024;
	uint64_t *slots = calloc(room, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->room_seen; i++) {
		size_t k = s->seen[i] & (room - 1);

		if (!s->seen[i])
			continue;
		while (slots[k])
			k = (k + 1) & (room - 1);
		slots[k] = s->seen[i];
	}
	free(s->seen);
	s->seen = slots;
	s->room_seen = room;
	return 0;
}

static void forget_seen(struct escape_sites *s)
{
	if (s->n_seen)
		memset(s->seen, 0, s->room_seen * sizeof(*s->seen));
	s->n_seen = 0;
}

/* Each place once: a generic function is told of for each of its types. 1 where it is new, 0 where not, or -ENOMEM. */
static int is_new(struct escape_sites *s, const struct escape_item_note *note)
{
	const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h = text_hash(TEXT_HASH_START, escape_pool_text(&s->package->texts, note->text));
	size_t i;
	int r;

	h = (h ^ note->at.file) * k;
	h = (h ^ ((uint64_t)note->at.line << 32 | note->at.column)) * k;
	h = (h ^ (h >> 31) ^ note->kind) * k;
	h |= 1;
	if (s->n_seen >= SEEN_MAX)
		forget_seen(s);
	if (2 * s->n_seen >= s->room_seen) {
		r = grow_seen(s);
		if (r < 0)
			return r;
	}
	for (i = h & (s->room_seen - 1); s->seen[i]; i = (i + 1) & (s->room_seen - 1))
		if (s->seen[i] == h)
			return 0;
	s->seen[i] = h;
	s->n_seen++;
	return 1;
}

static int tell(struct escape_sites *s, const struct escape_item_note *note,
		const struct escape_item_block *block)
{
	const struct escape_package *p = s->package;
	struct escape_site site = {
		.kind = note->kind,
		.class = CLASS_LEAK,
		.package = escape_pool_text(&p->names, p->package),
		.text = escape_pool_text(&p->texts, note->text),
		.file = escape_pool_text(&p->names, note->at.file),
		.line = note->at.line,
		.column = note->at.column,
	};
	int r = is_new(s, note);

	if (r <= 0)
		return r;
	site.function = escape_pool_text(&p->names,
					 block ? function_of(p, block) : function_at(p, &note->at));
	site.path = make_path(s, block);
	site.cause = site.path.n_steps;
	if (escape_kind_allocates(site.kind))
		site.class = escape_classify(&site.path, &site.cause);
	s->stats.sites[site.kind]++;
	if (s->explains && site.class == CLASS_UNEXPLAINED)
		s->stats.unexplained++;
	return s->handler(s->userdata, &site);
}

/* What has an explanation and no line: the closures that go and defer run. */
static int tell_wrappers(struct escape_sites *s)
{
	const struct escape_package *p = s->package;

	for (size_t i = 0; i < p->blocks.n; i++) {
		const struct escape_item_block *b = &p->blocks.p[i];
		const struct escape_item_note note = {
			.kind = ESCAPE_WRAPPER, .name = b->name, .text = b->text, .at = b->at
		};
		int r;

		if (b->told || b->leak ||
		    strncmp(escape_pool_text(&p->texts, b->text), "func literal", 12) != 0)
			continue;
		r = tell(s, &note, b);
		if (r < 0)
			return r;
	}
	return 0;
}

static int hand_out(struct escape_sites *s)
{
	struct escape_package *p = s->package;
	int r = sort_blocks(s);

	if (p->functions.n)
		qsort(p->functions.p, p->functions.n, sizeof(*p->functions.p), compare_functions);
	for (size_t i = 0; r >= 0 && i < p->notes.n; i++)
		r = tell(s, &p->notes.p[i], find_block(s, &p->notes.p[i]));
	if (r >= 0)
		r = tell_wrappers(s);
	s->stats.stray += p->stray;
	s->stats.cut += p->cut;
	p->stray = p->cut = 0;
	escape_package_empty(p);
	return MIN(r, 0);
}

int escape_sites_flush(struct escape_sites *s)
{
	return hand_out(s);
}

int escape_sites_take(struct escape_sites *s, const struct escape_line *line)
{
	int r;

	if (line->kind == LINE_PACKAGE) {
		r = hand_out(s);
		forget_seen(s);
		return r < 0 ? r : escape_package_begin(s->package, line->text);
	}
	s->explains |= line->kind == LINE_BLOCK;
	r = escape_package_take(s->package, line);
	if (r != -EFBIG)
		return r;
	s->stats.early++;
	r = hand_out(s);
	if (r < 0)
		return r;
	r = escape_package_take(s->package, line);
	/* One text that is longer than all that a package may have. */
	return r == -EFBIG ? 0 : r;
}
