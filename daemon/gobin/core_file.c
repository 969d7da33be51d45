/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>

#include "base/array.h"
#include "base/util.h"
#include "gobin/core_file.h"
#include "gobin/core_notes.h"
#include "gobin/elf_note.h"

enum {
	PARTS_MAX = 128 * 1024, /* of the segments, and the files' mappings beside them */
	PAGE = 4096,
	LOADS_MAX = 16,
};

/* One mapping of the program: where its bytes are. */
struct part {
	uint64_t start, end;
	uint64_t dumped; /* so many bytes from its start are in the core ... */
	uint64_t offset; /* ... from there on */
	uint64_t file, file_offset;
	uint32_t flags;
	bool guessed; /* no segment has it: its file must say what the flags were */
};

/* A file that was mapped, and where its segments lie in the program's memory. */
struct lent {
	uint64_t file;
	const struct memory *bytes;
	struct load {
		uint64_t start, end;
		uint32_t flags;
	} loads[LOADS_MAX];
	size_t n_loads;
};

struct core_file {
	const struct memory *file;
	struct core_notes notes;
	struct part *parts;	       /* sorted, not overlapping */
	struct memory_region *regions; /* one a part */
	size_t n_parts, room;
	struct memory memory;
	struct lent lent[CORE_FILES_MAX];
	size_t n_lent;
	bool cut, memory_lacks;
	uint64_t file_lacks;
};

static uint32_t flags_of(uint32_t elf)
{
	return (elf & PF_R ? MEMORY_READ : 0u) | (elf & PF_W ? MEMORY_WRITE : 0u) |
	       (elf & PF_X ? MEMORY_EXEC : 0u);
}

/* Parts come in ascending order, as the ELF standard wants segments to be; sorting would take more than a parser may do. */
static int add_part(struct core_file *core, struct part part)
{
	int r;

	if (core->n_parts && part.start < core->parts[core->n_parts - 1].end)
		return -EBADMSG;
	r = array_make_room(&core->parts, &core->room, core->n_parts, PARTS_MAX, sizeof(part));
	if (r < 0)
		return r;
	core->parts[core->n_parts++] = part;
	return 0;
}

static int add_segment(struct core_file *core, const Elf64_Phdr *ph)
{
	uint64_t end, ignored;

	if (ph->p_memsz == 0)
		return 0;
	if (__builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end) ||
	    __builtin_add_overflow(ph->p_offset, ph->p_filesz, &ignored) ||
	    ph->p_filesz > ph->p_memsz)
		return -EBADMSG;
	return add_part(core, (struct part){ .start = ph->p_vaddr,
					     .end = end,
					     .dumped = ph->p_filesz,
					     .offset = ph->p_offset,
					     .flags = flags_of(ph->p_flags) });
}

/* The number of program headers; one that does not fit into the header is in the first section's (elf(5), PN_XNUM). */
static int count_headers(const struct memory *file, const Elf64_Ehdr *eh, uint32_t *ret)
{
	Elf64_Shdr sh;

	*ret = eh->e_phnum;
	if (eh->e_phnum == PN_XNUM) {
		if (memory_read(file, eh->e_shoff, &sh, sizeof(sh)) < 0)
			return -EBADMSG;
		*ret = sh.sh_info;
	}
	return *ret > PARTS_MAX ? -EFBIG : 0;
}

static int read_headers(struct core_file *core)
{
	Elf64_Ehdr eh;
	uint32_t n;
	int r;

	if (memory_read(core->file, 0, &eh, sizeof(eh)) < 0 ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_type != ET_CORE ||
	    eh.e_machine != EM_X86_64 || eh.e_phentsize != sizeof(Elf64_Phdr))
		return CORE_NONE;
	r = count_headers(core->file, &eh, &n);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		Elf64_Phdr ph;

		if (memory_read(core->file, eh.e_phoff + (uint64_t)i * sizeof(ph), &ph,
				sizeof(ph)) < 0)
			return -EBADMSG;
		if (ph.p_type == PT_LOAD)
			r = add_segment(core, &ph);
		else if (ph.p_type == PT_NOTE)
			r = core_notes_read(core->file, ph.p_offset, ph.p_filesz, &core->notes);
	}
	return r;
}

/* gcore leaves out what it does not dump; its place is only in the list of mapped files. */
static int add_unlisted(struct core_file *core)
{
	_cleanup_(freep) struct part *segments = TAKE_PTR(core->parts);
	const size_t n = core->n_parts;
	size_t next = 0;
	int r = 0;

	core->n_parts = core->room = 0;
	for (size_t i = 0; r == 0 && i < core->notes.n_mappings; i++) {
		const struct core_mapping *map = &core->notes.mappings[i];

		while (r == 0 && next < n && segments[next].end <= map->start)
			r = add_part(core, segments[next++]);
		if (r == 0 && (next == n || segments[next].start >= map->end))
			r = add_part(core, (struct part){ .start = map->start,
							  .end = map->end,
							  .flags = MEMORY_READ | MEMORY_EXEC,
							  .guessed = true });
	}
	while (r == 0 && next < n)
		r = add_part(core, segments[next++]);
	return r;
}

