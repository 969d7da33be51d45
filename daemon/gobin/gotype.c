/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/span.h"
#include "base/util.h"
#include "gobin/gotype.h"

enum {
	TYPE_BYTES = 48,
	TYPE_PTR_BYTES = 8,
	TYPE_FLAGS = 20,
	TYPE_ALIGN = 21,
	TYPE_FIELD_ALIGN = 22,
	TYPE_KIND = 23,
	TYPE_STR = 40,
	FLAG_EXTRA_STAR =
		2, /* the name has a star too many: it is shared with the pointer type's */
	KIND_MASK = 31,
	KIND_MAX = 26, /* reflect.UnsafePointer */
	ALIGN_MAX = 64,
	NAME_HEAD = 6, /* a byte of flags and a varint of at most five */
};

/* What holds for every descriptor; a word that merely points among the types seldom passes. */
static bool is_descriptor(const struct span *s, const struct go_type *t)
{
	const uint8_t align = s->p[TYPE_ALIGN];
	uint64_t pointers = 0;

	span_u64(s, TYPE_PTR_BYTES, &pointers);
	return t->kind >= 1 && t->kind <= KIND_MAX && pointers <= t->size_bytes && align &&
	       align <= ALIGN_MAX && !(align & (align - 1)) && s->p[TYPE_FIELD_ALIGN] <= align &&
	       t->size_bytes % align == 0 && t->size_bytes <= UINT64_C(1) << 47;
}

/* {flags, varint length, bytes} at @off from the types' start (abi.Name). */
static int read_name(struct memory_pages *p, const struct go_range *types, uint32_t off,
		     bool skip_star, struct go_type *t)
{
	uint8_t head[NAME_HEAD];
	struct span s = span_of(head, sizeof(head));
	uint64_t at, left;
	uint32_t len = 0;
	int r;

	if (types->bytes < NAME_HEAD || off == 0 || off > types->bytes - NAME_HEAD)
		return GO_TYPE_NONE;
	r = pages_read(p, types->start + off, head, sizeof(head));
	if (r < 0)
		return r;
	span_skip(&s, 1);
	if (span_take_varint(&s, &len) < 0 || len <= skip_star)
		return GO_TYPE_NONE;
	at = off + sizeof(head) - s.len + skip_star;
	left = types->bytes - at;
	len -= skip_star;
	if (len > left)
		return GO_TYPE_NONE;
	r = pages_text(p, types->start + at, len, t->name, sizeof(t->name), &t->cut);
	/* A Go name has no NUL in it. */
	return r == 0 && strlen(t->name) != MIN(len, sizeof(t->name) - 1) ? GO_TYPE_NONE : r;
}

int go_type_read(struct memory_pages *p, const struct go_module *module, uint64_t address,
		 struct go_type *ret)
{
	const struct go_range *types = &module->types;
	struct go_type t = { .address = address };
	uint8_t bytes[TYPE_BYTES];
	struct span s = span_of(bytes, sizeof(bytes));
	uint32_t name = 0;
	int r;

	if ((address & 7) || address < types->start || types->bytes < TYPE_BYTES ||
	    address - types->start > types->bytes - TYPE_BYTES)
		return GO_TYPE_NONE;
	r = pages_read(p, address, bytes, sizeof(bytes));
	if (r < 0)
		return r;
	span_u64(&s, 0, &t.size_bytes);
	span_u32(&s, TYPE_STR, &name);
	t.kind = bytes[TYPE_KIND] & KIND_MASK;
	if (!is_descriptor(&s, &t))
		return GO_TYPE_NONE;
	r = read_name(p, types, name, bytes[TYPE_FLAGS] & FLAG_EXTRA_STAR, &t);
	if (r)
		return r;
	*ret = t;
	return 0;
}
