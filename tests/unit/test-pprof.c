/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/util.h"
#include "fixture/protobuf.h"
#include "fixture/suite.h"
#include "wire/gzip.h"
#include "wire/pprof.h"

/* Fields of profile.proto. */
enum {
	PROFILE_TYPE = 1,
	PROFILE_SAMPLE,
	PROFILE_MAPPING,
	PROFILE_LOCATION,
	PROFILE_FUNCTION,
	PROFILE_STRING,
	PROFILE_TIME = 9,
	PROFILE_DURATION,
	PROFILE_PERIOD_TYPE,
	PROFILE_PERIOD,
};

static const char *const strings[] = { "",	"alloc_objects", "count",     "alloc_space",
				       "bytes", "main.f",	 "/src/f.go", "main.inner",
				       "space", "/bin/program",	 "0123abcd" };

static void put_pair(struct protobuf *b, unsigned int field, uint64_t first, uint64_t second)
{
	struct protobuf m = { 0 };

	protobuf_number(&m, 1, first);
	protobuf_number(&m, 2, second);
	protobuf_message(b, field, &m);
}

static void put_sample(struct protobuf *b, const uint64_t *locations, size_t n,
		       const uint64_t *values, int packed)
{
	struct protobuf m = { 0 };

	protobuf_numbers(&m, 1, locations, n, packed);
	protobuf_numbers(&m, 2, values, 2, packed);
	/* Labels are of no interest, and skipped. */
	protobuf_text(&m, 3, "\x08\x01");
	protobuf_message(b, PROFILE_SAMPLE, &m);
}

static void put_function(struct protobuf *b, uint64_t id, uint64_t name, uint64_t file)
{
	struct protobuf m = { 0 };

	protobuf_number(&m, 1, id);
	protobuf_number(&m, 2, name);
	protobuf_number(&m, 3, name);
	protobuf_number(&m, 4, file);
	protobuf_message(b, PROFILE_FUNCTION, &m);
}

static void put_location(struct protobuf *b, uint64_t id, uint64_t address,
			 const uint64_t *functions, const uint64_t *lines, size_t n)
{
	struct protobuf m = { 0 };

	protobuf_number(&m, 1, id);
	protobuf_number(&m, 2, 1);
	protobuf_number(&m, 3, address);
	for (size_t i = 0; i < n; i++)
		put_pair(&m, 4, functions[i], lines[i]);
	protobuf_message(b, PROFILE_LOCATION, &m);
}

static void put_mapping(struct protobuf *b, uint64_t file, uint64_t build_id)
{
	struct protobuf m = { 0 };

	protobuf_number(&m, 1, 1);
	protobuf_number(&m, 5, file);
	protobuf_number(&m, 6, build_id);
	protobuf_message(b, PROFILE_MAPPING, &m);
}

/* One stack of two locations, the inner of which is a call that was inlined. Ids are not places. */
static void put_profile(struct protobuf *b, int packed)
{
	struct protobuf period = { 0 };

	put_pair(b, PROFILE_TYPE, 1, 2);
	put_pair(b, PROFILE_TYPE, 3, 4);
	put_sample(b, (const uint64_t[]){ 70, 30 }, 2, (const uint64_t[]){ 3, 4096 }, packed);
	put_mapping(b, 9, 10);
	put_mapping(b, 6, 6);
	put_location(b, 70, 0x4010, (const uint64_t[]){ 900, 500 }, (const uint64_t[]){ 12, 34 },
		     2);
	put_location(b, 30, 0x4020, (const uint64_t[]){ 500 }, (const uint64_t[]){ 56 }, 1);
	put_function(b, 900, 7, 6);
	put_function(b, 500, 5, 6);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		protobuf_text(b, PROFILE_STRING, strings[i]);
	protobuf_number(b, PROFILE_TIME, 1234);
	protobuf_number(b, PROFILE_DURATION, 5678);
	protobuf_number(&period, 1, 8);
	protobuf_number(&period, 2, 4);
	protobuf_message(b, PROFILE_PERIOD_TYPE, &period);
	protobuf_number(b, PROFILE_PERIOD, 524288);
	/* Fields of later versions of the format. */
	protobuf_number(b, 99, 7);
}

