/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "kube/names.h"
#include "kube/record.h"
#include "policy/policy.h"
#include "policy/value.h"

enum {
	VALUE_BYTES = 256, /* more than a line holds */
	GOGC_MAX = 10000,
	PRIORITY_MAX = 1000000,
	RATE_MAX = 100000000,
	PERMILLE_MAX = 10000,
};

#define ENVIRONMENT_AFTER (10 * USEC_MIN)

/* Bytes at one end of an interval, of @len characters; none: @open. */
static int parse_end(const char *s, size_t len, uint64_t open, uint64_t *ret)
{
	char buf[VALUE_BYTES];

	if (len >= sizeof(buf))
		return -EINVAL;
	if (!len) {
		*ret = open;
		return 0;
	}
	memcpy(buf, s, len);
	buf[len] = '\0';
	return text_parse_bytes(buf, ret);
}

int policy_value_memory(const char *value, void *field)
{
	uint64_t bytes;
	int r = text_parse_bytes(value, &bytes);

	if (r < 0)
		return r;
	if (bytes < MIB || bytes == BYTES_UNLIMITED)
		return -ERANGE;
	*(uint64_t *)field = bytes;
	return 0;
}

int policy_value_limit(const char *value, void *field)
{
	struct policy_tier *tier = field;
	const char *dots = strstr(value, "..");
	bool none = !strcmp(value, "none");
	uint64_t from = 0, to = BYTES_UNLIMITED;
	int r;

	if (!none && (!dots || !strcmp(value, "..")))
		return -EINVAL;
	if (!none) {
		r = parse_end(value, (size_t)(dots - value), 0, &from);
		if (r < 0)
			return r;
		r = parse_end(dots + 2, strlen(dots + 2), BYTES_UNLIMITED, &to);
		if (r < 0)
			return r;
		if (from >= to)
			return -ERANGE;
	}
	tier->unlimited = none;
	tier->limit_from = from;
	tier->limit_to = to;
	return 0;
}

int policy_value_pattern(const char *value, void *field)
{
	struct policy_patterns *patterns = field;

	if (!*value) {
		patterns->n = 0;
		return 0;
	}
	if (patterns->n == POLICY_PATTERNS_MAX)
		return -ENOSPC;
	if (strlen(value) >= POLICY_PATTERN_BYTES)
		return -ERANGE;
	text_copy(patterns->pattern[patterns->n++], POLICY_PATTERN_BYTES, value);
	return 0;
}

int policy_value_name(const char *value, void *field)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.*?";

	if (value[strspn(value, characters)])
		return -EINVAL;
	return policy_value_pattern(value, field);
}

/* The key as it is, then '=', then the value's pattern, which may be none. Returns that, or NULL. */
static const char *pattern_of_pair(const char *value, const char *prefix)
{
	const char *equals = strchr(value, '=');
	char key[VALUE_BYTES];

	if (!equals || (size_t)(equals - value) >= sizeof(key))
		return NULL;
	memcpy(key, value, (size_t)(equals - value));
	key[equals - value] = '\0';
	return kube_is_key(key) && !strncmp(key, prefix, strlen(prefix)) ? equals + 1 : NULL;
}

int policy_value_label(const char *value, void *field)
{
	static const char characters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.*?";
	const char *pattern = pattern_of_pair(value, "");

	if (value[0] && (!pattern || pattern[strspn(pattern, characters)]))
		return -EINVAL;
	return policy_value_pattern(value, field);
}

int policy_value_annotation(const char *value, void *field)
{
	if (value[0] && !pattern_of_pair(value, KUBE_ANNOTATION_PREFIX))
		return -EINVAL;
	return policy_value_pattern(value, field);
}

int policy_value_qos(const char *value, void *field)
{
	static const char *const classes[] = { "", "guaranteed", "burstable", "besteffort" };

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (!strcmp(value, classes[i]))
			return policy_value_pattern(value, field);
	return -EINVAL;
}

