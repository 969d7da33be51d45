/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pb_decode.h>
#include <string.h>
#include <wire/pprof.pb.h>

#include "base/array.h"
#include "base/util.h"
#include "wire/gzip.h"
#include "wire/pprof.h"

/*
 * Decoded in one pass: what refers to something later in the file (strings come last) is kept as it is written, and
 * resolved when all has been read.
 */
struct reading {
	struct pprof p;
	size_t room_samples, room_stacks, room_locations, room_lines, room_functions;
	size_t n_stacks;
	uint64_t *ids; /* of the locations of all stacks */
	size_t n_strings, room_strings, n_text, room_text;
	uint32_t *strings; /* places in p.text */
	struct {
		int64_t name, unit;
	} types[PPROF_TYPES_MAX];
	struct {
		int64_t name, file;
	} * function_names;
	size_t room_names;
	uint64_t *line_functions;
	size_t room_line_functions;
	bool has_mapping;
	int64_t binary, build_id, period_type;
	int error; /* the first; nanopb knows only that there was one */
};

static void reading_done(struct reading *in)
{
	pprof_done(&in->p);
	free(in->ids);
	free(in->strings);
	free(in->function_names);
	free(in->line_functions);
}

/* Stops the decoding. */
static bool failed(struct reading *in, int error)
{
	if (!in->error)
		in->error = error;
	return false;
}

/* Makes room for one more in an array of the reading; false at its cap. */
#define MAKE_ROOM(in, array, room, n, max)                                                         \
	done(in, array_make_room(&(array), &(room), n, max, sizeof(*(array))))

static bool done(struct reading *in, int r)
{
	return r == 0 || failed(in, r);
}

/* A field that repeats calls back for each of its items, or for all of them where they are packed. */
static pb_callback_t each(bool (*decode)(pb_istream_t *stream, const pb_field_t *field, void **arg),
			  struct reading *in)
{
	return (pb_callback_t){ .funcs.decode = decode, .arg = in };
}

static bool take_location_id(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct reading *in = *arg;

	(void)field;
	while (stream->bytes_left > 0) {
		if (!MAKE_ROOM(in, in->ids, in->room_stacks, in->n_stacks, PPROF_REFERENCES_MAX))
			return false;
		if (!pb_decode_varint(stream, &in->ids[in->n_stacks]))
			return false;
		in->n_stacks++;
	}
	return true;
}

/* The values of the sample that is being read, which stands behind the last. */
struct values {
	size_t n;
	int64_t *value;
};

static bool take_value(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct values *values = *arg;
	uint64_t v;

	(void)field;
	while (stream->bytes_left > 0) {
		if (!pb_decode_varint(stream, &v))
			return false;
		if (values->n < PPROF_TYPES_MAX)
			values->value[values->n++] = (int64_t)v;
	}
	return true;
}

static bool take_sample(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct reading *in = *arg;
	wire_PprofSample message = wire_PprofSample_init_zero;
	struct pprof_sample *s;
	struct values values = { 0 };

	(void)field;
	if (!MAKE_ROOM(in, in->p.samples, in->room_samples, in->p.n_samples, PPROF_SAMPLES_MAX))
		return false;
	s = &in->p.samples[in->p.n_samples];
	*s = (struct pprof_sample){ .first = (uint32_t)in->n_stacks };
	values.value = s->value;
	message.location_id = each(take_location_id, in);
	message.value = (pb_callback_t){ .funcs.decode = take_value, .arg = &values };
	if (!pb_decode(stream, wire_PprofSample_fields, &message))
		return false;
	s->n = (uint32_t)in->n_stacks - s->first;
	in->p.n_samples++;
	return true;
}

static bool take_line(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct reading *in = *arg;
	wire_PprofLine message = wire_PprofLine_init_zero;
	const size_t n = in->p.n_lines;

	(void)field;
	if (!pb_decode(stream, wire_PprofLine_fields, &message))
		return false;
	if (!MAKE_ROOM(in, in->p.lines, in->room_lines, n, PPROF_LOCATIONS_MAX) ||
	    !MAKE_ROOM(in, in->line_functions, in->room_line_functions, n, PPROF_LOCATIONS_MAX))
		return false;
	in->line_functions[n] = message.function_id;
	in->p.lines[n].line =
		message.line > 0 && message.line <= INT32_MAX ? (uint32_t)message.line : 0;
	in->p.n_lines++;
	return true;
}