static void join_mappings(struct core_file *core)
{
	for (size_t i = 0; i < core->n_parts; i++) {
		struct part *part = &core->parts[i];
		const struct core_mapping *map = core_notes_mapping_at(&core->notes, part->start);

		if (!map || part->end > map->end)
			continue;
		part->file = map->file;
		part->file_offset = map->offset + (part->start - map->start);
		part->flags |= MEMORY_FILE;
	}
}

static void refresh_regions(struct core_file *core)
{
	for (size_t i = 0; i < core->n_parts; i++)
		core->regions[i] = (struct memory_region){ .start = core->parts[i].start,
							   .end = core->parts[i].end,
							   .file = core->parts[i].file,
							   .offset = core->parts[i].file_offset,
							   .flags = core->parts[i].flags };
}

static const struct lent *find_lent(const struct core_file *core, uint64_t file)
{
	for (size_t i = 0; i < core->n_lent; i++)
		if (core->lent[i].file == file)
			return &core->lent[i];
	return NULL;
}

/*
 * By address and not by offset: the end of one segment and the start of the next, which may have been written to, are
 * in the same page of the file.
 */
static const struct load *load_at(const struct lent *l, uint64_t addr)
{
	for (size_t i = 0; i < l->n_loads; i++)
		if (addr >= l->loads[i].start && addr < l->loads[i].end)
			return &l->loads[i];
	return NULL;
}

/* What is missing: of libraries, whose untouched data are not dumped either, only what a file could give. */
static int note_lack(struct core_file *core, const struct part *part, bool lent)
{
	if (part->file && !lent && !(part->flags & MEMORY_WRITE)) {
		if (!core->file_lacks)
			core->file_lacks = part->file;
	} else if (!part->file || part->file == core->notes.program) {
		core->memory_lacks = true;
	}
	return -ENODATA;
}

/* Bytes that were not dumped, out of the mapped file: only what the program could not have changed. */
static int read_lent(struct core_file *core, const struct part *part, uint64_t at, void *buf,
		     size_t len)
{
	const struct lent *l = part->file ? find_lent(core, part->file) : NULL;
	const struct load *load = l ? load_at(l, part->start + at) : NULL;

	if (!load || (load->flags & MEMORY_WRITE) || len > load->end - (part->start + at))
		return note_lack(core, part, l);
	return memory_read(l->bytes, part->file_offset + at, buf, len);
}

static const struct part *part_at(const struct core_file *core, uint64_t addr)
{
	const struct memory_region *region = memory_region_at(&core->memory, addr);

	return region ? &core->parts[region - core->regions] : NULL;
}

static int read_core(void *context, uint64_t addr, void *buf, size_t len)
{
	struct core_file *core = context;
	uint8_t *to = buf;

	while (len > 0) {
		const struct part *part = part_at(core, addr);
		uint64_t at = part ? addr - part->start : 0, n;
		int r;

		if (!part)
			return -EFAULT;
		n = MIN(len, part->end - addr);
		if (at < part->dumped) {
			n = MIN(n, part->dumped - at);
			r = memory_read(core->file, part->offset + at, to, n);
			core->cut |= r < 0;
		} else {
			r = read_lent(core, part, at, to, n);
		}
		if (r < 0)
			return r;
		to += n;
		addr += n;
		len -= n;
	}
	return 0;
}

struct core_file *core_file_free(struct core_file *core)
{
	if (!core)
		return NULL;
	core_notes_done(&core->notes);
	free(core->parts);
	free(core->regions);
	free(core);
	return NULL;
}

int core_file_read(const struct memory *file, struct core_file **ret)
{
	_cleanup_(core_file_freep) struct core_file *core = calloc(1, sizeof(*core));
	int r;

	if (!core)
		return -ENOMEM;
	core->file = file;
	r = read_headers(core);
	if (r == 0)
		r = add_unlisted(core);
	if (r)
		return r;
	join_mappings(core);
	core->regions = calloc(MAX(core->n_parts, (size_t)1), sizeof(*core->regions));
	if (!core->regions)
		return -ENOMEM;
	refresh_regions(core);
	core_notes_name_program(&core->notes);
	for (size_t i = 0; i < core->n_parts; i++)
		core->notes.info.mapped_bytes += core->parts[i].end - core->parts[i].start;
	core->memory = (struct memory){ .read = read_core,
					.context = core,
					.regions = core->regions,
					.n_regions = core->n_parts };
	*ret = TAKE_PTR(core);
	return 0;
}

