/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/util.h"
#include "escape/join.h"
#include "gobin/go_name.h"

#define BOXED_BYTES_MAX 24

static const char *const names[] = {
	[JOIN_SITE] = "site",
	[JOIN_IMPLICIT] = "implicit",
	[JOIN_NO_FILE] = "file-not-in-report",
	[JOIN_ONLY_RUNTIME] = "only-runtime",
};
_Static_assert(ARRAY_SIZE(names) == JOIN_MAX_, "a name for each outcome");

const char *escape_outcome_name(enum escape_outcome outcome)
{
	return outcome < JOIN_MAX_ ? names[outcome] : "?";
}

/*
 * What the compiler calls the things that one of the runtime's functions allocates: beginnings of expressions, or
 * what is in them.
 */
static const struct {
	enum alloc_class alloc;
	const char *begins, *contains;
} forms[] = {
	{ ALLOC_NEW, "&", NULL },
	{ ALLOC_NEW, "new(", NULL },
	{ ALLOC_NEW, "func literal", NULL },
	{ ALLOC_SLICE_MADE, "make([]", NULL },
	{ ALLOC_SLICE_MADE, "[]", "{...}" },
	{ ALLOC_SLICE_MADE, "... argument", NULL },
	{ ALLOC_SLICE_GROWN, "append", NULL },
	{ ALLOC_MAP, "make(map", NULL },
	{ ALLOC_MAP, "map[", NULL },
	{ ALLOC_GOROUTINE, "func literal", NULL },
	{ ALLOC_STRING, "string(", NULL },
	{ ALLOC_STRING, "[]byte(", NULL },
	{ ALLOC_STRING, "([]byte)(", NULL },
	{ ALLOC_STRING, "[]rune(", NULL },
	{ ALLOC_STRING, "([]rune)(", NULL },
	{ ALLOC_STRING, "", " + " },
	{ ALLOC_REFLECTION, "", "reflect." },
};

static bool has_form(const char *text, enum alloc_class alloc)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].alloc == alloc &&
		    !strncmp(text, forms[i].begins, strlen(forms[i].begins)) &&
		    (!forms[i].contains || strstr(text, forms[i].contains)))
			return true;
	return false;
}

/* Boxing has no form of its own: any expression that has none of the others. */
static bool has_any_form(const char *text)
{
	for (enum alloc_class a = 0; a < ALLOC_CLASS_MAX_; a++)
		if (has_form(text, a))
			return true;
	return false;
}

static bool fits(const struct escape_index *index, const struct index_entry *e,
		 enum alloc_class alloc)
{
	const char *text = escape_index_text(index, e->text);

	if (alloc == ALLOC_BOXING)
		return e->kind == ESCAPE_VALUE && !has_any_form(text);
	if (alloc == ALLOC_NEW && e->kind == ESCAPE_VARIABLE)
		return true;
	if (alloc == ALLOC_GOROUTINE || alloc == ALLOC_NEW)
		return e->kind == ESCAPE_WRAPPER || has_form(text, alloc);
	return has_form(text, alloc);
}

/* Of these the compiler prints a line seldom or never: where the line's entries are of another form, it is none of them. */
static bool is_implicit(enum alloc_class alloc)
{
	return alloc == ALLOC_SLICE_GROWN || alloc == ALLOC_MAP || alloc == ALLOC_CHANNEL ||
	       alloc == ALLOC_STRING || alloc == ALLOC_GOROUTINE || alloc == ALLOC_TIMER;
}

/* The type's name without its package, as an expression would have it. */
static bool names_type(const char *text, const char *type)
{
	const char *dot = strrchr(type, '.'), *name = dot ? dot + 1 : type;

	return name[0] && strstr(text, name);
}

/* What is looked for, and the best that was found so far. */
struct search {
	const struct escape_index *index;
	const struct escape_allocation *of;
	/* Entries of the innermost line, where the one looked at has what was inlined from there. */
	const struct index_entry *inner;
	size_t n_inner;
	unsigned int best;
};

