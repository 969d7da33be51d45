/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "base/text.h"
#include "base/util.h"
#include "escape/ci.h"

/* @text in valid UTF-8 without control characters but for the end of a line; the caller frees it. */
static char *clean(const char *text)
{
	const size_t len = strlen(text);
	char *out = malloc(3 * len + 1), *at = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len;) {
		const size_t n = text[i] == '\n' ? 1 : text_character(text + i, len - i);

		if (n == 0) {
			memcpy(at, "\xef\xbf\xbd", 3);
			at += 3;
			i++;
			continue;
		}
		memcpy(at, text + i, n);
		at += n;
		i += n;
	}
	*at = '\0';
	return out;
}

static const char *below(const char *file, const char *root)
{
	const size_t n = strlen(root);

	return !strncmp(file, root, n) && file[n] == '/' ? file + n + 1 : file;
}

static void add_text(json_object *o, const char *key, const char *text)
{
	_cleanup_(freep) char *valid = clean(text);

	json_object_object_add(o, key, json_object_new_string(valid ? valid : ""));
}

/* "text": "...", as SARIF has its messages. */
static json_object *message_of(const char *text)
{
	json_object *o = json_object_new_object();

	add_text(o, "text", text);
	return o;
}

/* RFC 3986, byte by byte: what a path's segments may hold stays. */
static json_object *uri_of(const char *file)
{
	const bool absolute = file[0] == '/';
	_cleanup_(freep) char *out = malloc(3 * strlen(file) + sizeof("file://"));
	char *at = out;

	if (!out)
		return NULL;
	if (absolute)
		at += snprintf(at, sizeof("file://"), "file://");
	for (const uint8_t *s = (const uint8_t *)file; *s; s++)
		if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		    (*s >= '0' && *s <= '9') || strchr("/-._~+@,=", *s))
			*at++ = (char)*s;
		else
			at += snprintf(at, 4, "%%%02X", *s);
	*at = '\0';
	return json_object_new_string(out);
}

static json_object *location_of(const struct escape_finding *f, const char *root)
{
	json_object *location = json_object_new_object(), *physical = json_object_new_object();
	json_object *artifact = json_object_new_object(), *region = json_object_new_object();
	const char *file = below(f->file, root);

	json_object_object_add(artifact, "uri", uri_of(file));
	if (file[0] != '/')
		json_object_object_add(artifact, "uriBaseId", json_object_new_string("%SRCROOT%"));
	/* Lines and columns count from 1, and are never without a line. */
	json_object_object_add(region, "startLine", json_object_new_int64(MAX(f->line, 1U)));
	if (f->column)
		json_object_object_add(region, "startColumn", json_object_new_int64(f->column));
	json_object_object_add(physical, "artifactLocation", artifact);
	json_object_object_add(physical, "region", region);
	json_object_object_add(location, "physicalLocation", physical);
	return location;
}

static json_object *rule_of(enum escape_class class)
{
	json_object *rule = json_object_new_object(), *properties = json_object_new_object();
	char id[32];

	snprintf(id, sizeof(id), "escape-%s", escape_class_name(class));
	add_text(rule, "id", id);
	add_text(rule, "name", id);
	json_object_object_add(rule, "shortDescription", message_of(escape_class_about(class)));
	json_object_object_add(rule, "fullDescription", message_of(escape_class_about(class)));
	json_object_object_add(rule, "help", message_of(escape_class_advice(class)));
	add_text(properties, "level", escape_class_level(class));
	json_object_object_add(rule, "properties", properties);
	return rule;
}

static const char *verb_of(enum escape_kind kind)
{
	return kind == ESCAPE_VARIABLE ? "is moved to the heap" :
	       kind == ESCAPE_LEAK     ? "leaks" :
	       kind == ESCAPE_CONTENT  ? "leaks what it points to" :
					 "escapes to the heap";
}

/* What is new and why, for a person; the caller frees it. */
static char *say(const struct escape_finding *f)
{
	const struct escape_key *k = &f->key;
	char *text = NULL;

	if (asprintf(&text, "%s in %s %s: %s (class %s). Advice: %s%s%s", k->text, k->function,
		     verb_of(k->kind), escape_class_about(k->class), escape_class_name(k->class),
		     escape_class_advice(k->class), *f->path ? ".\nThe way:\n" : "", f->path) < 0)
		return NULL;
	return text;
}

static json_object *fingerprint_of(const struct escape_finding *f)
{
	json_object *o = json_object_new_object();
	uint64_t h = text_hash(TEXT_HASH_START, f->key.package);
	char text[20];

	h = text_hash(text_hash(h, f->key.function), f->key.text);
	snprintf(text, sizeof(text), "%016" PRIx64, text_hash(h, escape_class_name(f->key.class)));
	json_object_object_add(o, "escapeKey/v1", json_object_new_string(text));
	return o;
}