const struct core_info *core_file_info(const struct core_file *core)
{
	return &core->notes.info;
}

const struct memory *core_file_memory(const struct core_file *core)
{
	return &core->memory;
}

/* The program's own copy of the file's first page, and where it was. */
static int read_first_page(struct core_file *core, uint64_t file, uint8_t page[PAGE],
			   uint64_t *ret_start)
{
	for (size_t i = 0; i < core->n_parts; i++) {
		const struct part *part = &core->parts[i];

		if (part->file != file || part->file_offset != 0 || part->dumped < PAGE)
			continue;
		*ret_start = part->start;
		return memory_read(core->file, part->offset, page, PAGE) < 0 ? (int)CORE_NO_HEADER :
									       0;
	}
	return CORE_NO_HEADER;
}

static bool notes_have_build_id(struct span s)
{
	struct elf_note note;

	while (elf_note_take(&s, &note) == 0)
		if (elf_note_is(&note, "Go", ELF_NOTE_GO_BUILD_ID) ||
		    elf_note_is(&note, ELF_NOTE_GNU, NT_GNU_BUILD_ID))
			return note.desc.len > 0;
	return false;
}

/* Header @i of a file's first page; a header beyond that page counts as none. */
static bool page_header(const uint8_t page[PAGE], uint64_t i, Elf64_Phdr *ret)
{
	const size_t at = i * sizeof(*ret);
	Elf64_Ehdr eh;

	memcpy(&eh, page, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_phentsize != sizeof(*ret) ||
	    i >= eh.e_phnum || eh.e_phoff > PAGE || at + sizeof(*ret) > PAGE - eh.e_phoff)
		return false;
	memcpy(ret, page + eh.e_phoff + at, sizeof(*ret));
	return true;
}

/* Whole pages are mapped; @start is where the first segment's are. */
static void add_load(struct lent *l, const Elf64_Phdr *ph, uint64_t start, uint64_t *first)
{
	const uint64_t mask = ~(uint64_t)(PAGE - 1);

	if (l->n_loads == 0)
		*first = ph->p_vaddr & mask;
	if (l->n_loads == LOADS_MAX)
		return;
	l->loads[l->n_loads].start = start + (ph->p_vaddr & mask) - *first;
	l->loads[l->n_loads].end =
		start + ((ph->p_vaddr + ph->p_filesz + PAGE - 1) & mask) - *first;
	l->loads[l->n_loads++].flags = flags_of(ph->p_flags);
}

/* What the program headers in a file's first page say; false where no build id is among it. */
static bool read_loads(const uint8_t page[PAGE], uint64_t start, struct lent *ret)
{
	bool build_id = false;
	uint64_t first = 0;
	Elf64_Phdr ph;

	for (uint64_t i = 0; page_header(page, i, &ph); i++) {
		if (ph.p_type == PT_LOAD)
			add_load(ret, &ph, start, &first);
		else if (ph.p_type == PT_NOTE && ph.p_offset < PAGE &&
			 ph.p_filesz <= PAGE - ph.p_offset)
			build_id |= notes_have_build_id(span_of(page + ph.p_offset, ph.p_filesz));
	}
	return build_id;
}

/* What was mapped is what the file's segment of that place says. */
static void settle_flags(struct core_file *core, const struct lent *l)
{
	for (size_t i = 0; i < core->n_parts; i++) {
		struct part *part = &core->parts[i];
		const struct load *load = part->file == l->file ? load_at(l, part->start) : NULL;

		if (load && part->guessed)
			part->flags = load->flags | MEMORY_FILE;
	}
	refresh_regions(core);
}

int core_file_lend(struct core_file *core, uint64_t id, const struct memory *bytes)
{
	struct lent l = { .file = id, .bytes = bytes };
	uint8_t page[PAGE], lent[PAGE];
	uint64_t start;
	int r;

	if (core->n_lent == CORE_FILES_MAX || find_lent(core, id))
		return -ENOSPC;
	r = read_first_page(core, id, page, &start);
	if (r)
		return r;
	if (memory_read(bytes, 0, lent, sizeof(lent)) < 0 || memcmp(page, lent, PAGE))
		return CORE_OTHER_BUILD;
	if (!read_loads(page, start, &l))
		return CORE_NO_BUILD_ID;
	core->lent[core->n_lent++] = l;
	settle_flags(core, &l);
	return 0;
}

void core_file_lack(const struct core_file *core, struct core_lack *ret)
{
	*ret = (struct core_lack){ .cut = core->cut,
				   .memory = core->memory_lacks,
				   .file = core->file_lacks };
	core_notes_name(&core->notes, core->file_lacks, ret->name);
}