static bool take_location(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct reading *in = *arg;
	wire_PprofLocation message = wire_PprofLocation_init_zero;
	const size_t first = in->p.n_lines;

	(void)field;
	message.line = each(take_line, in);
	if (!pb_decode(stream, wire_PprofLocation_fields, &message) ||
	    !MAKE_ROOM(in, in->p.locations, in->room_locations, in->p.n_locations,
		       PPROF_LOCATIONS_MAX))
		return false;
	in->p.locations[in->p.n_locations++] =
		(struct pprof_location){ .id = message.id,
					 .address = message.address,
					 .first_line = (uint32_t)first,
					 .n_lines = (uint32_t)(in->p.n_lines - first) };
	return true;
}

static bool take_function(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct reading *in = *arg;
	wire_PprofFunction message = wire_PprofFunction_init_zero;
	const size_t n = in->p.n_functions;

	(void)field;
	if (!pb_decode(stream, wire_PprofFunction_fields, &message) ||
	    !MAKE_ROOM(in, in->p.functions, in->room_functions, n, PPROF_LOCATIONS_MAX) ||
	    !MAKE_ROOM(in, in->function_names, in->room_names, n, PPROF_LOCATIONS_MAX))
		return false;
	in->p.functions[n] = (struct pprof_function){ .id = message.id };
	in->function_names[n].name = message.name;
	in->function_names[n].file = message.filename;
	in->p.n_functions++;
	return true;
}

static bool take_mapping(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct reading *in = *arg;
	wire_PprofMapping message = wire_PprofMapping_init_zero;

	(void)field;
	if (!pb_decode(stream, wire_PprofMapping_fields, &message))
		return false;
	if (!in->has_mapping) {
		in->has_mapping = true;
		in->binary = message.filename;
		in->build_id = message.build_id;
	}
	return true;
}

static bool take_type(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct reading *in = *arg;
	wire_PprofValueType message = wire_PprofValueType_init_zero;

	(void)field;
	if (!pb_decode(stream, wire_PprofValueType_fields, &message))
		return false;
	if (in->p.n_types == PPROF_TYPES_MAX)
		return failed(in, -EFBIG);
	in->types[in->p.n_types].name = message.type;
	in->types[in->p.n_types++].unit = message.unit;
	return true;
}

/* The text is no longer than the file: it needs no cap of its own. */
static bool take_string(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct reading *in = *arg;
	const size_t len = stream->bytes_left, at = in->n_text;

	(void)field;
	if (!MAKE_ROOM(in, in->strings, in->room_strings, in->n_strings, PPROF_LOCATIONS_MAX))
		return false;
	if (at + len + 1 > in->room_text) {
		const size_t room = MAX(2 * in->room_text, at + len + 1);
		char *grown = realloc(in->p.text, room);

		if (!grown)
			return failed(in, -ENOMEM);
		in->p.text = grown;
		in->room_text = room;
	}
	if (!pb_read(stream, (pb_byte_t *)in->p.text + at, len))
		return false;
	in->p.text[at + len] = '\0';
	in->n_text += len + 1;
	in->strings[in->n_strings++] = (uint32_t)at;
	return true;
}

static int decode(struct span bytes, struct reading *in)
{
	wire_PprofProfile message = wire_PprofProfile_init_zero;
	pb_istream_t stream = pb_istream_from_buffer(bytes.p, bytes.len);

	message.sample_type = each(take_type, in);
	message.sample = each(take_sample, in);
	message.mapping = each(take_mapping, in);
	message.location = each(take_location, in);
	message.function = each(take_function, in);
	message.string_table = each(take_string, in);
	if (!pb_decode(&stream, wire_PprofProfile_fields, &message))
		return in->error ? in->error : -EBADMSG;
	in->period_type = message.period_type.type;
	in->p.period = message.period;
	in->p.time_ns = message.time_nanos;
	in->p.duration_ns = message.duration_nanos;
	return 0;
}

