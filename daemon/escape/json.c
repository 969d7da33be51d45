/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "base/text.h"
#include "base/util.h"
#include "escape/json.h"

enum {
	DEPTH_MAX = 16,
	WAITING_MAX = 8,
	VERSION_MAX = 32,
	PATH_MAX_BYTES = 4096,
};

struct escape_json {
	escape_json_handler handler;
	void *userdata;
	json_tokener *tokener;
	char file[PATH_MAX_BYTES], version[VERSION_MAX];
	/* Values that are explained, and whose line, an object without a message, may follow: those of go and defer have none. */
	char *waiting[WAITING_MAX];
	size_t n_waiting;
	uint32_t line, column; /* of all that wait */
};

int escape_json_new(escape_json_handler handler, void *userdata, struct escape_json **ret)
{
	struct escape_json *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->handler = handler;
	j->userdata = userdata;
	j->tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!j->tokener) {
		free(j);
		return -ENOMEM;
	}
	*ret = j;
	return 0;
}

static void forget_waiting(struct escape_json *j)
{
	while (j->n_waiting)
		free(j->waiting[--j->n_waiting]);
}

void escape_json_free(struct escape_json *j)
{
	if (!j)
		return;
	forget_waiting(j);
	json_tokener_free(j->tokener);
	free(j);
}

const char *escape_json_version(const struct escape_json *j)
{
	return j->version;
}

static json_object *member(json_object *o, const char *key)
{
	json_object *v = NULL;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) ?
		       v :
		       NULL;
}

