/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "escape/class.h"

static const struct {
	const char *name, *level, *about, *advice;
} classes[] = {
	[CLASS_UNEXPLAINED] = { "unexplained", "-", "the report does not say why",
				"build with -gcflags=-m=2: it prints the way to the heap" },
	[CLASS_RUNTIME] = { "0", "L3", "the runtime allocates, without a line of the compiler",
			    "preallocate: make with a capacity, where the final size is known or can "
			    "be bounded; strings.Builder with Grow instead of + in a loop" },
	[CLASS_ADDRESS] = { "1", "L1", "its address is stored where it outlives the function",
			    "keep it a local value and store a copy, where nobody needs to see later "
			    "changes through the pointer" },
	[CLASS_RETURNED] = { "2a", "L2", "it is returned",
			     "return the value instead of a pointer, where it is small (16 bytes travel "
			     "in registers) or the caller copies it anyway; or let the caller pass "
			     "the destination in" },
	[CLASS_CAPTURED] = { "2b", "L2", "a closure that outlives the function captures it",
			     "pass it to the closure as an argument, where the closure does not have to "
			     "change the variable; do not capture loop variables" },
	[CLASS_ARGUMENT] = { "2c", "L2", "a call keeps it, or cannot be seen through",
			     "pass a value instead of a pointer for structs up to 16 bytes; call a "
			     "concrete type instead of an interface, where there is one implementation; "
			     "reuse it by sync.Pool, where the callee is done with it on return (reset it "
			     "before Put, never hold it after Put)" },
	[CLASS_SENT] = { "3a", "L3", "it is sent over a channel",
			 "send the value instead of a pointer, where it is small; or send buffers back "
			 "for reuse, where the receiver is done with them in a bounded time" },
	[CLASS_GOROUTINE] = { "3b", "L3", "a goroutine, or a defer in a loop, takes it along",
			      "use a fixed set of workers instead of a goroutine for each item, where "
			      "items are short; pass values as arguments instead of capturing variables; "
			      "move the body of a loop with defer into a function" },
	[CLASS_POOL] = { "3c", "L3", "it is put into a sync.Pool",
			 "put a pointer, since a value is boxed anew by each Put; reset it before Put, "
			 "drop what has grown far beyond the usual size, and hold nothing of it "
			 "after Put" },
	[CLASS_BOXED] = { "4a", "L3", "a value is put into an interface",
			  "use a concrete type or a type parameter instead of interface{}, where the "
			  "types are known when compiling; typed fields of the logger; one typed "
			  "context value instead of a chain of context.WithValue" },
	[CLASS_INTERFACE] = { "4b", "L3", "a pointer to it is put into an interface",
			      "take the concrete type as the parameter or the result, where there is one "
			      "implementation; make an error once as a variable, where it has no "
			      "arguments" },
	[CLASS_REFLECTED] = { "4c", "L3", "it goes through reflection",
			      "generated or hand-written code instead of reflection, where the type is "
			      "fixed and the path is hot; decode into a reused value" },
	[CLASS_PANIC] = { "4d", "L3", "it is the argument of panic",
			  "leave it, where the panic is rare; panic with a constant or an error made "
			  "once, where it is recovered in normal operation" },
	[CLASS_ELEMENT] = { "5a", "L1", "it is an element of what is built",
			    "hold values instead of pointers in slices, maps and structs, where elements "
			    "are not shared; preallocate with the capacity; order fields from large "
			    "to small, which removes padding" },
	[CLASS_ASSIGNED] = { "5b", "L1", "it is assigned to a field, an element or a map",
			     "hold a value instead of a pointer in the field, where it is not shared; "
			     "reuse what the field holds already" },
	[CLASS_SIZE] = { "6", "L1", "it is too large, or its size is not constant",
			 "make with a constant size, where a bound is known and small (up to 64 KiB for "
			 "make, new and &T{}); reuse the buffer over calls, where its use ends with "
			 "the call" },
	[CLASS_LEAK] = { "leak", "L2", "the function keeps its parameter",
			 "let the callee copy what it keeps, where it keeps little: all its callers' "
			 "arguments are on the heap as long as it keeps a pointer" },
};
_Static_assert(ARRAY_SIZE(classes) == CLASS_MAX_, "a row for each class");