/* A place that is not in the table is an empty string: names are for people. */
static const char *string_at(const struct reading *in, int64_t i)
{
	if (i < 0 || (uint64_t)i >= in->n_strings)
		return "";
	return in->p.text + in->strings[i];
}

static void resolve_strings(struct reading *in)
{
	struct pprof *p = &in->p;

	for (uint32_t i = 0; i < p->n_types; i++) {
		p->types[i].name = string_at(in, in->types[i].name);
		p->types[i].unit = string_at(in, in->types[i].unit);
	}
	for (size_t i = 0; i < p->n_functions; i++) {
		p->functions[i].name = string_at(in, in->function_names[i].name);
		p->functions[i].file = string_at(in, in->function_names[i].file);
	}
	p->binary = string_at(in, in->has_mapping ? in->binary : -1);
	p->build_id = string_at(in, in->has_mapping ? in->build_id : -1);
	p->period_type = string_at(in, in->period_type);
}

static int compare_ids(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_function_id(const void *a, const void *b)
{
	return compare_ids(((const struct pprof_function *)a)->id,
			   ((const struct pprof_function *)b)->id);
}

static int by_location_id(const void *a, const void *b)
{
	return compare_ids(((const struct pprof_location *)a)->id,
			   ((const struct pprof_location *)b)->id);
}

/* Every line's function and every stack's location, by their places. */
static int resolve_ids(struct reading *in)
{
	struct pprof *p = &in->p;

	if (p->n_functions)
		qsort(p->functions, p->n_functions, sizeof(*p->functions), by_function_id);
	if (p->n_locations)
		qsort(p->locations, p->n_locations, sizeof(*p->locations), by_location_id);
	for (size_t i = 0; i < p->n_lines; i++) {
		const struct pprof_function key = { .id = in->line_functions[i] }, *f = NULL;

		if (p->n_functions)
			f = bsearch(&key, p->functions, p->n_functions, sizeof(key),
				    by_function_id);
		if (!f)
			return -EBADMSG;
		p->lines[i].function = (uint32_t)(f - p->functions);
	}
	p->stacks = calloc(MAX(in->n_stacks, (size_t)1), sizeof(*p->stacks));
	if (!p->stacks)
		return -ENOMEM;
	for (size_t i = 0; i < in->n_stacks; i++) {
		const struct pprof_location key = { .id = in->ids[i] }, *l = NULL;

		if (p->n_locations)
			l = bsearch(&key, p->locations, p->n_locations, sizeof(key),
				    by_location_id);
		if (!l)
			return -EBADMSG;
		p->stacks[i] = (uint32_t)(l - p->locations);
	}
	return 0;
}

static int read_plain(struct span bytes, struct pprof *ret)
{
	_cleanup_(reading_done) struct reading in = { 0 };
	int r = bytes.len > PPROF_BYTES_MAX ? -EFBIG : decode(bytes, &in);

	if (r < 0)
		return r;
	/* Whatever bytes decode to something; a profile without a type of values says nothing. */
	if (in.p.n_types == 0)
		return -EBADMSG;
	resolve_strings(&in);
	r = resolve_ids(&in);
	if (r < 0)
		return r;
	*ret = in.p;
	in.p = (struct pprof){ 0 };
	return 0;
}

int pprof_read(struct span bytes, struct pprof *ret)
{
	_cleanup_(freep) uint8_t *unpacked = NULL;
	size_t len;
	int r;

	if (!gzip_is(&bytes))
		return read_plain(bytes, ret);
	r = gzip_unpack(bytes, PPROF_BYTES_MAX, &unpacked, &len);
	return r < 0 ? r : read_plain(span_of(unpacked, len), ret);
}

void pprof_done(struct pprof *p)
{
	free(p->samples);
	free(p->stacks);
	free(p->locations);
	free(p->lines);
	free(p->functions);
	free(p->text);
	*p = (struct pprof){ 0 };
}

int pprof_type(const struct pprof *p, const char *type)
{
	for (uint32_t i = 0; i < p->n_types; i++)
		if (strcmp(p->types[i].name, type) == 0)
			return (int)i;
	return -ENOENT;
}
