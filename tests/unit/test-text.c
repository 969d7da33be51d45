/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "base/util.h"

struct number_case {
	const char *name;
	int (*parse)(const char *s, uint64_t *ret);
	const char *text;
	int r;
	uint64_t value;
};

static const struct number_case numbers[] = {
	{ "u64: zero", text_parse_u64, "0", 0, 0 },
	{ "u64: the largest", text_parse_u64, "18446744073709551615", 0, UINT64_MAX },
	{ "u64: one more is out of range", text_parse_u64, "18446744073709551616", -ERANGE, 0 },
	{ "u64: forty digits are out of range", text_parse_u64,
	  "1000000000000000000000000000000000000000", -ERANGE, 0 },
	{ "u64: nothing is refused", text_parse_u64, "", -EINVAL, 0 },
	{ "u64: a sign is refused", text_parse_u64, "-1", -EINVAL, 0 },
	{ "u64: a plus is refused", text_parse_u64, "+1", -EINVAL, 0 },
	{ "u64: a leading blank is refused", text_parse_u64, " 1", -EINVAL, 0 },
	{ "u64: a trailing blank is refused", text_parse_u64, "1 ", -EINVAL, 0 },
	{ "u64: hexadecimal is refused", text_parse_u64, "0x10", -EINVAL, 0 },

	{ "bytes: a bare number", text_parse_bytes, "4096", 0, 4096 },
	{ "bytes: B", text_parse_bytes, "7B", 0, 7 },
	{ "bytes: K is 1024", text_parse_bytes, "1K", 0, 1024 },
	{ "bytes: M and Mi are the same", text_parse_bytes, "64M", 0, 64 * MIB },
	{ "bytes: Mi", text_parse_bytes, "64Mi", 0, 64 * MIB },
	{ "bytes: a decimal", text_parse_bytes, "1.5G", 0, 3 * GIB / 2 },
	{ "bytes: three decimals", text_parse_bytes, "0.125Ki", 0, 128 },
	{ "bytes: four decimals are refused", text_parse_bytes, "0.1251Ki", -EINVAL, 0 },
	{ "bytes: a point without decimals is refused", text_parse_bytes, "1.G", -EINVAL, 0 },
	{ "bytes: decimals without a whole are refused", text_parse_bytes, ".5G", -EINVAL, 0 },
	{ "bytes: the largest T", text_parse_bytes, "16777215T", 0, UINT64_C(16777215) << 40 },
	{ "bytes: one T more is out of range", text_parse_bytes, "16777216T", -ERANGE, 0 },
	{ "bytes: a blank before the unit is refused", text_parse_bytes, "1 G", -EINVAL, 0 },
	{ "bytes: an unknown unit is refused", text_parse_bytes, "1X", -EINVAL, 0 },
	{ "bytes: a lower-case unit is refused", text_parse_bytes, "1m", -EINVAL, 0 },
	{ "bytes: nothing is refused", text_parse_bytes, "", -EINVAL, 0 },

	{ "duration: a bare number is seconds", text_parse_duration, "5", 0, 5 * USEC_SEC },
	{ "duration: milliseconds", text_parse_duration, "50ms", 0, 50 * USEC_MSEC },
	{ "duration: microseconds", text_parse_duration, "7us", 0, 7 },
	{ "duration: minutes", text_parse_duration, "2min", 0, 2 * USEC_MIN },
	{ "duration: hours", text_parse_duration, "1.5h", 0, 90 * USEC_MIN },
	{ "duration: days", text_parse_duration, "1d", 0, 1440 * USEC_MIN },
	{ "duration: m alone is refused", text_parse_duration, "1m", -EINVAL, 0 },
	{ "duration: a sign is refused", text_parse_duration, "-1s", -EINVAL, 0 },
	{ "duration: what does not fit is out of range", text_parse_duration, "300000000d", -ERANGE,
	  0 },
};

static void test_number(void **state)
{
	const struct number_case *c = *state;
	uint64_t v = 0xdead;

	assert_int_equal(c->parse(c->text, &v), c->r);
	assert_true(v == (c->r == 0 ? c->value : 0xdead));
}

