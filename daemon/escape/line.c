/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "escape/line.h"

#define ARROW " \xe2\x86\x90 "

static const char *const kind_names[] = {
	[LINE_UNKNOWN] = "unknown",   [LINE_BLANK] = "blank",	  [LINE_PACKAGE] = "package",
	[LINE_ESCAPES] = "escapes",   [LINE_MOVED] = "moved",	  [LINE_STAYS] = "stays",
	[LINE_LEAKS] = "leaks",	      [LINE_CONTENT] = "content", [LINE_RESULT] = "result",
	[LINE_BLOCK] = "explanation", [LINE_LEAKING] = "leaking", [LINE_FLOW] = "flow",
	[LINE_FROM] = "from",	      [LINE_CYCLE] = "cycle",	  [LINE_FUNCTION] = "function",
	[LINE_INLINING] = "inlining", [LINE_NOTE] = "note",	  [LINE_DUMP] = "dump",
};
_Static_assert(ARRAY_SIZE(kind_names) == LINE_MAX_, "a name for each kind of line");

const char *escape_line_name(enum escape_line_kind kind)
{
	return kind < LINE_MAX_ ? kind_names[kind] : NULL;
}

bool span_equals(const struct span *s, const char *text)
{
	return s->len == strlen(text) && memcmp(s->p, text, s->len) == 0;
}

size_t span_find_last(const struct span *s, const char *text)
{
	const size_t n = strlen(text);
	size_t end = s->len;

	if (!n)
		return s->len;
	while (end >= n) {
		const uint8_t *p = memrchr(s->p, (uint8_t)text[n - 1], end);

		if (!p || (size_t)(p - s->p) + 1 < n)
			break;
		end = (size_t)(p - s->p);
		if (memcmp(p + 1 - n, text, n) == 0)
			return end + 1 - n;
	}
	return SIZE_MAX;
}

static size_t find_first(const struct span *s, const char *text)
{
	const uint8_t *p = s->len ? memmem(s->p, s->len, text, strlen(text)) : NULL;

	return p ? (size_t)(p - s->p) : SIZE_MAX;
}

static struct span part(const struct span *s, size_t from, size_t to)
{
	return span_of(s->p + from, to - from);
}

static inline __attribute__((always_inline)) bool take_prefix(struct span *s, const char *prefix)
{
	return span_has_prefix(s, prefix) && span_skip(s, strlen(prefix)) == 0;
}

static bool take_suffix(struct span *s, const char *suffix)
{
	const size_t n = strlen(suffix);

	if (s->len < n || memcmp(s->p + s->len - n, suffix, n) != 0)
		return false;
	s->len -= n;
	return true;
}

/* Digits up to a number that is in every source file's range; false where there are none. */
static bool take_number(struct span *s, uint32_t *ret)
{
	uint32_t v = 0;
	size_t i = 0;

	for (; i < s->len && i < 9 && s->p[i] >= '0' && s->p[i] <= '9'; i++)
		v = v * 10 + (uint32_t)(s->p[i] - '0');
	if (!i)
		return false;
	*ret = v;
	return span_skip(s, i) == 0;
}

/* "FILE:LINE", "FILE:LINE:COLUMN" or "<unknown line number>", up to a colon or the end. */
static bool take_position(struct span *s, struct escape_at *ret)
{
	const struct span whole = *s;

	*ret = (struct escape_at){ .file = span_of(whole.p, 0) };
	if (take_prefix(s, "<unknown line number>"))
		return true;
	for (size_t i = 0; i < whole.len; i++) {
		const uint8_t *colon = memchr(whole.p + i, ':', whole.len - i);
		struct span rest;

		if (!colon)
			return false;
		i = (size_t)(colon - whole.p);
		rest = part(&whole, i + 1, whole.len);
		if (i == 0 || !take_number(&rest, &ret->line))
			continue;
		ret->file = part(&whole, 0, i);
		*s = rest;
		if (rest.len > 1 && rest.p[0] == ':' && span_skip(&rest, 1) == 0 &&
		    take_number(&rest, &ret->column))
			*s = rest;
		return true;
	}
	return false;
}