static json_object *result_of(const struct escape_finding *f, const char *root)
{
	json_object *result = json_object_new_object(), *locations = json_object_new_array();
	_cleanup_(freep) char *text = say(f);
	char id[32];

	snprintf(id, sizeof(id), "escape-%s", escape_class_name(f->key.class));
	add_text(result, "ruleId", id);
	json_object_object_add(result, "ruleIndex", json_object_new_int((int)f->key.class));
	add_text(result, "level", f->level == ESCAPE_FAIL ? "error" : "note");
	json_object_object_add(result, "message", message_of(text ? text : f->key.text));
	json_object_array_add(locations, location_of(f, root));
	json_object_object_add(result, "locations", locations);
	json_object_object_add(result, "partialFingerprints", fingerprint_of(f));
	return result;
}

static json_object *driver_of(void)
{
	json_object *driver = json_object_new_object(), *rules = json_object_new_array();

	add_text(driver, "name", "gomemctl");
	add_text(driver, "version", GOMEMD_VERSION);
	for (enum escape_class c = 0; c < CLASS_MAX_; c++)
		json_object_array_add(rules, rule_of(c));
	json_object_object_add(driver, "rules", rules);
	return driver;
}

int escape_write_sarif(FILE *f, const struct escape_findings *found, const char *root)
{
	json_object *log = json_object_new_object(), *runs = json_object_new_array();
	json_object *run = json_object_new_object(), *tool = json_object_new_object();
	json_object *results = json_object_new_array();

	add_text(log, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	add_text(log, "version", "2.1.0");
	json_object_object_add(tool, "driver", driver_of());
	json_object_object_add(run, "tool", tool);
	for (size_t i = 0; i < found->n; i++)
		json_object_array_add(results, result_of(found->items[i], root));
	json_object_object_add(run, "results", results);
	json_object_array_add(runs, run);
	json_object_object_add(log, "runs", runs);
	fputs(json_object_to_json_string_ext(log, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE),
	      f);
	fputc('\n', f);
	json_object_put(log);
	return fflush(f) || ferror(f) ? -EIO : 0;
}

static void put_xml(FILE *f, const char *text)
{
	_cleanup_(freep) char *valid = clean(text);

	for (const char *s = valid ? valid : ""; *s; s++)
		switch (*s) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\n':
			fputs("&#10;", f);
			break;
		default:
			fputc(*s, f);
		}
}

static void put_attribute(FILE *f, const char *name, const char *text)
{
	fprintf(f, " %s=\"", name);
	put_xml(f, text);
	fputc('"', f);
}

static void put_case(FILE *f, const struct escape_finding *finding, const char *root)
{
	const struct escape_key *k = &finding->key;
	_cleanup_(freep) char *text = say(finding), *name = NULL;

	if (asprintf(&name, "%s: %s (%s)", k->function, k->text, escape_class_name(k->class)) < 0)
		name = NULL;
	fputs("  <testcase", f);
	put_attribute(f, "classname", k->package);
	put_attribute(f, "name", name ? name : k->text);
	put_attribute(f, "file", below(finding->file, root));
	fprintf(f, " line=\"%" PRIu32 "\">\n", finding->line);
	if (finding->level == ESCAPE_FAIL) {
		fputs("    <failure", f);
		put_attribute(f, "type", escape_class_name(k->class));
		put_attribute(f, "message", escape_class_about(k->class));
		fputc('>', f);
		put_xml(f, text ? text : k->text);
		fputs("</failure>\n", f);
	} else {
		fputs("    <system-out>", f);
		put_xml(f, text ? text : k->text);
		fputs("</system-out>\n", f);
	}
	fputs("  </testcase>\n", f);
}

int escape_write_junit(FILE *f, const struct escape_findings *found, const char *root)
{
	size_t failures = 0;

	for (size_t i = 0; i < found->n; i++)
		failures += found->items[i]->level == ESCAPE_FAIL;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", f);
	fprintf(f, "<testsuites tests=\"%zu\" failures=\"%zu\">\n", MAX(found->n, (size_t)1),
		failures);
	fprintf(f,
		" <testsuite name=\"gomemctl escape gate\" tests=\"%zu\" failures=\"%zu\" "
		"errors=\"0\" skipped=\"0\">\n",
		MAX(found->n, (size_t)1), failures);
	/* A suite without a case counts as one that did not run. */
	if (!found->n)
		fputs("  <testcase classname=\"gomemctl\" name=\"no new escape\"/>\n", f);
	for (size_t i = 0; i < found->n; i++)
		put_case(f, found->items[i], root);
	fputs(" </testsuite>\n</testsuites>\n", f);
	return fflush(f) || ferror(f) ? -EIO : 0;
}