struct i64_case {
	const char *name, *text;
	int r;
	int64_t value;
};

static const struct i64_case i64s[] = {
	{ "i64: a negative number", "-42", 0, -42 },
	{ "i64: the largest", "9223372036854775807", 0, INT64_MAX },
	{ "i64: one more is out of range", "9223372036854775808", -ERANGE, 0 },
	{ "i64: a sign alone is refused", "-", -EINVAL, 0 },
	{ "i64: two signs are refused", "--1", -EINVAL, 0 },
};

static void test_i64(void **state)
{
	const struct i64_case *c = *state;
	int64_t v = 0xdead;

	assert_int_equal(text_parse_i64(c->text, &v), c->r);
	assert_true(v == (c->r == 0 ? c->value : 0xdead));
}

struct bool_case {
	const char *name, *text;
	int r;
	bool value;
};

static const struct bool_case bools[] = {
	{ "bool: yes", "yes", 0, true },
	{ "bool: On", "On", 0, true },
	{ "bool: 1", "1", 0, true },
	{ "bool: TRUE", "TRUE", 0, true },
	{ "bool: no", "no", 0, false },
	{ "bool: off", "off", 0, false },
	{ "bool: 0", "0", 0, false },
	{ "bool: false", "false", 0, false },
	{ "bool: y is refused", "y", -EINVAL, 0 },
	{ "bool: nothing is refused", "", -EINVAL, 0 },
};

static void test_bool(void **state)
{
	const struct bool_case *c = *state;
	bool v = !c->value;

	assert_int_equal(text_parse_bool(c->text, &v), c->r);
	assert_int_equal(v, c->r == 0 ? c->value : !c->value);
}

struct format_case {
	const char *name;
	uint64_t bytes;
	const char *text;
};

static const struct format_case formats[] = {
	{ "bytes to text: zero", 0, "0" },
	{ "bytes to text: below K", 1023, "1023" },
	{ "bytes to text: K", 1024, "1.0K" },
	{ "bytes to text: 118.4M", 118 * MIB + MIB * 45 / 100, "118.4M" },
	{ "bytes to text: below the next unit", GIB - 1, "1023.9M" },
	{ "bytes to text: P is the last unit", UINT64_C(1) << 62, "4096.0P" },
	{ "bytes to text: no limit", BYTES_UNLIMITED, "-" },
};

static void test_format(void **state)
{
	const struct format_case *c = *state;
	char buf[TEXT_BYTES_MAX];

	assert_string_equal(text_bytes(buf, c->bytes), c->text);
}

struct escape_case {
	const char *name, *text;
	size_t size;
	const char *escaped;
};

static const struct escape_case escapes[] = {
	{ "escape: printable ASCII stays", "a b~\"'<>", 64, "a b~\"'<>" },
	{ "escape: a newline", "a\nb", 64, "a\\x0ab" },
	{ "escape: a terminal sequence", "\033[2J", 64, "\\x1b[2J" },
	{ "escape: the backslash itself", "\\x41", 64, "\\x5cx41" },
	{ "escape: UTF-8", "\xc3\xa4", 64, "\\xc3\\xa4" },
	{ "escape: DEL", "\x7f", 64, "\\x7f" },
	{ "escape: no half escape at the end", "abc\n", 7, "abc" },
	{ "escape: cut and terminated", "abcdef", 4, "abc" },
	{ "escape: one byte holds the terminator", "abc", 1, "" },
};

static void test_escape(void **state)
{
	const struct escape_case *c = *state;
	char buf[64];

	memset(buf, 'x', sizeof(buf));
	text_escape(buf, c->size, c->text);
	assert_string_equal(buf, c->escaped);
}

static void test_copy(void **state)
{
	char buf[4];

	(void)state;
	assert_true(text_copy(buf, sizeof(buf), "abc"));
	assert_string_equal(buf, "abc");
	assert_false(text_copy(buf, sizeof(buf), "wxyz"));
	assert_string_equal(buf, "wxy");
}