/* Past a string, a rune or anything in brackets that begins at @i; @i + 1 for any other byte, SIZE_MAX where it has no end. */
static size_t skip_group(const struct span *s, size_t i)
{
	size_t depth = 0;

	for (; i < s->len; i++) {
		const uint8_t c = s->p[i];

		if (c == '"' || c == '`' || c == '\'') {
			size_t end = i + 1;

			while (end < s->len && s->p[end] != c)
				end += c != '`' && s->p[end] == '\\' ? 2 : 1;
			if (end >= s->len)
				return SIZE_MAX;
			i = end;
		} else if (c == '{' || c == '(' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ')' || c == ']') && depth) {
			depth--;
		}
		if (!depth)
			return i + 1;
	}
	return SIZE_MAX;
}

/* The first @text that stands in no brackets and no string. */
static size_t find_outside(const struct span *s, const char *text)
{
	const size_t n = strlen(text);
	size_t i = 0;

	while (i < s->len && s->len - i >= n) {
		if (memcmp(s->p + i, text, n) == 0)
			return i;
		i = skip_group(s, i);
		if (i == SIZE_MAX)
			break;
	}
	/* An expression that the compiler has shortened may leave a bracket open. */
	return find_first(s, text);
}

/* "flow: D = S:", to 1.24; an arrow from 1.25 on. D is {storage for E} or a name, and E may hold anything. */
static bool parse_flow(struct span s, struct escape_line *ret)
{
	const char *sep = ARROW;
	size_t at = find_outside(&s, sep);

	ret->kind = LINE_FLOW;
	ret->detailed = true;
	ret->arrow = at != SIZE_MAX;
	if (at == SIZE_MAX)
		at = find_outside(&s, sep = " = ");
	if (at == SIZE_MAX || !take_suffix(&s, ":") || at + strlen(sep) > s.len)
		return false;
	ret->to = part(&s, 0, at);
	ret->from = part(&s, at + strlen(sep), s.len);
	return true;
}

/* "E (reason) at POSITION", from the right: E holds whatever a program holds. In JSON the position is elsewhere. */
static bool parse_from(struct span s, struct escape_line *ret)
{
	const size_t at = span_find_last(&s, ") at ");
	struct span head = s, where;
	size_t open;

	ret->kind = LINE_FROM;
	ret->detailed = true;
	if (at != SIZE_MAX) {
		where = part(&s, at + strlen(") at "), s.len);
		head = part(&s, 0, at);
		if (!take_position(&where, &ret->where) || where.len)
			return false;
	} else if (!take_suffix(&head, ")")) {
		return false;
	}
	open = span_find_last(&head, " (");
	if (open == SIZE_MAX)
		return false;
	ret->text = part(&head, 0, open);
	ret->reason = part(&head, open + 2, head.len);
	return true;
}

/* "p leaks to D with derefs=N:", to 1.24; "p leaks to D for F with derefs=N:". */
static bool parse_leaking(struct span s, struct escape_line *ret)
{
	const size_t leaks = find_outside(&s, " leaks to ");
	const size_t with = span_find_last(&s, " with derefs=");
	struct span to;
	size_t for_;

	if (leaks == SIZE_MAX || with == SIZE_MAX || with < leaks + strlen(" leaks to "))
		return false;
	ret->kind = LINE_LEAKING;
	ret->detailed = true;
	ret->text = part(&s, 0, leaks);
	to = part(&s, leaks + strlen(" leaks to "), with);
	for_ = find_outside(&to, " for ");
	/* {storage for E} alone has one too, inside its braces. */
	if (for_ != SIZE_MAX && (to.len == 0 || to.p[0] != '{' || skip_group(&to, 0) <= for_)) {
		ret->function = part(&to, for_ + strlen(" for "), to.len);
		ret->arrow = true;
		to.len = for_;
	}
	ret->to = to;
	return true;
}