const char *escape_class_name(enum escape_class class)
{
	return class < CLASS_MAX_ ? classes[class].name : NULL;
}

int escape_class_parse(const char *name, enum escape_class *ret)
{
	for (enum escape_class c = 0; c < CLASS_MAX_; c++)
		if (!strcmp(classes[c].name, name)) {
			*ret = c;
			return 0;
		}
	return -EINVAL;
}

const char *escape_class_level(enum escape_class class)
{
	return classes[class].level;
}

const char *escape_class_about(enum escape_class class)
{
	return classes[class].about;
}

const char *escape_class_advice(enum escape_class class)
{
	return classes[class].advice;
}

enum escape_reason escape_reason_of(struct span text)
{
	static const struct {
		const char *text;
		enum escape_reason reason;
	} reasons[] = {
		{ "spill", STEP_SPILL },
		{ "call parameter", STEP_ARGUMENT },
		{ "assign-pair", STEP_ASSIGN },
		{ "assign", STEP_ASSIGN },
		{ "return", STEP_RETURN },
		{ "address-of", STEP_ADDRESS },
		{ "interface-converted", STEP_CONVERTED },
		{ "struct literal element", STEP_ELEMENT },
		{ "slice-literal-element", STEP_ELEMENT },
		{ "captured by a closure", STEP_CAPTURED },
		{ "reference", STEP_REFERENCE },
		{ "callee operand", STEP_ARGUMENT },
		{ "array literal element", STEP_ELEMENT },
		{ "map literal key", STEP_ELEMENT },
		{ "map literal value", STEP_ELEMENT },
		{ "key of map put", STEP_ELEMENT },
		{ "appended slice...", STEP_ELEMENT },
		{ "appendee slice", STEP_ELEMENT },
		{ "copied slice", STEP_ELEMENT },
		{ "send", STEP_SEND },
		{ "too large for stack", STEP_SIZE },
		{ "too aligned for stack", STEP_SIZE },
		{ "non-constant size", STEP_SIZE },
		{ "zero-sized element", STEP_SIZE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (strlen(reasons[i].text) == text.len &&
		    !memcmp(reasons[i].text, text.p, text.len))
			return reasons[i].reason;
	return span_has_prefix(&text, "assign-pair-") ? STEP_ASSIGN : STEP_OTHER;
}

static bool begins(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* The first step with this reason; n_steps where none has it. */
static size_t find_reason(const struct escape_path *p, enum escape_reason reason)
{
	size_t i = 0;

	while (i < p->n_steps && p->steps[i].reason != reason)
		i++;
	return i;
}

static size_t find_text(const struct escape_path *p, const char *text)
{
	size_t i = 0;

	while (i < p->n_steps && !strstr(p->steps[i].text, text))
		i++;
	return i;
}

static bool is_result(const char *to)
{
	return to[0] == '~' && to[1] == 'r' && to[2] >= '0' && to[2] <= '9';
}

static const char * final(const struct escape_path *p)
{
	return p->links[p->n_links - 1].to;
}

/* What go and defer run is a closure that goes to the heap with nothing done to it but being made. */
static size_t find_goroutine(const struct escape_path *p)
{
	for (size_t i = 0; i < p->n_links; i++) {
		const struct escape_link *l = &p->links[i];

		if (l->n == 1 && p->steps[l->first].reason == STEP_SPILL &&
		    !strcmp(l->to, "{heap}") && begins(l->text, "func literal"))
			return l->first;
	}
	return p->n_steps;
}

/*
 * "n.p = &x", "s[0] = &x". An inlined function's own variables are written with their package (bytes.b = ...), and
 * then the flow ends in just that name; the compiler's temporaries begin with a point.
 */
static bool stores_in_part(const struct escape_step *s)
{
	const char *equals = strstr(s->text, " = "), *name = s->text;
	size_t n;

	if (s->reason != STEP_ASSIGN || !equals)
		return false;
	n = (size_t)(equals - name);
	if (strlen(s->to) == n && !memcmp(s->to, name, n))
		return false;
	if (*name == '.' || *name == '*' || *name == '~')
		return n > 1 && memchr(name + 1, '[', n - 1);
	return memchr(name, '.', n) || memchr(name, '[', n);
}

static size_t find_part(const struct escape_path *p)
{
	size_t i = 0;

	while (i < p->n_steps && !stores_in_part(&p->steps[i]))
		i++;
	return i;
}

static size_t find_element(const struct escape_path *p)
{
	for (size_t i = 0; i < p->n_steps; i++)
		if (p->steps[i].reason == STEP_ELEMENT && !begins(p->steps[i].text, "... argument"))
			return i;
	return p->n_steps;
}

/* Made where it stands, and so on the heap itself: what is boxed is a value that stands elsewhere. */
static bool is_made(const char *e)
{
	static const char *const heads[] = {
		"&",	     "new(",	  "make(",   "func literal", "... argument", "string(",
		"([]byte)(", "([]rune)(", "append(", "[]",	     "map[",
	};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		if (begins(e, heads[i]))
			return true;
	return strstr(e, " + ") != NULL;
}

static bool is_boxed(const struct escape_path *p)
{
	const struct escape_link *own = &p->links[0];

	if (!own->n || p->steps[own->first].reason != STEP_SPILL || is_made(own->text))
		return false;
	for (size_t i = 0; i < own->n; i++)
		if (p->steps[i].reason == STEP_ADDRESS || p->steps[i].reason == STEP_REFERENCE)
			return false;
	return true;
}

/* Whatever else is on the way: these decide. */
static enum escape_class by_place(const struct escape_path *p, size_t *at)
{
	*at = find_reason(p, STEP_SIZE);
	if (*at < p->n_steps)
		return CLASS_SIZE;
	*at = find_reason(p, STEP_SEND);
	if (*at < p->n_steps)
		return CLASS_SENT;
	*at = find_goroutine(p);
	if (*at < p->n_steps)
		return CLASS_GOROUTINE;
	*at = MIN(find_text(p, "(*sync.Pool).Put("), find_text(p, "sync.(*Pool).Put("));
	return *at < p->n_steps ? CLASS_POOL : CLASS_UNEXPLAINED;
}

static enum escape_class by_value(const struct escape_path *p, size_t *at)
{
	*at = find_text(p, "panic(");
	if (*at < p->n_steps)
		return CLASS_PANIC;
	*at = find_text(p, "reflect.");
	return *at < p->n_steps ? CLASS_REFLECTED : CLASS_UNEXPLAINED;
}

static enum escape_class by_language(const struct escape_path *p, size_t *at)
{
	*at = find_part(p);
	if (*at < p->n_steps)
		return CLASS_ASSIGNED;
	*at = find_element(p);
	if (*at < p->n_steps)
		return CLASS_ELEMENT;
	*at = find_reason(p, STEP_CAPTURED);
	if (*at < p->n_steps)
		return CLASS_CAPTURED;
	*at = find_reason(p, STEP_CONVERTED);
	if (*at < p->n_steps)
		return CLASS_INTERFACE;
	if (is_boxed(p)) {
		*at = p->links[0].first;
		return CLASS_BOXED;
	}
	*at = find_reason(p, STEP_RETURN);
	if (*at < p->n_steps || is_result(final(p)))
		return CLASS_RETURNED;
	*at = find_reason(p, STEP_ARGUMENT);
	return *at < p->n_steps ? CLASS_ARGUMENT : CLASS_UNEXPLAINED;
}

enum escape_class escape_classify(const struct escape_path *p, size_t *ret_step)
{
	enum escape_class class = CLASS_UNEXPLAINED;

	*ret_step = p->n_steps;
	/* An explanation without a flow says nothing. */
	if (!p->n_links || !*final(p))
		return class;
	class = by_place(p, ret_step);
	if (class == CLASS_UNEXPLAINED && is_boxed(p))
		class = by_value(p, ret_step);
	if (class == CLASS_UNEXPLAINED)
		class = by_language(p, ret_step);
	if (class != CLASS_UNEXPLAINED)
		return class;
	/* Stored, or still alive in the next round of a loop: where to, only the step itself tells. */
	*ret_step = find_reason(p, STEP_ASSIGN);
	if (*ret_step < p->n_steps || strcmp(final(p), "{heap}") != 0)
		return CLASS_ADDRESS;
	*ret_step = MIN(find_reason(p, STEP_ADDRESS), find_reason(p, STEP_REFERENCE));
	return *ret_step < p->n_steps ? CLASS_ADDRESS : CLASS_UNEXPLAINED;
}
