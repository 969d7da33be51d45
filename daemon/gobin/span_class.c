/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "gobin/span_class.h"

static const struct {
	uint16_t object_bytes;
	uint8_t pages;
} classes[] = {
	{ 0, 0 },     { 8, 1 },	    { 16, 1 },	  { 24, 1 },	{ 32, 1 },    { 48, 1 },
	{ 64, 1 },    { 80, 1 },    { 96, 1 },	  { 112, 1 },	{ 128, 1 },   { 144, 1 },
	{ 160, 1 },   { 176, 1 },   { 192, 1 },	  { 208, 1 },	{ 224, 1 },   { 240, 1 },
	{ 256, 1 },   { 288, 1 },   { 320, 1 },	  { 352, 1 },	{ 384, 1 },   { 416, 1 },
	{ 448, 1 },   { 480, 1 },   { 512, 1 },	  { 576, 1 },	{ 640, 1 },   { 704, 1 },
	{ 768, 1 },   { 896, 1 },   { 1024, 1 },  { 1152, 1 },	{ 1280, 1 },  { 1408, 2 },
	{ 1536, 1 },  { 1792, 2 },  { 2048, 1 },  { 2304, 2 },	{ 2688, 1 },  { 3072, 3 },
	{ 3200, 2 },  { 3456, 3 },  { 4096, 1 },  { 4864, 3 },	{ 5376, 2 },  { 6144, 3 },
	{ 6528, 4 },  { 6784, 5 },  { 6912, 6 },  { 8192, 1 },	{ 9472, 7 },  { 9728, 6 },
	{ 10240, 5 }, { 10880, 4 }, { 12288, 3 }, { 13568, 5 }, { 14336, 7 }, { 16384, 2 },
	{ 18432, 9 }, { 19072, 7 }, { 20480, 5 }, { 21760, 8 }, { 24576, 3 }, { 27264, 10 },
	{ 28672, 7 }, { 32768, 4 },
};
_Static_assert(ARRAY_SIZE(classes) == SPAN_CLASSES, "a row for each size");

/* Of a span class the lowest bit tells whether its objects have no pointers (mheap.go, makeSpanClass). */
static uint64_t size_class(uint64_t span_class)
{
	const uint64_t size = (span_class & 0xff) >> 1;

	return size < SPAN_CLASSES ? size : 0;
}

uint64_t span_object_bytes(uint64_t span_class)
{
	return classes[size_class(span_class)].object_bytes;
}

uint64_t span_bytes(uint64_t span_class)
{
	const uint64_t object = span_object_bytes(span_class);
	const uint64_t all = (uint64_t)classes[size_class(span_class)].pages * SPAN_PAGE_BYTES;

	return object ? all / object * object : 0;
}

/* What no machine has is no size. */
static uint64_t large_bytes(uint64_t size)
{
	return size <= UINT64_C(1) << 47 ?
		       (size + SPAN_PAGE_BYTES - 1) / SPAN_PAGE_BYTES * SPAN_PAGE_BYTES :
		       0;
}

uint64_t span_event_object_bytes(const struct event_alloc *a)
{
	return a->head.kind == EVENT_REFILL ? span_object_bytes(a->head.value) :
					      large_bytes(a->head.value);
}

static uint64_t refill_bytes(const struct event_alloc *a)
{
	const uint64_t all = span_bytes(a->head.value);

	if (a->given == EVENT_GIVEN_NONE)
		return all / 2;
	return MIN(a->given * span_object_bytes(a->head.value), all);
}

uint64_t span_event_bytes(const struct event_alloc *a)
{
	const uint64_t bytes =
		a->head.kind == EVENT_REFILL ? refill_bytes(a) : large_bytes(a->head.value);

	return bytes * MAX(a->weight, 1u);
}