static bool parse_explanation(struct span s, struct escape_line *ret)
{
	if (take_prefix(&s, "  from "))
		return parse_from(s, ret);
	if (take_prefix(&s, "flow: "))
		return parse_flow(s, ret);
	if (!span_has_prefix(&s, "warning: truncated explanation"))
		return false;
	ret->kind = LINE_CYCLE;
	ret->detailed = true;
	return true;
}

static bool parse_param(struct span s, struct escape_line *ret)
{
	size_t to;

	ret->kind = take_prefix(&s, " content: ") ? LINE_CONTENT : LINE_LEAKS;
	if (ret->kind == LINE_LEAKS && !take_prefix(&s, ": "))
		return false;
	to = find_first(&s, " to result ");
	if (ret->kind == LINE_LEAKS && to != SIZE_MAX) {
		ret->kind = LINE_RESULT;
		ret->to = part(&s, to + strlen(" to result "), s.len);
		s.len = to;
	}
	ret->text = s;
	return true;
}

/* "can inline F", and " with cost N as: ..." under -m=2; "cannot inline F: why". */
static bool parse_function(struct span s, bool can, struct escape_line *ret)
{
	size_t end = find_outside(&s, can ? " with cost " : ": ");

	ret->kind = LINE_FUNCTION;
	ret->detailed = !can || end != SIZE_MAX;
	if (!can) {
		const size_t into = find_outside(&s, " into ");

		/* Of a call and not of a function. */
		if (into < end)
			ret->kind = LINE_INLINING;
	}
	ret->text = part(&s, 0, MIN(end, s.len));
	return true;
}

/* The end tells: what stands before is the program's own text. */
static bool parse_by_end(struct span s, struct escape_line *ret)
{
	struct span head = s;
	size_t in;

	if (take_suffix(&head, " escapes to heap")) {
		ret->kind = LINE_ESCAPES;
		ret->text = head;
		return true;
	}
	if (take_suffix(&head, " does not escape") ||
	    take_suffix(&head, " does not escape, mutate, or call")) {
		ret->kind = LINE_STAYS;
		ret->text = head;
		return true;
	}
	if (!take_suffix(&head, ":"))
		return false;
	ret->kind = LINE_BLOCK;
	ret->detailed = true;
	ret->text = head;
	if (take_suffix(&ret->text, " escapes to heap"))
		return true;
	in = span_find_last(&head, " escapes to heap in ");
	if (in == SIZE_MAX)
		return false;
	ret->arrow = true;
	ret->text = part(&head, 0, in);
	ret->function = part(&head, in + strlen(" escapes to heap in "), head.len);
	return true;
}

