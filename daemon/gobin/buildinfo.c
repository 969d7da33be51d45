/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/span.h"
#include "base/text.h"
#include "base/util.h"
#include "gobin/elf_note.h"
#include "gobin/image.h"

/*
 * Go src/debug/buildinfo/buildinfo.go: the magic, pointer size, flags; with flag 2 (Go 1.18+) at byte 32 the
 * version and then the module information, each with a varint length before it. Aligned to 16 bytes.
 */
static const char buildinfo_magic[] = "\xff Go buildinf:";

enum {
	BUILDINFO_ALIGN = 16,
	BUILDINFO_HEADER = 32,
	BUILDINFO_FLAGS = 15,
	FLAG_INLINE = 2,
	MODINFO_MARKER = 16, /* runtime.modinfo is framed by two 16-byte markers */
	MODINFO_READ = 4096, /* the lines that are wanted come first */
};

#define REGION_MAX_BYTES (64 * MIB)

static void copy_value(const char *text, size_t len, const char *key, char *ret, size_t size)
{
	size_t key_len = strlen(key), n;
	const char *p = text, *end = text + len;

	while (p && (size_t)(end - p) > key_len) {
		if (!memcmp(p, key, key_len)) {
			p += key_len;
			for (n = 0; p + n < end && p[n] != '\n' && p[n] != '\t'; n++)
				;
			snprintf(ret, size, "%.*s", (int)MIN(n, size), p);
			return;
		}
		p = memchr(p, '\n', (size_t)(end - p));
		if (p)
			p++;
	}
}

static bool parse_buildinfo(struct span s, struct go_buildinfo *ret)
{
	uint32_t len;

	if (!span_has_prefix(&s, buildinfo_magic) || s.len < BUILDINFO_HEADER ||
	    !(s.p[BUILDINFO_FLAGS] & FLAG_INLINE))
		return false;
	span_skip(&s, BUILDINFO_HEADER);
	if (span_take_varint(&s, &len) < 0 || len == 0 || len > s.len ||
	    len >= sizeof(ret->version))
		return false;
	memcpy(ret->version, s.p, len);
	ret->version[len] = '\0';
	span_skip(&s, len);
	if (span_take_varint(&s, &len) < 0 || len < 2 * MODINFO_MARKER ||
	    span_skip(&s, MODINFO_MARKER) < 0)
		return true;
	len = (uint32_t)MIN(s.len, len - 2 * MODINFO_MARKER);
	copy_value((const char *)s.p, len, "path\t", ret->module, sizeof(ret->module));
	copy_value((const char *)s.p, len, "mod\t", ret->module, sizeof(ret->module));
	return true;
}

static bool search_region(struct memory_window *w, const struct memory_region *region,
			  struct go_buildinfo *ret)
{
	const size_t step = MEMORY_WINDOW_BYTES - MODINFO_READ;

	for (uint64_t at = region->start; at < region->end; at += step) {
		size_t len = MIN((uint64_t)MEMORY_WINDOW_BYTES, region->end - at);
		const uint8_t *p;

		if (memory_window_get(w, at, len, &p) < 0)
			return false;
		for (size_t off = 0; off + BUILDINFO_HEADER < len && off < step;
		     off += BUILDINFO_ALIGN)
			if (p[off] == 0xff && parse_buildinfo(span_of(p + off, len - off), ret))
				return true;
	}
	return false;
}

static void read_notes(const struct memory *m, uint64_t addr, uint64_t size,
		       struct go_buildinfo *ret)
{
	uint8_t buf[1024];
	struct elf_note note;
	struct span s;

	if (size > sizeof(buf) || memory_read(m, addr, buf, size) < 0)
		return;
	s = span_of(buf, size);
	while (elf_note_take(&s, &note) == 0)
		if (elf_note_is(&note, "Go", ELF_NOTE_GO_BUILD_ID))
			snprintf(ret->build_id, sizeof(ret->build_id), "%.*s", (int)note.desc.len,
				 (const char *)note.desc.p);
}

/* The program headers in the first page of the image's file, as the loader mapped them. */
static void read_build_id(const struct memory *m, uint64_t base, struct go_buildinfo *ret)
{
	Elf64_Ehdr eh;
	uint64_t first = UINT64_MAX;

	if (memory_read(m, base, &eh, sizeof(eh)) < 0 || memcmp(eh.e_ident, ELFMAG, SELFMAG) ||
	    eh.e_phentsize != sizeof(Elf64_Phdr) || eh.e_phnum > 64)
		return;
	for (int pass = 0; pass < 2; pass++) {
		for (uint16_t i = 0; i < eh.e_phnum; i++) {
			Elf64_Phdr ph;

			if (memory_read(m, base + eh.e_phoff + i * sizeof(ph), &ph, sizeof(ph)) < 0)
				return;
			if (pass == 0 && ph.p_type == PT_LOAD)
				first = MIN(first, ph.p_vaddr & ~UINT64_C(4095));
			if (pass == 1 && ph.p_type == PT_NOTE)
				read_notes(m, base + ph.p_vaddr - first, ph.p_filesz, ret);
		}
	}
}

int go_buildinfo_read(const struct memory *m, const struct go_image *image,
		      struct go_buildinfo *ret)
{
	_cleanup_(freep) struct memory_window *w = calloc(1, sizeof(*w));
	const struct memory_region *text = memory_region_at(m, image->text);
	struct go_buildinfo info = { 0 };
	bool found = false, base_seen = false;

	if (!w)
		return -ENOMEM;
	w->memory = m;
	for (size_t i = 0; text && i < m->n_regions; i++) {
		const struct memory_region *region = &m->regions[i];

		if (!text->file || region->file != text->file || !(region->flags & MEMORY_READ))
			continue;
		if (!base_seen)
			read_build_id(m, region->start, &info);
		base_seen = true;
		/* The writable data first (where linkers put it), but it may be in read-only data as well. */
		if (!found && !(region->flags & MEMORY_EXEC) &&
		    region->end - region->start <= REGION_MAX_BYTES)
			found = search_region(w, region, &info);
	}
	*ret = info;
	return found ? 0 : -ENOENT;
}

bool go_buildinfo_marked(const struct memory *m)
{
	const uint32_t want = MEMORY_READ | MEMORY_WRITE | MEMORY_FILE;
	_cleanup_(freep) struct memory_window *w = calloc(1, sizeof(*w));
	struct go_buildinfo info = { 0 };
	bool found = false;

	if (!w)
		return false;
	w->memory = m;
	for (size_t i = 0; i < m->n_regions && !found; i++) {
		const struct memory_region *region = &m->regions[i];

		found = (region->flags & (want | MEMORY_SHARED)) == want &&
			region->end - region->start <= REGION_MAX_BYTES &&
			search_region(w, region, &info);
	}
	return found;
}

int go_version_minor(const char *version)
{
	const char *p = strstr(version, "go1.");
	int minor = 0;

	if (!p || p[4] < '0' || p[4] > '9')
		return -EINVAL;
	for (p += 4; *p >= '0' && *p <= '9' && minor < 1000; p++)
		minor = minor * 10 + (*p - '0');
	return minor;
}