static void test_time(void **state)
{
	char buf[TEXT_TIME_MAX];

	(void)state;
	assert_string_equal(text_time_ns(buf, UINT64_C(1700000000123456789)),
			    "2023-11-14T22:13:20.123456789Z");
	assert_string_equal(text_time_ns(buf, 0), "1970-01-01T00:00:00.000000000Z");
}

struct match_case {
	const char *name, *pattern, *path;
	bool match;
};

static const struct match_case matches[] = {
	{ "match: the same text", "a/b", "a/b", true },
	{ "match: a prefix is not enough", "a/b", "a/bc", false },
	{ "match: the whole pattern is wanted", "a/b/c", "a/b", false },
	{ "match: nothing matches nothing", "", "", true },
	{ "match: nothing does not match something", "", "a", false },
	{ "match: a star in a segment", "a/*.service", "a/web.service", true },
	{ "match: a star takes nothing too", "a*b", "ab", true },
	{ "match: a star stops at a slash", "a/*", "a/b/c", false },
	{ "match: a question mark is one byte", "a?c", "abc", true },
	{ "match: a question mark is not none", "a?c", "ac", false },
	{ "match: a question mark is no slash", "a?c", "a/c", false },
	{ "match: two stars go over slashes", "a/**", "a/b/c", true },
	{ "match: a trailing /** matches the path itself", "a/**", "a", true },
	{ "match: a trailing /** does not match a longer name", "a/**", "ab", false },
	{ "match: a trailing /** matches an empty last segment", "a/**", "a/", true },
	{ "match: two stars in the middle", "a/**/z", "a/b/c/z", true },
	{ "match: two stars in front", "**/z.scope", "a/b/z.scope", true },
	{ "match: the second star goes back, not the first", "a*b*c", "axbxbxc", true },
	{ "match: a star behind two", "**/a*b", "x/ac/ayb", true },
	{ "match: a star behind two stops at a slash", "**/a*b", "x/a/b", false },
	{ "match: three stars are two and one", "a***b", "a/x/b", true },
	{ "match: bracket and backslash are bytes like others", "a[b]\\*", "a[b]\\c", true },
	{ "match: a bracket is no class", "a[bc]", "ab", false },
	{ "match: a path's own stars are bytes", "a/b", "a/*", false },
	{ "match: dot-dot is a name like others", "a/*", "a/..", true },
};

static void test_match(void **state)
{
	const struct match_case *c = *state;

	assert_int_equal(text_match_path(c->pattern, c->path), c->match);
}

/* The plain recursive definition: exponential, and right. */
static bool reference_match(const char *p, const char *s)
{
	if (p[0] == '*' && p[1] == '*')
		return reference_match(p + 2, s) || (*s && reference_match(p, s + 1)) || false;
	if (*p == '*')
		return reference_match(p + 1, s) || (*s && *s != '/' && reference_match(p, s + 1));
	if (!*s)
		return !*p || !strcmp(p, "/**");
	return *p && (*p == *s || (*p == '?' && *s != '/')) && reference_match(p + 1, s + 1);
}

static void fill(char *buf, size_t max, const char *alphabet, uint32_t *seed)
{
	size_t len;

	*seed = *seed * 1664525 + 1013904223;
	len = (*seed >> 16) % (max + 1);
	for (size_t i = 0; i < len; i++) {
		*seed = *seed * 1664525 + 1013904223;
		buf[i] = alphabet[(*seed >> 16) % strlen(alphabet)];
	}
	buf[len] = '\0';
}

static void test_match_random(void **state)
{
	uint32_t seed = 1;
	char pattern[16], path[16];

	(void)state;
	for (int i = 0; i < 300000; i++) {
		fill(pattern, 9, "ab/**?", &seed);
		fill(path, 9, "ab/", &seed);
		if (text_match_path(pattern, path) != reference_match(pattern, path))
			fail_msg("'%s' on '%s'", pattern, path);
	}
}