/* A value in an interface is a word or some; what is larger has mostly a form of its own. */
static bool fits_size(const struct index_entry *e, const char *text, uint64_t object_bytes)
{
	const bool has_form = e->kind == ESCAPE_VARIABLE || has_any_form(text);

	return object_bytes > 0 && has_form == (object_bytes > BOXED_BYTES_MAX);
}

/* Of what was inlined the compiler says the same at the call as where it stands. */
static bool is_inlined_from(const struct search *s, const char *text)
{
	for (size_t i = 0; i < s->n_inner; i++)
		if (!strcmp(escape_index_text(s->index, s->inner[i].text), text))
			return true;
	return false;
}

/*
 * How likely it is that this entry is the allocation; 0: it is not. What a panic is given is allocated when it comes to
 * that, which is hardly ever what a profile shows.
 */
static unsigned int likelihood(const struct search *s, const struct index_entry *e)
{
	const char *text = escape_index_text(s->index, e->text);
	unsigned int score = e->class == CLASS_PANIC ? 1 : 2;

	if (s->of->alloc != ALLOC_OTHER) {
		if (fits(s->index, e, s->of->alloc))
			score += 8;
		else if (is_implicit(s->of->alloc))
			return 0;
	} else if (e->class != CLASS_PANIC && fits_size(e, text, s->of->object_bytes)) {
		score += 1;
	}
	if (names_type(text, s->of->type))
		score += 4;
	if (is_inlined_from(s, text))
		score += 2;
	return score;
}

/* The entries of a frame's line; NULL where the report has no such file. */
static const struct index_entry *entries_of(const struct search *s, const struct escape_frame *f,
					    size_t *ret_n)
{
	const int file = escape_index_file(s->index, f->function, f->file);

	*ret_n = 0;
	return file < 0 ? NULL : escape_index_line(s->index, file, f->line, ret_n);
}

/* One of a frame that was looked at before is as good as one of these, and stays. */
static void look_at(struct search *s, const struct escape_frame *frames, size_t at,
		    struct escape_joined *ret)
{
	const unsigned int before = s->best;
	size_t n;
	const struct index_entry *entries = entries_of(s, &frames[at], &n);

	if (!entries)
		return;
	if (ret->outcome != JOIN_SITE)
		ret->outcome = JOIN_IMPLICIT;
	for (size_t i = 0; i < n; i++) {
		const unsigned int score = likelihood(s, &entries[i]);

		if (score > s->best) {
			s->best = score;
			ret->outcome = JOIN_SITE;
			ret->entry = &entries[i];
			ret->site = at;
			ret->ambiguous = score == 1;
		} else if (score && score == s->best && score > before) {
			ret->ambiguous = true;
		}
	}
}

void escape_join(const struct escape_index *index, const struct escape_frame *frames, size_t n,
		 const struct escape_allocation *of, struct escape_joined *ret)
{
	struct search s = { .index = index, .of = of };
	size_t inner = 0, outer;

	while (inner < n && go_call_is_runtime(frames[inner].function, frames[inner].file))
		inner++;
	*ret = (struct escape_joined){ .outcome = inner < n ? JOIN_NO_FILE : JOIN_ONLY_RUNTIME,
				       .site = inner };
	if (inner == n)
		return;
	for (outer = inner; outer + 1 < n && !frames[outer].outermost;)
		outer++;
	if (outer != inner)
		s.inner = entries_of(&s, &frames[inner], &s.n_inner);
	look_at(&s, frames, outer, ret);
	s.n_inner = 0;
	if (outer != inner)
		look_at(&s, frames, inner, ret);
}

size_t escape_cause(const struct escape_frame *frames, size_t n, const char *module)
{
	size_t i = 0;

	while (i < n && !go_call_is_main(frames[i].function, frames[i].file, module))
		i++;
	return i;
}
