/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/text.h"
#include "base/util.h"
#include "escape/gate.h"

static const char *const level_names[] = {
	[ESCAPE_IGNORE] = "ignore",
	[ESCAPE_LOG] = "log",
	[ESCAPE_FAIL] = "fail",
};
_Static_assert(ARRAY_SIZE(level_names) == ESCAPE_LEVEL_MAX_, "a name for each level");
_Static_assert(CLASS_MAX_ <= 32, "classes are bits of a word");

const char *escape_level_name(enum escape_level level)
{
	return level < ESCAPE_LEVEL_MAX_ ? level_names[level] : NULL;
}

int escape_level_parse(const char *name, enum escape_level *ret)
{
	for (enum escape_level l = 0; l < ESCAPE_LEVEL_MAX_; l++)
		if (!strcmp(level_names[l], name)) {
			*ret = l;
			return 0;
		}
	return -EINVAL;
}

static bool matches(const char (*patterns)[GATE_PATTERN_MAX], size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (text_match_path(patterns[i], text))
			return true;
	return n == 0;
}

const struct escape_rule *escape_rules_find(const struct escape_rules *rules,
					    const struct escape_key *key)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct escape_rule *r = &rules->rules[i];

		if ((!r->classes || r->classes & UINT32_C(1) << key->class) &&
		    matches(r->packages, r->n_packages, key->package) &&
		    matches(r->functions, r->n_functions, key->function))
			return r;
	}
	return NULL;
}

char *escape_path_text(const struct escape_site *site)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int bad;

	if (!f)
		return NULL;
	for (size_t i = 0; i < site->path.n_steps; i++) {
		const struct escape_step *s = &site->path.steps[i];

		fprintf(f, "%s%s:%" PRIu32 ":%" PRIu32 ": %s (%s)", i ? "\n" : "", s->file, s->line,
			s->column, s->text, s->reason_text);
	}
	bad = ferror(f);
	return fclose(f) || bad ? NULL : TAKE_PTR(text);
}

static const char *put(char **at, const char *text)
{
	const size_t n = strlen(text) + 1;
	const char *ret = memcpy(*at, text, n);

	*at += n;
	return ret;
}

static struct escape_finding *finding_new(const struct escape_key *key,
					  const struct escape_rule *rule,
					  const struct escape_site *site)
{
	_cleanup_(freep) char *path = escape_path_text(site);
	struct escape_finding *f;
	char *at;

	if (!path)
		return NULL;
	f = malloc(sizeof(*f) + strlen(key->package) + strlen(key->function) + strlen(key->text) +
		   strlen(site->file) + strlen(path) + 5);
	if (!f)
		return NULL;
	at = (char *)(f + 1);
	*f = (struct escape_finding){ .key = *key,
				      .level = rule ? rule->level : ESCAPE_LOG,
				      .rule = rule ? rule->name : "",
				      .line = site->line,
				      .column = site->column };
	f->key.package = put(&at, key->package);
	f->key.function = put(&at, key->function);
	f->key.text = put(&at, key->text);
	f->file = put(&at, site->file);
	f->path = put(&at, path);
	return f;
}

/* At the cap those that fail are kept before those that are logged: the last that is only logged makes room. */
static bool make_room(struct escape_findings *found, enum escape_level level)
{
	if (found->n < GATE_FINDINGS_MAX)
		return true;
	if (level != ESCAPE_FAIL || found->n_failing == found->n)
		return false;
	for (size_t i = found->n; i > 0; i--)
		if (found->items[i - 1]->level != ESCAPE_FAIL) {
			free(found->items[i - 1]);
			found->items[i - 1] = found->items[--found->n];
			return true;
		}
	return false;
}

int escape_gate_take(struct escape_baseline *b, const struct escape_rules *rules,
		     const struct escape_site *site, struct escape_findings *found)
{
	char buf[BASELINE_FUNCTION_MAX];
	const struct escape_key key = escape_key_of(site, buf);
	const struct escape_rule *rule;
	enum escape_level level;
	struct escape_finding *f;
	int r;

	if (escape_baseline_meet(b, &key) > 0)
		return 0;
	rule = escape_rules_find(rules, &key);
	level = rule ? rule->level : ESCAPE_LOG;
	found->counts[level]++;
	if (level == ESCAPE_IGNORE || !make_room(found, level))
		return 0;
	r = array_make_room(&found->items, &found->room, found->n, GATE_FINDINGS_MAX,
			    sizeof(struct escape_finding *));
	if (r < 0)
		return r;
	f = finding_new(&key, rule, site);
	if (!f)
		return -ENOMEM;
	found->items[found->n++] = f;
	found->n_failing += level == ESCAPE_FAIL;
	return 0;
}

void escape_findings_done(struct escape_findings *found)
{
	for (size_t i = 0; i < found->n; i++)
		free(found->items[i]);
	free(found->items);
	*found = (struct escape_findings){ 0 };
}

/* "1.24" of "1.24.4". */
static size_t release_length(const char *version)
{
	const char *point = strchr(version, '.'), *second = point ? strchr(point + 1, '.') : NULL;

	return second ? (size_t)(second - version) : strlen(version);
}

const char *escape_make_differs(const struct escape_make *was, const struct escape_make *now,
				const char **ret_warning)
{
	const size_t n = release_length(was->go_version);

	*ret_warning = NULL;
	if (was->made_with_l != now->made_with_l)
		return now->made_with_l ?
			       "the report was made with -l, which switches inlining off, and what it is "
			       "compared with was not: other things escape. Build without -l, or compare with "
			       "what was made with -l as well" :
			       "what the report is compared with was made with -l, which switches inlining "
			       "off, and the report was not: other things escape. Make the baseline anew, "
			       "without -l";
	if (was->detailed != now->detailed)
		return now->detailed ?
			       "the report was made with -m=2 and what it is compared with with -m, "
			       "which tells no classes. Make the baseline anew, with -m=2" :
			       "the report was made with -m, which tells no classes, and what it is "
			       "compared with with -m=2. Build with -gcflags=-m=2";
	if (now->made_with_l)
		*ret_warning =
			"both were made with -l: with inlining off more escapes than in the program "
			"as it is usually built, and it escapes elsewhere";
	else if (was->go_version[0] && now->go_version[0] &&
		 (n != release_length(now->go_version) ||
		  strncmp(was->go_version, now->go_version, n) != 0))
		*ret_warning =
			"they were made by two releases of Go: some of what is new may be due to the "
			"compiler, as 'append escapes to heap' from Go 1.25 on";
	return NULL;
}
