/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixture/suite.h"
#include "gobin/binary.h"

enum {
	OFF_PHDR = 64,
	OFF_TEXT = 0x100,
	OFF_DATA = 0x180,
	OFF_NAMES = 0x200,
	OFF_SHDR = 0x240,
	FILE_BYTES = 0x400,
	TEXT_VADDR = 0x401000,
	DATA_VADDR = 0x500000,
};

struct file {
	uint8_t bytes[FILE_BYTES];
};

static const char names[] = "\0.shstrtab\0.text\0.gopclntab";

static void put_segment(struct file *f, size_t i, uint32_t flags, uint64_t at, uint64_t vaddr,
			uint64_t size)
{
	const Elf64_Phdr ph = { .p_type = PT_LOAD,
				.p_flags = flags,
				.p_offset = at,
				.p_vaddr = vaddr,
				.p_filesz = size,
				.p_memsz = size };

	memcpy(f->bytes + OFF_PHDR + i * sizeof(ph), &ph, sizeof(ph));
}

static void put_section(struct file *f, size_t i, uint32_t name, uint64_t at, uint64_t size)
{
	const Elf64_Shdr sh = {
		.sh_name = name, .sh_type = SHT_PROGBITS, .sh_offset = at, .sh_size = size
	};

	memcpy(f->bytes + OFF_SHDR + i * sizeof(sh), &sh, sizeof(sh));
}

/* Two segments, of which the second stands first among the headers, and three sections. */
static void make(struct file *f)
{
	const Elf64_Ehdr eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
				.e_type = ET_EXEC,
				.e_machine = EM_X86_64,
				.e_phoff = OFF_PHDR,
				.e_shoff = OFF_SHDR,
				.e_phentsize = sizeof(Elf64_Phdr),
				.e_phnum = 2,
				.e_shentsize = sizeof(Elf64_Shdr),
				.e_shnum = 3,
				.e_shstrndx = 0 };

	memset(f, 0, sizeof(*f));
	memcpy(f->bytes, &eh, sizeof(eh));
	memcpy(f->bytes + OFF_NAMES, names, sizeof(names));
	memcpy(f->bytes + OFF_TEXT, "code", 4);
	memcpy(f->bytes + OFF_DATA, "data", 4);
	put_segment(f, 0, PF_R | PF_W, OFF_DATA, DATA_VADDR, 0x80);
	put_segment(f, 1, PF_R | PF_X, OFF_TEXT, TEXT_VADDR, 0x80);
	put_section(f, 0, 1, OFF_NAMES, sizeof(names));
	put_section(f, 1, 11, OFF_TEXT, 4);
	put_section(f, 2, 17, OFF_DATA, 4);
}

static struct span all(const struct file *f)
{
	return span_of(f->bytes, sizeof(f->bytes));
}

static void test_memory(void **state)
{
	struct elf_file elf;
	struct memory m;
	struct file f;
	char text[5] = "";

	(void)state;
	make(&f);
	assert_int_equal(elf_file_open(all(&f), &elf), 0);
	m = elf_file_memory(&elf);
	assert_int_equal(m.n_regions, 2);
	assert_int_equal(m.regions[0].start, TEXT_VADDR);
	assert_int_equal(m.regions[0].flags, MEMORY_READ | MEMORY_EXEC | MEMORY_FILE);
	assert_int_equal(memory_read(&m, TEXT_VADDR, text, 4), 0);
	assert_string_equal(text, "code");
	assert_int_equal(memory_read(&m, DATA_VADDR, text, 4), 0);
	assert_string_equal(text, "data");
	assert_true(memory_read(&m, DATA_VADDR + 0x7e, text, 4) < 0);
	assert_true(memory_read(&m, 0x1000, text, 4) < 0);
}

static void test_sections(void **state)
{
	struct elf_file elf;
	struct span s;
	struct file f;

	(void)state;
	make(&f);
	assert_int_equal(elf_file_open(all(&f), &elf), 0);
	assert_int_equal(elf_file_section(&elf, ".gopclntab", &s), 0);
	assert_int_equal(s.len, 4);
	assert_memory_equal(s.p, "data", 4);
	assert_int_equal(elf_file_section(&elf, ".gopclnta", &s), -ENOENT);
	assert_int_equal(elf_file_section(&elf, ".data", &s), -ENOENT);
}

/* What is wrong with a file, and what is said of it. */
struct wrong_case {
	const char *name;
	void (*spoil)(struct file *f);
	int result;
};

static void no_magic(struct file *f)
{
	f->bytes[1] = 'e';
}

static void other_machine(struct file *f)
{
	f->bytes[offsetof(Elf64_Ehdr, e_machine)] = EM_AARCH64;
}

static void headers_outside(struct file *f)
{
	f->bytes[offsetof(Elf64_Ehdr, e_phoff) + 7] = 0xff;
}

static void segment_outside(struct file *f)
{
	put_segment(f, 0, PF_R, FILE_BYTES - 1, DATA_VADDR, 2);
}

static void segment_wraps(struct file *f)
{
	put_segment(f, 0, PF_R, OFF_DATA, UINT64_MAX - 1, 0x80);
}

static void segments_overlap(struct file *f)
{
	put_segment(f, 0, PF_R, OFF_DATA, TEXT_VADDR + 0x40, 0x80);
}

static const struct wrong_case wrongs[] = {
	{ "no ELF file", no_magic, -ENOEXEC },
	{ "of another machine", other_machine, -ENOEXEC },
	{ "headers beyond its end", headers_outside, -EBADMSG },
	{ "a segment beyond its end", segment_outside, -EBADMSG },
	{ "a segment beyond all addresses", segment_wraps, -EBADMSG },
	{ "segments over each other", segments_overlap, -EBADMSG },
};

static void test_wrong(void **state)
{
	const struct wrong_case *c = *state;
	struct go_binary binary;
	struct elf_file elf;
	struct file f;

	make(&f);
	c->spoil(&f);
	assert_int_equal(elf_file_open(all(&f), &elf), c->result);
	assert_int_equal(go_binary_read(all(&f), &binary), c->result);
}

static void test_not_go(void **state)
{
	struct go_binary binary;
	struct file f;

	(void)state;
	make(&f);
	assert_int_equal(go_binary_read(all(&f), &binary), -ENOENT);
}

/* Cut anywhere: refused, or without its sections; nothing is read beyond the end. */
static void test_cut(void **state)
{
	struct file f;

	(void)state;
	make(&f);
	for (size_t i = 0; i < sizeof(f.bytes); i++) {
		uint8_t *exact = malloc(i + 1);
		struct elf_file elf;
		struct span s;

		assert_non_null(exact);
		memcpy(exact, f.bytes, i);
		if (elf_file_open(span_of(exact, i), &elf) == 0)
			elf_file_section(&elf, ".gopclntab", &s);
		free(exact);
	}
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("its segments are read as memory", test_memory),
	SUITE_TEST("its sections by their names", test_sections),
	SUITE_TEST("a program that is not Go's", test_not_go),
	SUITE_TEST("cut anywhere", test_cut),
};

int main(void)
{
	static struct suite s;

	SUITE_TESTS(&s, others);
	SUITE_TABLE(&s, test_wrong, wrongs);
	return suite_run(&s, "elf_file");
}