static void check_profile(const struct pprof *p)
{
	const struct pprof_sample *s = &p->samples[0];
	const struct pprof_location *l;

	assert_int_equal(p->n_types, 2);
	assert_int_equal(pprof_type(p, "alloc_space"), 1);
	assert_int_equal(pprof_type(p, "inuse_space"), -ENOENT);
	assert_string_equal(p->types[1].unit, "bytes");
	assert_string_equal(p->period_type, "space");
	assert_int_equal(p->period, 524288);
	assert_int_equal(p->time_ns, 1234);
	assert_int_equal(p->duration_ns, 5678);
	assert_string_equal(p->binary, "/bin/program");
	assert_string_equal(p->build_id, "0123abcd");
	assert_int_equal(p->n_samples, 1);
	assert_int_equal(s->n, 2);
	assert_int_equal(s->value[0], 3);
	assert_int_equal(s->value[1], 4096);
	l = &p->locations[p->stacks[s->first]];
	assert_int_equal(l->address, 0x4010);
	assert_int_equal(l->n_lines, 2);
	assert_string_equal(p->functions[p->lines[l->first_line].function].name, "main.inner");
	assert_int_equal(p->lines[l->first_line].line, 12);
	assert_string_equal(p->functions[p->lines[l->first_line + 1].function].name, "main.f");
	assert_int_equal(p->lines[l->first_line + 1].line, 34);
	l = &p->locations[p->stacks[s->first + 1]];
	assert_int_equal(l->address, 0x4020);
	assert_string_equal(p->functions[p->lines[l->first_line].function].file, "/src/f.go");
}

/* Numbers that repeat: as Go packs them, or each by itself. */
static const struct form_case {
	const char *name;
	int packed;
} forms[] = {
	{ "a profile as it is", 1 },
	{ "numbers that repeat need not be packed", 0 },
};

static void test_plain(void **state)
{
	const struct form_case *c = *state;
	_cleanup_(pprof_done) struct pprof p = { 0 };
	struct protobuf b = { 0 };

	put_profile(&b, c->packed);
	assert_int_equal(pprof_read(span_of(b.bytes, b.n), &p), 0);
	check_profile(&p);
}

static size_t pack(const void *bytes, size_t n, uint8_t *out, size_t room)
{
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)bytes,
		       .avail_in = (uInt)n,
		       .next_out = out,
		       .avail_out = (uInt)room };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static void test_gzip(void **state)
{
	_cleanup_(pprof_done) struct pprof p = { 0 };
	struct protobuf b = { 0 };
	uint8_t packed[8192];
	size_t n;

	(void)state;
	put_profile(&b, 1);
	n = pack(b.bytes, b.n, packed, sizeof(packed));
	assert_int_equal(pprof_read(span_of(packed, n), &p), 0);
	check_profile(&p);
}

/* Cut anywhere, packed or not: refused, or a shorter profile; nothing is read beyond the end. */
static void test_cut(void **state)
{
	struct protobuf b = { 0 };
	uint8_t packed[8192];
	size_t n;

	(void)state;
	put_profile(&b, 1);
	n = pack(b.bytes, b.n, packed, sizeof(packed));
	for (size_t i = 0; i < n; i++) {
		struct pprof p = { 0 };

		assert_int_equal(pprof_read(span_of(packed, i), &p), -EBADMSG);
	}
	for (size_t i = 0; i < b.n; i++) {
		uint8_t *exact = malloc(MAX(i, (size_t)1));
		struct pprof p = { 0 };

		assert_non_null(exact);
		memcpy(exact, b.bytes, i);
		if (pprof_read(span_of(exact, i), &p) == 0)
			pprof_done(&p);
		free(exact);
	}
}