int policy_value_mode(const char *value, void *field)
{
	return policy_mode_parse(value, field);
}

int policy_value_priority(const char *value, void *field)
{
	int64_t v;
	int r = text_parse_i64(value, &v);

	if (r < 0)
		return r;
	if (v < -PRIORITY_MAX || v > PRIORITY_MAX)
		return -ERANGE;
	*(int32_t *)field = (int32_t)v;
	return 0;
}

int policy_value_ownership(const char *value, void *field)
{
	return policy_ownership_parse(value, field);
}

int policy_value_ownerships(const char *value, void *field)
{
	int32_t *ownership = field, v;
	int r = policy_ownership_parse(value, &v);

	if (r < 0)
		return r;
	for (size_t i = 0; i < LEVER_MAX_; i++)
		ownership[i] = v;
	return 0;
}

/* One of two words, which stand for false and true. */
static int parse_choice(const char *value, const char *if_false, const char *if_true, bool *ret)
{
	if (strcmp(value, if_false) && strcmp(value, if_true))
		return -EINVAL;
	*ret = !strcmp(value, if_true);
	return 0;
}

int policy_value_tight(const char *value, void *field)
{
	return parse_choice(value, "relax", "restart", field);
}

int policy_value_auto_off(const char *value, void *field)
{
	return parse_choice(value, "auto", "off", field);
}

int policy_value_off_on(const char *value, void *field)
{
	return parse_choice(value, "off", "on", field);
}

#define DAY (24 * 60 * USEC_MIN)

/* A duration from @min to @max; where @value is @word, @if_word. */
static int parse_duration_or(const char *value, const char *word, usec_t if_word, usec_t min,
			     usec_t max, usec_t *ret)
{
	usec_t v;
	int r;

	if (!strcmp(value, word)) {
		*ret = if_word;
		return 0;
	}
	r = text_parse_duration(value, &v);
	if (r < 0)
		return r;
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int policy_value_series(const char *value, void *field)
{
	return parse_duration_or(value, "off", 0, USEC_SEC, DAY, field);
}

int policy_value_environment(const char *value, void *field)
{
	bool yes;

	/* A bare number is seconds, as everywhere. */
	if (isdigit((unsigned char)value[0]) || text_parse_bool(value, &yes) < 0)
		return policy_value_series(value, field);
	*(usec_t *)field = yes ? ENVIRONMENT_AFTER : 0;
	return 0;
}

int policy_value_culprits(const char *value, void *field)
{
	if (!strcmp(value, "alarm")) {
		*(usec_t *)field = 0;
		return 0;
	}
	return parse_duration_or(value, "off", POLICY_NEVER, 10 * USEC_SEC, DAY, field);
}

int policy_value_gc_period(const char *value, void *field)
{
	return parse_duration_or(value, "no", 0, USEC_SEC, 2 * USEC_MIN, field);
}

int policy_value_idle(const char *value, void *field)
{
	return parse_duration_or(value, "off", POLICY_NEVER, USEC_MIN, DAY, field);
}

static int parse_word(const char *value, const char *const *words, size_t n, int32_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(value, words[i])) {
			*ret = (int32_t)i;
			return 0;
		}
	return -EINVAL;
}

int policy_value_high(const char *value, void *field)
{
	static const char *const words[] = {
		[HIGH_NO] = "no", [HIGH_AUTO] = "auto", [HIGH_SWAP] = "swap"
	};

	return parse_word(value, words, ARRAY_SIZE(words), field);
}

int policy_value_reclaim(const char *value, void *field)
{
	static const char *const words[] = {
		[RECLAIM_NO] = "no", [RECLAIM_FILE] = "file", [RECLAIM_ALL] = "all"
	};

	return parse_word(value, words, ARRAY_SIZE(words), field);
}

int policy_value_auto_no(const char *value, void *field)
{
	return parse_choice(value, "no", "auto", field);
}

