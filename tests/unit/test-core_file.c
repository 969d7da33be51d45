/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "fixture/gocore.h"

#define PIE_BASE UINT64_C(0x5500000000) /* below the heap: segments ascend */

/* --- what was dumped, and what is lent --- */

enum lend {
	LEND_NOTHING,
	LEND_EXE,
	LEND_OTHER, /* another build of it */
};

enum lack {
	LACKS_NOTHING,
	LACKS_FILE,
	LACKS_MEMORY,
};

struct dump_case {
	const char *name;
	uint64_t text, rodata, data; /* bytes dumped */
	bool unlisted;		     /* gcore's way: what was not dumped has no segment */
	enum lack lack;
	enum lend lend;
	int lent;   /* what core_file_lend says */
	bool found; /* the runtime, exactly as it is in memory */
};

enum {
	ALL = GOIMAGE_REGION,
	HEADER = 4096,
};

/* clang-format off */
static const struct dump_case dumps[] = {
	{ "a whole dump needs nothing else",
	  ALL, ALL, ALL, false, LACKS_NOTHING, LEND_NOTHING, 0, true },
	{ "text and read-only data are taken from the file",
	  HEADER, 0, ALL, false, LACKS_FILE, LEND_EXE, 0, true },
	{ "what gcore leaves out is taken from the file",
	  ALL, 0, ALL, true, LACKS_FILE, LEND_EXE, 0, true },
	{ "without that file it says which",
	  HEADER, 0, ALL, false, LACKS_FILE, LEND_NOTHING, 0, false },
	{ "left out by gcore it says which as well",
	  ALL, 0, ALL, true, LACKS_FILE, LEND_NOTHING, 0, false },
	{ "another build is not taken",
	  HEADER, 0, ALL, false, LACKS_FILE, LEND_OTHER, CORE_OTHER_BUILD, false },
	{ "without the header's page no file is taken",
	  0, 0, ALL, false, LACKS_FILE, LEND_EXE, CORE_NO_HEADER, false },
	{ "with a part of the header's page no file is taken",
	  HEADER - 1, 0, ALL, false, LACKS_FILE, LEND_EXE, CORE_NO_HEADER, false },
	{ "data that were not dumped are never taken from the file",
	  ALL, ALL, 0, false, LACKS_MEMORY, LEND_EXE, 0, false },
};
/* clang-format on */

static struct core_file *open_core(const struct gocore *c)
{
	struct core_file *core = NULL;

	assert_int_equal(core_file_read(&c->file, &core), 0);
	return core;
}

static void check_exact(const struct gocore *c, const struct core_file *core)
{
	struct go_runtime rt, expected_rt;
	struct go_sample s, expected;

	assert_int_equal(go_runtime_locate(&c->image->memory, &expected_rt), 0);
	assert_int_equal(
		go_runtime_sample(&c->image->memory, &expected_rt, GO_SAMPLE_GOROUTINES, &expected),
		0);
	assert_int_equal(go_runtime_locate(core_file_memory(core), &rt), 0);
	assert_int_equal(go_runtime_sample(core_file_memory(core), &rt, GO_SAMPLE_GOROUTINES, &s),
			 0);
	assert_string_equal(rt.info.version, expected_rt.info.version);
	assert_string_equal(rt.info.module, expected_rt.info.module);
	assert_string_equal(rt.info.build_id, expected_rt.info.build_id);
	assert_memory_equal(rt.global, expected_rt.global, sizeof(rt.global));
	assert_memory_equal(&s, &expected, sizeof(s));
}

static void run_dump(const struct dump_case *t, uint64_t base)
{
	struct gocore *c = gocore_new(22, base);
	struct core_file *core;
	struct core_lack lack;
	struct go_runtime rt;

	c->dumped[REGION_TEXT] = t->text;
	c->dumped[REGION_RODATA] = t->rodata;
	c->dumped[REGION_DATA] = t->data;
	c->unlisted[REGION_RODATA] = t->unlisted && !t->rodata;
	gocore_write(c);
	core = open_core(c);
	if (!t->found || t->lack == LACKS_FILE)
		assert_int_not_equal(go_runtime_locate(core_file_memory(core), &rt), 0);
	core_file_lack(core, &lack);
	assert_int_equal(lack.file != 0, t->lack == LACKS_FILE);
	assert_string_equal(lack.name, t->lack == LACKS_FILE ? GOCORE_EXE : "");
	if (t->lend == LEND_OTHER)
		c->exe[AT_NOTE + 16] ^= 1;
	if (t->lend != LEND_NOTHING && lack.file)
		assert_int_equal(core_file_lend(core, lack.file, &c->exe_file), t->lent);
	if (t->found)
		check_exact(c, core);
	else
		assert_int_not_equal(go_runtime_locate(core_file_memory(core), &rt), 0);
	core_file_lack(core, &lack);
	assert_int_equal(lack.memory, t->lack == LACKS_MEMORY);
	assert_false(lack.cut);
	core_file_free(core);
	gocore_free(c);
}

