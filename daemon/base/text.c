/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/util.h"

/* Digits of @s into *ret; returns the first byte that is none, NULL where there is no digit or too many. */
static const char *take_digits(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	const char *p = s;

	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return NULL;
	if (p == s)
		return NULL;
	*ret = v;
	return p;
}

int text_parse_u64(const char *s, uint64_t *ret)
{
	uint64_t v;
	const char *end = take_digits(s, &v);

	if (!end)
		return isdigit((unsigned char)*s) ? -ERANGE : -EINVAL;
	if (*end)
		return -EINVAL;
	*ret = v;
	return 0;
}

int text_parse_i64(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t v;
	int r = text_parse_u64(s + negative, &v);

	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX)
		return -ERANGE;
	*ret = negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

int text_parse_bool(const char *s, bool *ret)
{
	static const char *const words[2][4] = { { "no", "false", "off", "0" },
						 { "yes", "true", "on", "1" } };

	for (size_t v = 0; v < 2; v++)
		for (size_t i = 0; i < 4; i++)
			if (!strcasecmp(s, words[v][i])) {
				*ret = v;
				return 0;
			}
	return -EINVAL;
}

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit byte_units[] = {
	{ "", 1 },     { "B", 1 },   { "K", KIB },  { "Ki", KIB },	{ "M", MIB },
	{ "Mi", MIB }, { "G", GIB }, { "Gi", GIB }, { "T", GIB << 10 }, { "Ti", GIB << 10 },
};

static const struct unit time_units[] = {
	{ "", USEC_SEC },
	{ "us", 1 },
	{ "ms", USEC_MSEC },
	{ "s", USEC_SEC },
	{ "min", USEC_MIN },
	{ "h", 60 * USEC_MIN },
	{ "d", 24 * 60 * USEC_MIN },
};

/* A decimal number with at most three digits behind the point, times the factor of its unit. */
static int parse_scaled(const char *s, const struct unit *units, size_t n, uint64_t *ret)
{
	uint64_t whole, thousandths = 0, total;
	const char *end = take_digits(s, &whole);

	if (!end)
		return isdigit((unsigned char)*s) ? -ERANGE : -EINVAL;
	if (*end == '.') {
		uint64_t scale = 100;

		if (!isdigit((unsigned char)end[1]))
			return -EINVAL;
		for (end++; isdigit((unsigned char)*end); end++, scale /= 10) {
			if (!scale)
				return -EINVAL;
			thousandths += (uint64_t)(*end - '0') * scale;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(end, units[i].suffix))
			continue;
		if (__builtin_mul_overflow(whole, units[i].factor, &total) ||
		    __builtin_add_overflow(total, mul_div(units[i].factor, thousandths, 1000),
					   &total))
			return -ERANGE;
		*ret = total;
		return 0;
	}
	return -EINVAL;
}

int text_parse_bytes(const char *s, uint64_t *ret)
{
	return parse_scaled(s, byte_units, ARRAY_SIZE(byte_units), ret);
}

int text_parse_duration(const char *s, usec_t *ret)
{
	return parse_scaled(s, time_units, ARRAY_SIZE(time_units), ret);
}

void text_escape(char *buf, size_t size, const char *s)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = c >= 0x20 && c < 0x7f && c != '\\';

		if (n + (plain ? 1 : 4) >= size)
			break;
		if (plain) {
			buf[n++] = (char)c;
			continue;
		}
		buf[n++] = '\\';
		buf[n++] = 'x';
		buf[n++] = hex[c >> 4];
		buf[n++] = hex[c & 15];
	}
	buf[n] = '\0';
}

bool text_copy(char *buf, size_t size, const char *s)
{
	size_t n = strnlen(s, size);

	if (n == size) {
		memcpy(buf, s, size - 1);
		buf[size - 1] = '\0';
		return false;
	}
	memcpy(buf, s, n + 1);
	return true;
}

size_t text_character(const char *s, size_t len)
{
	const uint8_t first = (uint8_t)*s;
	const size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? first : first & (0x7fU >> n);

	if (n == 1)
		return first >= ' ' && first < 0x7f;
	if (first < 0xc2 || first > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (((uint8_t)s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((uint8_t)s[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	/* Control characters of ISO 6429, surrogates, and two that are none. */
	return c < 0xa0 || (c >= 0xd800 && c < 0xe000) || c == 0xfffe || c == 0xffff ? 0 : n;
}

uint64_t text_hash(uint64_t h, const char *s)
{
	do {
		h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
	} while (*s++);
	return h;
}

const char *text_bytes(char buf[TEXT_BYTES_MAX], uint64_t bytes)
{
	static const char suffix[] = "KMGTP";
	size_t i = 0;
	uint64_t unit = KIB;

	if (bytes == BYTES_UNLIMITED) {
		memcpy(buf, "-", sizeof("-"));
		return buf;
	}
	if (bytes < KIB) {
		snprintf(buf, TEXT_BYTES_MAX, "%" PRIu64, bytes);
		return buf;
	}
	while (i + 1 < strlen(suffix) && bytes >= unit << 10) {
		unit <<= 10;
		i++;
	}
	snprintf(buf, TEXT_BYTES_MAX, "%" PRIu64 ".%" PRIu64 "%c", bytes / unit,
		 mul_div(bytes % unit, 10, unit), suffix[i]);
	return buf;
}

const char *text_time_ns(char buf[TEXT_TIME_MAX], uint64_t wall_ns)
{
	time_t sec = (time_t)(wall_ns / 1000000000);
	struct tm tm;
	size_t n;

	if (!gmtime_r(&sec, &tm)) {
		buf[0] = '\0';
		return buf;
	}
	n = strftime(buf, TEXT_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, TEXT_TIME_MAX - n, ".%09" PRIu64 "Z", wall_ns % 1000000000);
	return buf;
}

/*
 * Two restart points instead of recursion: after a mismatch the last single star takes one byte more, then the
 * last double star. A hostile path costs at most its length squared.
 */
bool text_match_path(const char *pattern, const char *path)
{
	const char *p = pattern, *s = path;
	const char *one_p = NULL, *one_s = NULL, *two_p = NULL, *two_s = NULL;

	for (;;) {
		if (p[0] == '*' && p[1] == '*') {
			two_p = p += 2;
			two_s = s;
			one_p = NULL;
		} else if (*p == '*') {
			one_p = ++p;
			one_s = s;
		} else if (*s && (*p == *s || (*p == '?' && *s != '/'))) {
			p++;
			s++;
		} else if (!*s && (!*p || !strcmp(p, "/**"))) {
			return true;
		} else if (one_p && *one_s && *one_s != '/') {
			p = one_p;
			s = ++one_s;
		} else if (two_p && *two_s) {
			p = two_p;
			s = ++two_s;
			one_p = NULL;
		} else {
			return false;
		}
	}
}