/* "70%", "70.5%" */
static int parse_permille(char *word, uint32_t *ret)
{
	size_t len = strlen(word);
	uint64_t whole, tenths = 0;
	char *point;
	int r;

	if (!len || word[len - 1] != '%')
		return -EINVAL;
	word[len - 1] = '\0';
	point = strchr(word, '.');
	if (point) {
		*point++ = '\0';
		if (strlen(point) != 1 || text_parse_u64(point, &tenths) < 0)
			return -EINVAL;
	}
	r = text_parse_u64(word, &whole);
	if (r < 0)
		return r;
	if (whole > PERMILLE_MAX / 10 || 10 * whole + tenths == 0 ||
	    10 * whole + tenths > PERMILLE_MAX)
		return -ERANGE;
	*ret = (uint32_t)(10 * whole + tenths);
	return 0;
}

static int parse_threshold(char *size, char *base, struct policy_trigger *t)
{
	int r;

	if (!base) {
		r = text_parse_bytes(size, &t->bytes);
		return r == 0 && !t->bytes ? -ERANGE : r;
	}
	r = policy_metric_parse(base, &t->base);
	if (r < 0)
		return r;
	return t->base == t->metric ? -EINVAL : parse_permille(size, &t->permille);
}

int policy_value_when(const char *value, void *field)
{
	struct policy_trigger t = { .set = true };
	char buf[VALUE_BYTES], *word[5] = { NULL }, *save = NULL;
	int r;

	if (!text_copy(buf, sizeof(buf), value))
		return -EINVAL;
	word[0] = strtok_r(buf, " \t", &save);
	for (size_t i = 1; i < ARRAY_SIZE(word) && word[i - 1]; i++)
		word[i] = strtok_r(NULL, " \t", &save);
	/* metric > size [metric] */
	if (!word[2] || word[4] || strcmp(word[1], ">"))
		return -EINVAL;
	r = policy_metric_parse(word[0], &t.metric);
	if (r < 0 || t.metric == METRIC_LIMIT)
		return -EINVAL;
	r = parse_threshold(word[2], word[3], &t);
	if (r < 0)
		return r;
	*(struct policy_trigger *)field = t;
	return 0;
}

int policy_value_gogc(const char *value, void *field)
{
	uint64_t v;
	int r = text_parse_u64(value, &v);

	if (r < 0)
		return r;
	if (v < 1 || v > GOGC_MAX)
		return -ERANGE;
	*(int32_t *)field = (int32_t)v;
	return 0;
}

int policy_value_switch(const char *value, void *field)
{
	bool v;
	int r = text_parse_bool(value, &v);

	if (r < 0)
		return r;
	*(int32_t *)field = v;
	return 0;
}

int policy_value_rate(const char *value, void *field)
{
	static const char suffix[] = "/s";
	size_t len = strlen(value), n = strlen(suffix);
	char buf[VALUE_BYTES];
	uint64_t v;
	int r;

	if (len <= n || len >= sizeof(buf) || strcmp(value + len - n, suffix))
		return -EINVAL;
	memcpy(buf, value, len - n);
	buf[len - n] = '\0';
	r = text_parse_u64(buf, &v);
	if (r < 0)
		return r;
	if (v < 1 || v > RATE_MAX)
		return -ERANGE;
	*(uint32_t *)field = (uint32_t)v;
	return 0;
}

int policy_value_endpoint(const char *value, void *field)
{
	struct policy_endpoint e = { 0 };

	if (!strcmp(value, "auto"))
		e.kind = POLICY_ENDPOINT_AUTO;
	else if (strcmp(value, "off") != 0)
		e.kind = POLICY_ENDPOINT_AT;
	if (e.kind == POLICY_ENDPOINT_AT && endpoint_parse(value, &e.at) < 0)
		return -EINVAL;
	*(struct policy_endpoint *)field = e;
	return 0;
}