static void test_bomb(void **state)
{
	enum { PLAIN = 1 << 20 };
	_cleanup_(freep) uint8_t *zeroes = calloc(1, PLAIN), *out = NULL;
	uint8_t packed[8192];
	size_t n, len;

	(void)state;
	assert_non_null(zeroes);
	n = pack(zeroes, PLAIN, packed, sizeof(packed));
	assert_int_equal(gzip_unpack(span_of(packed, n), PLAIN - 1, &out, &len), -EFBIG);
	assert_null(out);
	assert_int_equal(gzip_unpack(span_of(packed, n), PLAIN, &out, &len), 0);
	assert_int_equal(len, PLAIN);
}

/* What is wrong with a profile that is well-formed. */
struct wrong_case {
	const char *name;
	void (*put)(struct protobuf *b);
	int result;
};

static void put_no_type(struct protobuf *b)
{
	protobuf_text(b, PROFILE_STRING, "");
}

static void put_unknown_location(struct protobuf *b)
{
	put_pair(b, PROFILE_TYPE, 0, 0);
	put_sample(b, (const uint64_t[]){ 1 }, 1, (const uint64_t[]){ 1, 1 }, 1);
}

static void put_unknown_function(struct protobuf *b)
{
	put_pair(b, PROFILE_TYPE, 0, 0);
	put_location(b, 1, 0, (const uint64_t[]){ 5 }, (const uint64_t[]){ 1 }, 1);
}

static void put_many_types(struct protobuf *b)
{
	for (int i = 0; i <= PPROF_TYPES_MAX; i++)
		put_pair(b, PROFILE_TYPE, 0, 0);
}

static void put_strings_outside(struct protobuf *b)
{
	put_pair(b, PROFILE_TYPE, 7, UINT64_MAX);
	put_function(b, 1, 1000, UINT64_MAX);
}

static void put_odd_line(struct protobuf *b)
{
	put_pair(b, PROFILE_TYPE, 0, 0);
	put_function(b, 5, 0, 0);
	put_location(b, 1, 0, (const uint64_t[]){ 5 }, (const uint64_t[]){ UINT64_MAX }, 1);
}

static const struct wrong_case wrongs[] = {
	{ "no type of values: no profile", put_no_type, -EBADMSG },
	{ "a stack of a location that is not there", put_unknown_location, -EBADMSG },
	{ "a line of a function that is not there", put_unknown_function, -EBADMSG },
	{ "more types of values than there can be", put_many_types, -EFBIG },
	{ "strings outside of the table are empty", put_strings_outside, 0 },
	{ "a line before the first is none", put_odd_line, 0 },
};

static void test_wrong(void **state)
{
	const struct wrong_case *c = *state;
	_cleanup_(pprof_done) struct pprof p = { 0 };
	struct protobuf b = { 0 };

	c->put(&b);
	assert_int_equal(pprof_read(span_of(b.bytes, b.n), &p), c->result);
	if (c->result == 0 && p.n_functions > 0)
		assert_string_equal(p.functions[0].name, "");
	if (c->result == 0 && p.n_lines > 0)
		assert_int_equal(p.lines[0].line, 0);
}

/* More samples than the cap, in a few megabytes: an empty one has two bytes. */
static void test_too_many(void **state)
{
	const size_t n = 2 * ((size_t)PPROF_SAMPLES_MAX + 1);
	_cleanup_(freep) uint8_t *bytes = malloc(n);
	struct pprof p = { 0 };

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < n; i += 2) {
		bytes[i] = PROFILE_SAMPLE << 3 | 2;
		bytes[i + 1] = 0;
	}
	assert_int_equal(pprof_read(span_of(bytes, n), &p), -EFBIG);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("a profile in gzip", test_gzip),
	SUITE_TEST("cut anywhere it is refused or shorter", test_cut),
	SUITE_TEST("what unpacks to more than the cap is refused", test_bomb),
	SUITE_TEST("more samples than the cap are refused", test_too_many),
};

int main(void)
{
	static struct suite s;

	SUITE_TESTS(&s, others);
	SUITE_TABLE(&s, test_plain, forms);
	SUITE_TABLE(&s, test_wrong, wrongs);
	return suite_run(&s, "pprof");
}
