/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/decimal.h"
#include "base/util.h"

enum {
	DIGITS_MAX =
		19, /* what a mantissa holds without overflow; those after them are as good as zeros */
	EXPONENT_MAX = 10000,
};

struct decimal {
	uint64_t mantissa;
	int exponent, digits;
	bool any;
};

static bool take(struct span *s, char c)
{
	if (s->len == 0 || s->p[0] != (uint8_t)c)
		return false;
	span_skip(s, 1);
	return true;
}

static bool is_digit(const struct span *s)
{
	return s->len > 0 && s->p[0] >= '0' && s->p[0] <= '9';
}

/* @step: what a digit does to the exponent where it has a place in the mantissa; else it does one more. */
static void take_digits(struct span *s, struct decimal *d, int step)
{
	for (; is_digit(s); span_skip(s, 1)) {
		const bool fits = d->digits < DIGITS_MAX;

		d->any = true;
		if (fits)
			d->mantissa = 10 * d->mantissa + (uint64_t)(s->p[0] - '0');
		if (fits && d->mantissa)
			d->digits++;
		if (d->exponent > -EXPONENT_MAX && d->exponent < EXPONENT_MAX)
			d->exponent += step + (fits ? 0 : 1);
	}
}

static int take_exponent(struct span *s, struct decimal *d)
{
	bool negative;
	int e = 0;

	if (!take(s, 'e') && !take(s, 'E'))
		return 0;
	negative = take(s, '-');
	if (!negative)
		take(s, '+');
	if (!is_digit(s))
		return -EINVAL;
	for (; is_digit(s); span_skip(s, 1))
		e = MIN(10 * e + (s->p[0] - '0'), EXPONENT_MAX);
	d->exponent += negative ? -e : e;
	return 0;
}

static int64_t signed_of(bool negative, uint64_t v)
{
	if (v > INT64_MAX)
		return negative ? INT64_MIN : INT64_MAX;
	return negative ? -(int64_t)v : (int64_t)v;
}

static uint64_t shifted(uint64_t v, int exponent)
{
	for (; exponent > 0 && v && v != UINT64_MAX; exponent--)
		v = mul_div(v, 10, 1);
	for (; exponent < 0 && v; exponent++)
		v /= 10;
	return v;
}

static bool is_word(const struct span *s, const char *word)
{
	return s->len == strlen(word) && !strncasecmp((const char *)s->p, word, s->len);
}

int decimal_parse(struct span text, int scale, int64_t *ret)
{
	struct decimal d = { 0 };
	bool negative;
	int r;

	if (is_word(&text, "NaN"))
		return DECIMAL_NAN;
	negative = take(&text, '-');
	if (!negative)
		take(&text, '+');
	if (is_word(&text, "Inf") || is_word(&text, "Infinity")) {
		*ret = signed_of(negative, UINT64_MAX);
		return 0;
	}
	take_digits(&text, &d, 0);
	if (take(&text, '.'))
		take_digits(&text, &d, -1);
	if (!d.any)
		return -EINVAL;
	r = take_exponent(&text, &d);
	if (r < 0)
		return r;
	if (text.len > 0)
		return -EINVAL;
	*ret = signed_of(negative, shifted(d.mantissa, d.exponent + scale));
	return 0;
}
