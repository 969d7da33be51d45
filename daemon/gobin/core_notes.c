/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "base/util.h"
#include "gobin/core_notes.h"
#include "gobin/elf_note.h"

enum {
	NOTES_MAX = 1 << 20, /* some five of each thread */
	MAPPINGS_MAX = 64 * 1024,
	FILES_MAX_BYTES = 16 << 20, /* the kernel's own cap is 4 MiB */
	AUXV_MAX_BYTES = 1024,
	/* struct elf_prstatus and elf_prpsinfo of x86-64 (linux/elfcore.h). */
	PRSTATUS_PID = 32,
	PRPSINFO_UID = 16,
	PRPSINFO_PID = 24,
	PRPSINFO_COMM = 40,
	PRPSINFO_BYTES = 136,
};

static void read_status(struct span s, struct core_notes *ret)
{
	uint32_t pid;

	if (!ret->info.pid && span_u32(&s, PRSTATUS_PID, &pid) == 0 && pid <= INT32_MAX)
		ret->info.pid = (int32_t)pid;
}

static void read_program(struct span s, struct core_notes *ret)
{
	uint32_t pid;

	if (s.len != PRPSINFO_BYTES || ret->pid_is_process ||
	    span_u32(&s, PRPSINFO_PID, &pid) < 0 || pid > INT32_MAX)
		return;
	ret->pid_is_process = true;
	ret->info.pid = (int32_t)pid;
	(void)span_u32(&s, PRPSINFO_UID, &ret->info.uid);
	snprintf(ret->info.comm, sizeof(ret->info.comm), "%.*s", (int)sizeof(ret->info.comm) - 1,
		 (const char *)s.p + PRPSINFO_COMM);
}

static void read_auxv(struct span s, struct core_notes *ret)
{
	uint64_t type, value;

	for (; s.len >= 16; span_skip(&s, 16))
		if (span_u64(&s, 0, &type) == 0 && span_u64(&s, 8, &value) == 0 && type == AT_ENTRY)
			ret->entry = value;
}

/* One entry of the table, which goes with the next of the names; -EBADMSG where either is not there. */
static int take_mapping(const struct span *table, size_t i, uint64_t page, struct span *names,
			struct core_mapping *ret)
{
	const char *name = (const char *)names->p;
	uint64_t pages;

	if (span_u64(table, 24 * i, &ret->start) < 0 ||
	    span_u64(table, 24 * i + 8, &ret->end) < 0 ||
	    span_u64(table, 24 * i + 16, &pages) < 0 || ret->start >= ret->end ||
	    __builtin_mul_overflow(pages, page, &ret->offset) || ret->offset > INT64_MAX ||
	    ret->end - ret->start > INT64_MAX || names->len == 0)
		return -EBADMSG;
	/* The same path is the same file; a collision fools only who makes it. */
	ret->file = text_hash(TEXT_HASH_START, name) | 1;
	return span_skip(names, MIN(strlen(name) + 1, names->len));
}

/* NT_FILE: count, page size, count times {start, end, offset in pages}, then as many paths, each with its zero. */
static int read_files(struct span s, struct core_notes *ret)
{
	_cleanup_(freep) struct core_mapping *mappings = NULL;
	_cleanup_(freep) char *names = NULL;
	uint64_t count, page;
	struct span table = s, left;
	size_t names_len;

	if (span_u64(&s, 0, &count) < 0 || span_u64(&s, 8, &page) < 0 || count == 0 ||
	    count > MAPPINGS_MAX || span_skip(&s, 16 + 24 * count) < 0)
		return 0;
	span_skip(&table, 16);
	names_len = s.len;
	mappings = calloc(count, sizeof(*mappings));
	names = calloc(1, names_len + 1);
	if (!mappings || !names)
		return -ENOMEM;
	memcpy(names, s.p, names_len);
	left = span_of(names, names_len);
	for (size_t i = 0; i < count; i++) {
		mappings[i].name = (uint32_t)(names_len - left.len);
		if (take_mapping(&table, i, page, &left, &mappings[i]) < 0 ||
		    (i > 0 && mappings[i].start < mappings[i - 1].end))
			return -EBADMSG;
	}
	ret->mappings = TAKE_PTR(mappings);
	ret->n_mappings = count;
	ret->names = TAKE_PTR(names);
	return 0;
}

