/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/span.h"

/* A note of an ELF file: {namesz, descsz, type, name, desc}, name and desc each padded to four bytes (elf(5)). */
struct elf_note {
	uint32_t type;
	struct span name, desc;
};

enum {
	ELF_NOTE_HEADER = 12,
	ELF_NOTE_GO_BUILD_ID =
		4, /* of name "Go": cmd/link/internal/ld/elf.go, ELF_NOTE_GOBUILDID_TAG */
};

static inline uint64_t elf_note_pad(uint32_t size)
{
	return ((uint64_t)size + 3) & ~UINT64_C(3);
}

/* Takes the next note off @s. Returns 0, or -EBADMSG where there is no whole one; the last one's padding may be missing. */
static inline int elf_note_take(struct span *s, struct elf_note *ret)
{
	uint32_t name = 0, desc = 0, type = 0;

	if (span_u32(s, 0, &name) < 0 || span_u32(s, 4, &desc) < 0 || span_u32(s, 8, &type) < 0 ||
	    span_skip(s, ELF_NOTE_HEADER) < 0)
		return -EBADMSG;
	ret->type = type;
	ret->name = span_of(s->p, name);
	if (span_skip(s, elf_note_pad(name)) < 0 || desc > s->len)
		return -EBADMSG;
	ret->desc = span_of(s->p, desc);
	return span_skip(s, elf_note_pad(desc) < s->len ? elf_note_pad(desc) : s->len);
}

/* By a name that ends with its zero; Go's linker counts the padding as well. */
static inline bool elf_note_is(const struct elf_note *note, const char *name, uint32_t type)
{
	size_t n = strlen(name) + 1;

	return note->type == type && note->name.len >= n && !memcmp(note->name.p, name, n);
}