static void test_dump(void **state)
{
	run_dump(*state, GOIMAGE_BASE);
	run_dump(*state, PIE_BASE);
}

/* Data that were relocated and then made read-only: the segment of the file says that they were written to. */
static void test_relro_is_not_lent(void **state)
{
	struct gocore *c = gocore_new(24, PIE_BASE);
	struct core_file *core;
	struct core_lack lack;
	Elf64_Phdr ph;
	uint64_t v;

	(void)state;
	c->dumped[REGION_TEXT] = HEADER;
	c->dumped[REGION_RODATA] = 0;
	c->dumped[REGION_DATA] = 0;
	gocore_write(c);
	memcpy(&ph, c->bytes + GOCORE_PHDRS + 3 * sizeof(ph), sizeof(ph));
	ph.p_flags = PF_R;
	memcpy(c->bytes + GOCORE_PHDRS + 3 * sizeof(ph), &ph, sizeof(ph));
	core = open_core(c);
	assert_int_equal(memory_read_u64(core_file_memory(core), PIE_BASE + 2 * GOIMAGE_REGION, &v),
			 -ENODATA);
	core_file_lack(core, &lack);
	assert_int_equal(core_file_lend(core, lack.file, &c->exe_file), 0);
	assert_int_equal(memory_read_u64(core_file_memory(core), PIE_BASE + GOIMAGE_REGION, &v), 0);
	assert_int_equal(memory_read_u64(core_file_memory(core), PIE_BASE + 2 * GOIMAGE_REGION, &v),
			 -ENODATA);
	core_file_free(core);
	gocore_free(c);
}

static void test_no_build_id(void **state)
{
	struct gocore *c = gocore_new(22, GOIMAGE_BASE);
	struct core_file *core;
	struct core_lack lack;
	uint8_t byte;

	(void)state;
	/* Its note has another name, in the file and in memory alike. */
	c->exe[AT_NOTE + 12] = c->bytes[GOCORE_HEAD + AT_NOTE + 12] = 'X';
	c->dumped[REGION_TEXT] = HEADER;
	gocore_write(c);
	core = open_core(c);
	assert_int_equal(memory_read(core_file_memory(core), GOIMAGE_BASE + HEADER, &byte, 1),
			 -ENODATA);
	core_file_lack(core, &lack);
	assert_int_equal(core_file_lend(core, lack.file, &c->exe_file), CORE_NO_BUILD_ID);
	core_file_free(core);
	gocore_free(c);
}

static void test_cut(void **state)
{
	struct gocore *c = gocore_new(22, GOIMAGE_BASE);
	struct core_file *core;
	struct core_lack lack;
	struct go_runtime rt;

	(void)state;
	c->size = GOCORE_HEAD + 2 * GOIMAGE_REGION + 100;
	core = open_core(c);
	assert_int_equal(go_runtime_locate(core_file_memory(core), &rt), GO_NONE);
	core_file_lack(core, &lack);
	assert_true(lack.cut);
	core_file_free(core);
	gocore_free(c);
}

static void test_info(void **state)
{
	struct gocore *c = gocore_new(22, PIE_BASE);
	struct core_file *core = open_core(c);
	const struct core_info *info = core_file_info(core);

	(void)state;
	assert_int_equal(info->pid, GOCORE_PID);
	assert_int_equal(info->uid, 1000);
	assert_string_equal(info->comm, "program");
	assert_string_equal(info->exe, GOCORE_EXE);
	assert_int_equal(info->mapped_bytes, REGIONS * GOIMAGE_REGION);
	core_file_free(core);
	gocore_free(c);
}

/* --- headers that are something else, or contradict themselves --- */

struct patch_case {
	const char *name;
	size_t offset, size;
	uint64_t value;
	int result;
};

#define PHDR(i, member) (GOCORE_PHDRS + (i) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, member))
#define EHDR(member)	offsetof(Elf64_Ehdr, member)
/* NT_FILE comes after the notes of 336, 136 and 48 bytes, each with 20 of its own. */
#define FILES(offset) (GOCORE_NOTES + 20 + 336 + 20 + 136 + 20 + 48 + 20 + (offset))

