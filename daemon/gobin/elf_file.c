/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/util.h"
#include "gobin/elf_file.h"

/* Copies a header out of the file, where it need not be aligned. */
static int take(const struct span *bytes, uint64_t at, void *ret, size_t size)
{
	if (at > bytes->len || size > bytes->len - at)
		return -EBADMSG;
	memcpy(ret, bytes->p + at, size);
	return 0;
}

static int compare_starts(const void *one, const void *other)
{
	const struct memory_region *a = one, *b = other;

	return (a->start > b->start) - (a->start < b->start);
}

static uint32_t flags_of(const Elf64_Phdr *ph)
{
	return MEMORY_FILE | (ph->p_flags & PF_R ? MEMORY_READ : 0) |
	       (ph->p_flags & PF_W ? MEMORY_WRITE : 0) | (ph->p_flags & PF_X ? MEMORY_EXEC : 0);
}

/* What is beyond the file's bytes in a segment is zeroes, which nobody reads here. */
static int add_segment(struct elf_file *f, const Elf64_Phdr *ph)
{
	if (ph->p_type != PT_LOAD || ph->p_filesz == 0)
		return 0;
	if (ph->p_offset > f->bytes.len || ph->p_filesz > f->bytes.len - ph->p_offset ||
	    ph->p_vaddr > UINT64_MAX - ph->p_filesz || f->n_regions == ELF_SEGMENTS_MAX)
		return -EBADMSG;
	f->regions[f->n_regions++] = (struct memory_region){ .start = ph->p_vaddr,
							     .end = ph->p_vaddr + ph->p_filesz,
							     .file = 1,
							     .offset = ph->p_offset,
							     .flags = flags_of(ph) };
	return 0;
}

static bool overlaps(const struct elf_file *f)
{
	for (size_t i = 1; i < f->n_regions; i++)
		if (f->regions[i].start < f->regions[i - 1].end)
			return true;
	return false;
}

int elf_file_open(struct span bytes, struct elf_file *ret)
{
	Elf64_Ehdr eh;

	*ret = (struct elf_file){ .bytes = bytes };
	if (take(&bytes, 0, &eh, sizeof(eh)) < 0 || memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 ||
	    eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh.e_machine != EM_X86_64 || eh.e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	for (uint16_t i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;
		int r = take(&bytes, eh.e_phoff + i * sizeof(ph), &ph, sizeof(ph));

		if (r == 0)
			r = add_segment(ret, &ph);
		if (r < 0)
			return r;
	}
	qsort(ret->regions, ret->n_regions, sizeof(*ret->regions), compare_starts);
	return overlaps(ret) ? -EBADMSG : 0;
}

static int read_file(void *context, uint64_t addr, void *buf, size_t len)
{
	const struct elf_file *f = context;

	for (size_t i = 0; i < f->n_regions; i++) {
		const struct memory_region *region = &f->regions[i];

		if (addr >= region->start && addr < region->end && len <= region->end - addr)
			return take(&f->bytes, region->offset + (addr - region->start), buf, len);
	}
	return -EFAULT;
}

struct memory elf_file_memory(struct elf_file *f)
{
	return (struct memory){
		.read = read_file, .context = f, .regions = f->regions, .n_regions = f->n_regions
	};
}

static int section_header(const struct elf_file *f, const Elf64_Ehdr *eh, uint16_t i,
			  Elf64_Shdr *ret)
{
	if (eh->e_shentsize != sizeof(*ret) || i >= eh->e_shnum)
		return -EBADMSG;
	return take(&f->bytes, eh->e_shoff + i * sizeof(*ret), ret, sizeof(*ret));
}

static int section_bytes(const struct elf_file *f, const Elf64_Shdr *sh, struct span *ret)
{
	if (sh->sh_type == SHT_NOBITS || sh->sh_offset > f->bytes.len ||
	    sh->sh_size > f->bytes.len - sh->sh_offset)
		return -EBADMSG;
	*ret = span_of(f->bytes.p + sh->sh_offset, sh->sh_size);
	return 0;
}

static bool is_named(const struct span *names, uint32_t at, const char *name)
{
	const size_t len = strlen(name) + 1;

	return at < names->len && len <= names->len - at && !memcmp(names->p + at, name, len);
}

int elf_file_section(const struct elf_file *f, const char *name, struct span *ret)
{
	struct span names;
	Elf64_Ehdr eh;
	Elf64_Shdr sh;

	if (take(&f->bytes, 0, &eh, sizeof(eh)) < 0 ||
	    section_header(f, &eh, eh.e_shstrndx, &sh) < 0 || section_bytes(f, &sh, &names) < 0)
		return -ENOENT;
	for (uint16_t i = 0; i < eh.e_shnum; i++)
		if (section_header(f, &eh, i, &sh) == 0 && is_named(&names, sh.sh_name, name) &&
		    section_bytes(f, &sh, ret) == 0)
			return 0;
	return -ENOENT;
}
