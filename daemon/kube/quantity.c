/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "kube/quantity.h"

enum {
	DIGITS_MAX = 18, /* that count; a quantity has 64 bits */
	EXPONENT_MAX = 30,
};

__extension__ typedef unsigned __int128 wide;

/* A number in its parts: mantissa * 10^ten * 2^two. */
struct parts {
	uint64_t mantissa;
	int ten, two;
};

static int take_mantissa(const char **s, struct parts *ret)
{
	bool point = false, any = false;
	const char *p = *s;
	int digits = 0;

	for (; (*p >= '0' && *p <= '9') || (*p == '.' && !point); p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		any = true;
		if (digits == DIGITS_MAX)
			return -ERANGE;
		ret->mantissa = 10 * ret->mantissa + (uint64_t)(*p - '0');
		digits += ret->mantissa != 0;
		ret->ten -= point;
		if (ret->ten < -EXPONENT_MAX)
			return -ERANGE;
	}
	*s = p;
	return any ? 0 : -EINVAL;
}

static int take_suffix(const char *s, struct parts *ret)
{
	static const struct {
		const char *suffix;
		int ten, two;
	} suffixes[] = {
		{ "", 0, 0 },	 { "n", -9, 0 },  { "u", -6, 0 },  { "m", -3, 0 },
		{ "k", 3, 0 },	 { "M", 6, 0 },	  { "G", 9, 0 },   { "T", 12, 0 },
		{ "P", 15, 0 },	 { "E", 18, 0 },  { "Ki", 0, 10 }, { "Mi", 0, 20 },
		{ "Gi", 0, 30 }, { "Ti", 0, 40 }, { "Pi", 0, 50 }, { "Ei", 0, 60 },
	};
	int64_t exponent;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (!strcmp(s, suffixes[i].suffix)) {
			ret->ten += suffixes[i].ten;
			ret->two = suffixes[i].two;
			return 0;
		}
	if ((s[0] != 'e' && s[0] != 'E') || text_parse_i64(s + 1 + (s[1] == '+'), &exponent) < 0)
		return -EINVAL;
	if (exponent < -EXPONENT_MAX || exponent > EXPONENT_MAX)
		return -ERANGE;
	ret->ten += (int)exponent;
	return 0;
}

int kube_quantity_parse(const char *s, unsigned int scale, int64_t *ret)
{
	struct parts p = { 0 };
	wide v, divisor = 1;
	int r = take_mantissa(&s, &p);

	if (r == 0)
		r = take_suffix(s, &p);
	if (r < 0)
		return r;
	v = p.mantissa;
	if (__builtin_mul_overflow(v, (wide)scale, &v) ||
	    __builtin_mul_overflow(v, (wide)1 << p.two, &v))
		return -ERANGE;
	for (; p.ten > 0; p.ten--)
		if (__builtin_mul_overflow(v, (wide)10, &v))
			return -ERANGE;
	/* What is so small is rounded up to one all the same. */
	for (; p.ten < 0 && divisor < (wide)1 << 120; p.ten++)
		divisor *= 10;
	v = v / divisor + (v % divisor != 0);
	if (v > INT64_MAX)
		return -ERANGE;
	*ret = (int64_t)v;
	return 0;
}