static const struct patch_case patches[] = {
	{ "no ELF magic is no core file", 0, 1, 'X', CORE_NONE },
	{ "32 bits are none", EI_CLASS, 1, ELFCLASS32, CORE_NONE },
	{ "big endian is none", EI_DATA, 1, ELFDATA2MSB, CORE_NONE },
	{ "a program is none", EHDR(e_type), 2, ET_DYN, CORE_NONE },
	{ "another processor is none", EHDR(e_machine), 2, EM_AARCH64, CORE_NONE },
	{ "program headers of another size are none", EHDR(e_phentsize), 2, 32, CORE_NONE },
	{ "program headers beyond the file contradict", EHDR(e_phoff), 8, GOCORE_BYTES, -EBADMSG },
	{ "program headers at the end of all contradict", EHDR(e_phoff), 8, UINT64_MAX - 8,
	  -EBADMSG },
	{ "more program headers than fit contradict", EHDR(e_phnum), 2, 0xfffe, -EBADMSG },
	{ "an extended number that is 0 leaves nothing", EHDR(e_phnum), 2, PN_XNUM, 0 },
	{ "segments that overlap contradict", PHDR(2, p_vaddr), 8, GOIMAGE_BASE + 1, -EBADMSG },
	{ "a segment that wraps around contradicts", PHDR(4, p_vaddr), 8, UINT64_MAX - 1,
	  -EBADMSG },
	{ "more in the file than in memory contradicts", PHDR(1, p_filesz), 8, ALL + 1, -EBADMSG },
	{ "a place in the file that wraps around contradicts", PHDR(1, p_offset), 8, UINT64_MAX - 1,
	  -EBADMSG },
	{ "mapped files out of order contradict", FILES(16 + 24), 8, 1, -EBADMSG },
	{ "a mapping that ends before it starts contradicts", FILES(24), 8, 1, -EBADMSG },
	{ "an offset that does not fit contradicts", FILES(32), 8, UINT64_MAX, -EBADMSG },
	{ "more mapped files than there are bytes are passed over", FILES(0), 8, 1 << 15, 0 },
	{ "an absurd number of mapped files is passed over", FILES(0), 8, UINT64_MAX, 0 },
	{ "a page size that does not fit contradicts", FILES(8), 8, UINT64_MAX, -EBADMSG },
	{ "notes beyond the file are passed over", PHDR(0, p_offset), 8, GOCORE_BYTES, 0 },
	{ "a note longer than all is passed over", GOCORE_NOTES + 4, 4, UINT32_MAX, 0 },
	{ "an empty segment is passed over", PHDR(0, p_type), 4, PT_LOAD, 0 },
};

static void test_patch(void **state)
{
	const struct patch_case *t = *state;
	struct gocore *c = gocore_new(22, GOIMAGE_BASE);
	struct core_file *core = NULL;

	memcpy(c->bytes + t->offset, &t->value, t->size);
	assert_int_equal(core_file_read(&c->file, &core), t->result);
	assert_int_equal(core == NULL, t->result != 0);
	core_file_free(core);
	gocore_free(c);
}

/* Beyond 65,534 segments their number is in the first section header. */
static void test_extended_number(void **state)
{
	struct gocore *c = gocore_new(22, GOIMAGE_BASE);
	const uint64_t at = GOCORE_HEAD - sizeof(Elf64_Shdr);
	const Elf64_Shdr sh = { .sh_info = (uint32_t)c->n_segments };
	const uint16_t extended = PN_XNUM;
	struct core_file *core;

	(void)state;
	memcpy(c->bytes + EHDR(e_phnum), &extended, sizeof(extended));
	memcpy(c->bytes + EHDR(e_shoff), &at, sizeof(at));
	memcpy(c->bytes + at, &sh, sizeof(sh));
	core = open_core(c);
	check_exact(c, core);
	core_file_free(core);
	gocore_free(c);
}

static void test_release(void **state)
{
	(void)state;
	for (int minor = 19; minor <= 27; minor++) {
		struct gocore *c = gocore_new(minor, PIE_BASE);
		struct core_file *core = open_core(c);

		check_exact(c, core);
		core_file_free(core);
		gocore_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SUITE_TEST("a core file of each release is read as its memory", test_release),
		SUITE_TEST("relocated pages are not taken from the file", test_relro_is_not_lent),
		SUITE_TEST("a header's page without a build id proves nothing", test_no_build_id),
		SUITE_TEST("a core file that is cut off says so", test_cut),
		SUITE_TEST("the notes tell who it was: the process, not its thread", test_info),
		SUITE_TEST("an extended number of segments is understood", test_extended_number),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_dump, dumps);
	SUITE_TABLE(&s, test_patch, patches);
	SUITE_TESTS(&s, tests);
	return suite_run(&s, "core_file");
}