/* Exponential matchers need longer than the universe has for these; a quadratic one some milliseconds. */
static void test_match_hostile(void **state)
{
	static const char *const patterns[] = {
		"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
		"**a**a**a**a**a**a**a**a**a**a**a**b",
		"**/*a*a*a*a*a**/*a*a*a*a*a**/*a*a*a*a*b",
		"****************************************b",
		"*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?*b",
	};
	char path[4097];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	for (int slashes = 0; slashes < 2; slashes++) {
		usec_t start = clock_now();

		for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
			assert_false(text_match_path(patterns[i], path));
		assert_true(clock_now() - start < 20 * USEC_SEC);
		for (size_t i = 0; i + 1 < sizeof(path); i += 2)
			path[i] = '/';
	}
}

static const struct {
	const char *name, *text;
	size_t n;
} characters[] = {
	{ "character: ASCII is one byte", "a", 1 },
	{ "character: the end of a line is none", "\n", 0 },
	{ "character: DEL is none", "\x7f", 0 },
	{ "character: two bytes", "\xc3\xa9", 2 },
	{ "character: a control character of two bytes is none", "\xc2\x9b", 0 },
	{ "character: the first behind those", "\xc2\xa0", 2 },
	{ "character: more bytes than are needed are none", "\xc0\x80", 0 },
	{ "character: three bytes", "\xe2\x86\x90", 3 },
	{ "character: cut off it is none", "\xe2\x86", 0 },
	{ "character: a surrogate is none", "\xed\xa0\x80", 0 },
	{ "character: four bytes", "\xf0\x9f\x98\x80", 4 },
	{ "character: beyond the last is none", "\xf4\x90\x80\x80", 0 },
	{ "character: a byte that none begins with", "\xff", 0 },
	{ "character: the rest of another is none", "\x90", 0 },
};

static void test_character(void **state)
{
	const struct {
		const char *name, *text;
		size_t n;
	} *c = *state;

	assert_int_equal(text_character(c->text, strlen(c->text)), c->n);
}

static struct CMUnitTest tests[ARRAY_SIZE(numbers) + ARRAY_SIZE(i64s) + ARRAY_SIZE(bools) +
			       ARRAY_SIZE(formats) + ARRAY_SIZE(escapes) + ARRAY_SIZE(matches) +
			       ARRAY_SIZE(characters) + 4];
static size_t n_tests;

/* A row's first member is its name. */
static void add(CMUnitTestFunction test, const void *rows, size_t n, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		const char *row = (const char *)rows + i * size;

		tests[n_tests++] = (struct CMUnitTest){
			.name = *(const char *const *)(const void *)row,
			.test_func = test,
			.initial_state = (void *)(uintptr_t)row,
		};
	}
}

int main(void)
{
	add(test_number, numbers, ARRAY_SIZE(numbers), sizeof(numbers[0]));
	add(test_i64, i64s, ARRAY_SIZE(i64s), sizeof(i64s[0]));
	add(test_bool, bools, ARRAY_SIZE(bools), sizeof(bools[0]));
	add(test_format, formats, ARRAY_SIZE(formats), sizeof(formats[0]));
	add(test_escape, escapes, ARRAY_SIZE(escapes), sizeof(escapes[0]));
	add(test_character, characters, ARRAY_SIZE(characters), sizeof(characters[0]));
	add(test_match, matches, ARRAY_SIZE(matches), sizeof(matches[0]));
	tests[n_tests++] = (struct CMUnitTest){ .name = "copy: cuts, terminates and tells",
						.test_func = test_copy };
	tests[n_tests++] = (struct CMUnitTest){ .name = "time: RFC 3339 with nanoseconds",
						.test_func = test_time };
	tests[n_tests++] = (struct CMUnitTest){ .name = "match: agrees with the plain definition",
						.test_func = test_match_random };
	tests[n_tests++] = (struct CMUnitTest){ .name = "match: hostile patterns end",
						.test_func = test_match_hostile };
	assert_int_equal(n_tests, ARRAY_SIZE(tests));
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