static int read_note(const struct memory *file, uint64_t offset, uint32_t size, uint32_t type,
		     struct core_notes *ret)
{
	const size_t max = type == NT_FILE ? FILES_MAX_BYTES : AUXV_MAX_BYTES;
	_cleanup_(freep) uint8_t *bytes = NULL;

	if (type != NT_PRSTATUS && type != NT_PRPSINFO && type != NT_AUXV && type != NT_FILE)
		return 0;
	ret->info.threads += type == NT_PRSTATUS;
	/* The first thread's status is enough, and one list of files. */
	if (size > max || size == 0 || (type == NT_PRSTATUS && ret->info.pid) ||
	    (type == NT_FILE && ret->files_seen))
		return 0;
	ret->files_seen |= type == NT_FILE;
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	if (memory_read(file, offset, bytes, size) < 0)
		return 0;
	switch (type) {
	case NT_PRSTATUS:
		read_status(span_of(bytes, size), ret);
		return 0;
	case NT_PRPSINFO:
		read_program(span_of(bytes, size), ret);
		return 0;
	case NT_AUXV:
		read_auxv(span_of(bytes, size), ret);
		return 0;
	default:
		return read_files(span_of(bytes, size), ret);
	}
}

int core_notes_read(const struct memory *file, uint64_t offset, uint64_t size,
		    struct core_notes *ret)
{
	uint8_t header[ELF_NOTE_HEADER + 8];
	uint32_t name, desc, type;
	uint64_t at = 0;

	/* Each note by itself: those of many threads are many megabytes that nobody asks for. */
	while (ret->n_notes++ < NOTES_MAX && size - at >= sizeof(header)) {
		const struct span s = span_of(header, sizeof(header));
		uint64_t next;
		int r = 0;

		if (memory_read(file, offset + at, header, sizeof(header)) < 0)
			return 0;
		if (span_u32(&s, 0, &name) < 0 || span_u32(&s, 4, &desc) < 0 ||
		    span_u32(&s, 8, &type) < 0)
			return -EBADMSG;
		next = ELF_NOTE_HEADER + elf_note_pad(name) + elf_note_pad(desc);
		if (next > size - at)
			return 0;
		if (name == sizeof("CORE") && !memcmp(header + ELF_NOTE_HEADER, "CORE", name))
			r = read_note(file, offset + at + ELF_NOTE_HEADER + elf_note_pad(name),
				      desc, type, ret);
		if (r < 0)
			return r;
		at += next;
	}
	return 0;
}

void core_notes_done(struct core_notes *notes)
{
	free(notes->mappings);
	free(notes->names);
	*notes = (struct core_notes){ 0 };
}

const struct core_mapping *core_notes_mapping_at(const struct core_notes *notes, uint64_t addr)
{
	size_t lo = 0, hi = notes->n_mappings;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (notes->mappings[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr < notes->mappings[lo - 1].end ? &notes->mappings[lo - 1] : NULL;
}

void core_notes_name(const struct core_notes *notes, uint64_t file, char ret[CORE_NAME_MAX])
{
	ret[0] = '\0';
	for (size_t i = 0; file && i < notes->n_mappings; i++)
		if (notes->mappings[i].file == file) {
			const char *name = notes->names + notes->mappings[i].name;

			if (strlen(name) < CORE_NAME_MAX)
				snprintf(ret, CORE_NAME_MAX, "%s", name);
			return;
		}
}

void core_notes_name_program(struct core_notes *notes)
{
	const struct core_mapping *map = core_notes_mapping_at(notes, notes->entry);

	if (!map)
		return;
	notes->program = map->file;
	core_notes_name(notes, map->file, notes->info.exe);
}