static const char *text_of(json_object *o, const char *key)
{
	json_object *v = member(o, key);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

static uint32_t number_of(json_object *o, const char *key)
{
	int64_t v = json_object_get_int64(member(o, key));

	return v > 0 && v < 1000000000 ? (uint32_t)v : 0;
}

static struct span span_of_text(const char *s)
{
	return span_of(s, strlen(s));
}

static void get_place(json_object *range, struct escape_at *ret)
{
	json_object *start = member(range, "start");

	ret->line = number_of(start, "line");
	ret->column = number_of(start, "character");
}

static int take_head(struct escape_json *j, json_object *o)
{
	const struct escape_line line = { .kind = LINE_PACKAGE,
					  .text = span_of_text(text_of(o, "package")) };
	const char *version = text_of(o, "gc_version");

	forget_waiting(j);
	text_copy(j->file, sizeof(j->file), text_of(o, "file"));
	if (!strncmp(version, "go1.", 4))
		text_copy(j->version, sizeof(j->version), version + 2);
	/* "go1.27.4-X:nogreenteagc" and the like. */
	j->version[strspn(j->version, "0123456789.")] = '\0';
	return j->handler(j->userdata, &line);
}

/* One step of an explanation, as the line it would have been. */
static int take_related(struct escape_json *j, json_object *o, const struct escape_at *at)
{
	json_object *location = member(o, "location");
	const char *message = text_of(o, "message"), *uri = text_of(location, "uri");
	_cleanup_(freep) char *text = NULL;
	struct escape_line line;
	int n;

	/* Where a call was inlined from comes as well. */
	if (strncmp(message, "escflow: ", strlen("escflow: ")) != 0)
		return 0;
	message += strlen("escflow: ");
	n = asprintf(&text, "-:1:%s%s", *message == ' ' ? "" : " ", message);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	escape_line_parse(span_of(text, (size_t)n), &line);
	if (line.kind != LINE_FLOW && line.kind != LINE_FROM && line.kind != LINE_CYCLE)
		return 0;
	line.at = *at;
	get_place(member(location, "range"), &line.where);
	line.where.file = span_of_text(!strncmp(uri, "file:///", 8) ? uri + 7 : "");
	return j->handler(j->userdata, &line);
}

static int take_explanation(struct escape_json *j, json_object *o, const struct escape_line *head)
{
	json_object *related = member(o, "relatedInformation");
	const bool is_list = json_object_is_type(related, json_type_array);
	const size_t n = is_list ? json_object_array_length(related) : 0;
	int r = j->handler(j->userdata, head);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = take_related(j, json_object_array_get_idx(related, i), &head->at);
	return r;
}

/* "&x" is a variable's address, "&{storage for E}" a value's. */
static bool is_variable(json_object *o, struct span text)
{
	json_object *related = member(o, "relatedInformation");
	const bool is_list = json_object_is_type(related, json_type_array);
	const char *first =
		is_list ? text_of(json_object_array_get_idx(related, 0), "message") : "";
	const char *address = strrchr(first, '&');
	size_t n;

	if (!address)
		return false;
	n = strlen(++address);
	return n == text.len + 1 && address[n - 1] == ':' && !memcmp(address, text.p, text.len);
}

static int wait_for_line(struct escape_json *j, const struct escape_line *block)
{
	if (j->line != block->at.line || j->column != block->at.column)
		forget_waiting(j);
	j->line = block->at.line;
	j->column = block->at.column;
	if (j->n_waiting == WAITING_MAX)
		return 0;
	j->waiting[j->n_waiting] = strndup((const char *)block->text.p, block->text.len);
	if (!j->waiting[j->n_waiting])
		return -ENOMEM;
	j->n_waiting++;
	return 0;
}

static int take_line_of_waiting(struct escape_json *j, const struct escape_at *at)
{
	struct escape_line line = { .kind = LINE_ESCAPES, .at = *at };
	_cleanup_(freep) char *text = NULL;

	if (!j->n_waiting || j->line != at->line || j->column != at->column)
		return 0;
	text = j->waiting[0];
	memmove(j->waiting, j->waiting + 1, --j->n_waiting * sizeof(j->waiting[0]));
	line.text = span_of_text(text);
	return j->handler(j->userdata, &line);
}

static int take_escape(struct escape_json *j, json_object *o, const struct escape_at *at)
{
	static const char end[] = " escapes to heap";
	const struct span message = span_of_text(text_of(o, "message"));
	const size_t n = span_find_last(&message, end);
	struct escape_line block = { .kind = LINE_BLOCK, .at = *at, .detailed = true };
	int r;

	if (!message.len)
		return take_line_of_waiting(j, at);
	if (n == SIZE_MAX)
		return ESCAPE_JSON_UNKNOWN;
	block.text = span_of(message.p, n);
	r = take_explanation(j, o, &block);
	if (r != 0)
		return r;
	if (!is_variable(o, block.text))
		return wait_for_line(j, &block);
	block.kind = LINE_MOVED;
	return j->handler(j->userdata, &block);
}

static int take_leak(struct escape_json *j, json_object *o, const struct escape_at *at)
{
	_cleanup_(freep) char *text = NULL;
	struct escape_line line;
	int n = asprintf(&text, "-:1: %s:", text_of(o, "message"));
	bool content;
	int r;

	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	escape_line_parse(span_of(text, (size_t)n), &line);
	if (line.kind != LINE_LEAKING)
		return ESCAPE_JSON_UNKNOWN;
	line.at = *at;
	content = strcmp(strrchr(text, '='), "=0:") != 0;
	r = take_explanation(j, o, &line);
	if (r != 0 || !span_equals(&line.to, "{heap}"))
		return r;
	line.kind = content ? LINE_CONTENT : LINE_LEAKS;
	return j->handler(j->userdata, &line);
}

static int take_object(struct escape_json *j, json_object *o)
{
	const char *code = text_of(o, "code");
	struct escape_line line = { .kind = LINE_NOTE };

	if (member(o, "gc_version"))
		return take_head(j, o);
	if (!*code)
		return ESCAPE_JSON_UNKNOWN;
	get_place(member(o, "range"), &line.at);
	line.at.file = span_of_text(j->file);
	if (!strcmp(code, "escape") || !strcmp(code, "escapes"))
		return take_escape(j, o, &line.at);
	if (!strcmp(code, "leak"))
		return take_leak(j, o, &line.at);
	/* They have no names: what they tell is that inlining is on. */
	if (!strcmp(code, "inlineCall") || !strncmp(code, "canInline", 9) ||
	    !strncmp(code, "cannotInline", 12))
		line.kind = LINE_INLINING;
	return j->handler(j->userdata, &line);
}

int escape_json_take(struct escape_json *j, struct span line)
{
	json_object *o;
	int r;

	if (!line.len)
		return 0;
	json_tokener_reset(j->tokener);
	o = line.len < INT32_MAX ?
		    json_tokener_parse_ex(j->tokener, (const char *)line.p, (int)line.len) :
		    NULL;
	if (!o)
		return ESCAPE_JSON_UNKNOWN;
	r = json_object_is_type(o, json_type_object) ? take_object(j, o) : ESCAPE_JSON_UNKNOWN;
	json_object_put(o);
	return r;
}