/* What else a position may have behind it: none of it tells where something is allocated. */
static bool is_note(const struct span *s)
{
	static const char *const heads[] = {
		"devirtualizing ",
		"partially devirtualizing ",
		"cannot devirtualize ",
		"PGO devirtualiz",
		"can't PGO devirtualize ",
		"should not PGO devirtualize ",
		"zero-copy string->[]byte conversion",
		"assuming ",
		"marking ",
		"function ",
		"mutates param: ",
		"calls param: ",
		"loop variable ",
		"rewriting OCONVIFACE",
		"index bounds check elided",
		"skip inlining within testing.B.loop",
		"skipping static copy of ",
		"skipping shaping of ",
		"reshaping ",
		"imprecise interface call",
		"tail call emitted ",
		"expr is unknown to bloop",
		"unrecognized shape for assign",
		"alias analysis: ",
		"write barrier",
		"stack closure, ",
		"heap closure, ",
		"closure converted to global",
		"type assertion ",
		"intrinsic substitution ",
		"append: ",
		"heap-allocated defer",
		"stack-allocated defer",
		"open-coded defer",
		"convert: ",
		"hot-",
		"call ",
		"edge ",
		"allocating ",
		"stack object ",
		"range over ",
	};
	static const char *const inside[] = {
		" ignoring self-assignment in ", " capturing by ref: ", " capturing by value: ",
		" will be kept alive",		 " loop ending at ",
	};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		if (span_has_prefix(s, heads[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(inside); i++)
		if (find_first(s, inside[i]) != SIZE_MAX)
			return true;
	return false;
}

static bool is_dump(const struct span *s)
{
	return span_has_prefix(s, "Before inlining:") || span_has_prefix(s, "After inlining") ||
	       span_has_prefix(s, "doNode ") || span_has_prefix(s, "costly OCALL") ||
	       span_has_prefix(s, "cheap call is also intrinsic") ||
	       span_has_prefix(s, "intrinsic call");
}

static bool parse_message(struct span s, struct escape_line *ret)
{
	if (take_prefix(&s, "  "))
		return parse_explanation(s, ret);
	if (take_prefix(&s, "can inline "))
		return parse_function(s, true, ret);
	if (take_prefix(&s, "cannot inline "))
		return parse_function(s, false, ret);
	ret->text = s;
	if (take_prefix(&ret->text, "inlining call to ")) {
		ret->kind = LINE_INLINING;
		return true;
	}
	if (take_prefix(&ret->text, "moved to heap: ")) {
		ret->kind = LINE_MOVED;
		return true;
	}
	if (take_prefix(&s, "leaking param"))
		return parse_param(s, ret);
	if (take_prefix(&ret->text, "parameter ") && parse_leaking(ret->text, ret))
		return true;
	if (parse_by_end(s, ret))
		return true;
	ret->text = s;
	ret->kind = is_dump(&s) ? LINE_DUMP : LINE_NOTE;
	return is_dump(&s) || is_note(&s);
}

/* Under -m=3 a position is followed by "[loop depth] F stmt: ...", or by a label, without a blank. */
static bool is_traced(const struct span *s)
{
	return span_has_prefix(s, "[") || find_first(s, "looping label") != SIZE_MAX ||
	       span_has_prefix(s, "call to func ");
}

/*
 * Without a position: the trees of -m=3, which may go on in a line of their own, what the go command says, and variables
 * that the compiler made for a range over a function: there is no place where they could be mended.
 */
static bool parse_bare(struct span s, struct escape_line *ret)
{
	static const char *const dumps[] = {
		".   ",
		".\t",
		"substituting name ",
		"not substituting name ",
		"typecheck import [",
		"hot-",
		"setlineno: ",
	};
	static const char *const notes[] = { "go: ", "#cgo ", "note: module requires Go ",
					     "moved to heap: #" };

	for (size_t i = 0; i < ARRAY_SIZE(dumps); i++)
		if (span_has_prefix(&s, dumps[i])) {
			ret->kind = LINE_DUMP;
			return true;
		}
	ret->kind = LINE_NOTE;
	for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
		if (span_has_prefix(&s, notes[i]))
			return true;
	return is_note(&s);
}

static void parse_package(struct span s, struct escape_line *ret)
{
	const size_t end = find_first(&s, " ");

	ret->kind = LINE_PACKAGE;
	ret->text = part(&s, 0, MIN(end, s.len));
}

void escape_line_parse(struct span line, struct escape_line *ret)
{
	struct span s = line;
	bool known;

	*ret = (struct escape_line){ .kind = LINE_BLANK };
	if (take_suffix(&s, "\r"))
		line = s;
	if (!s.len)
		return;
	if (take_prefix(&s, "# ")) {
		parse_package(s, ret);
		return;
	}
	if (s.p[0] == '.' && s.len > 1 && (s.p[1] == ' ' || s.p[1] == '\t')) {
		ret->kind = LINE_DUMP;
		return;
	}
	if (!take_position(&s, &ret->at) || !take_prefix(&s, ":"))
		known = parse_bare(line, ret);
	else if (take_prefix(&s, " "))
		known = parse_message(s, ret);
	else if ((known = is_traced(&s)))
		ret->kind = LINE_DUMP;
	/* A NUL would cut the text short for whoever keeps it. */
	if (!known || memchr(line.p, '\0', line.len))
		ret->kind = LINE_UNKNOWN;
}
