// SPDX-License-Identifier: Apache-2.0
/*
 * forged VARIANT [DIRECTORY]: a process that claims to be a Go program and is none. All that a reader
 * goes by is forged here: moduledata, pclntab, names, code, the runtime's variables. Each variant
 * lies at one more step than the one before; every one has to be refused, soon and by name. Prints
 * "ready" and waits to be killed. `forged --list` prints the variants.
 *
 * The layout is that of Go 1.21 - 1.27 (go/src/internal/abi/symtab.go, runtime/symtab.go).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIB	      (1024ul * 1024)

/*
 * Code in which each pattern that leads to a variable occurs as in a real runtime: a method call
 * with the receiver's address in rax, and gcControllerCommit's two loads.
 */
__asm__(".text\n"
	".balign 64\n"
	"forged_text:\n"
	"forged_commit:	.byte 0x48, 0x8b, 0x05\n	.long forged_gc + 8 - . - 4\n"
	"		.byte 0x48, 0x8b, 0x0d\n	.long forged_gc + 0x60 - . - 4\n"
	"		ret\n"
	"forged_commit_unknown:\n"
	"		.byte 0x48, 0x8b, 0x05\n	.long forged_gc + 8 - . - 4\n"
	"		.byte 0x48, 0x8b, 0x0d\n	.long forged_gc + 0x58 - . - 4\n"
	"		ret\n"
	"forged_gc_method:	ret\n"
	"forged_heap_method:	ret\n"
	"forged_stats_method:	ret\n"
	"forged_lock:		ret\n"
	"forged_callers:\n"
	".rept 24\n"
	"	.byte 0x48, 0x8d, 0x05\n	.long forged_gc - . - 4\n"
	"	.byte 0xe8\n			.long forged_gc_method - . - 4\n"
	"	.byte 0x48, 0x8d, 0x05\n	.long forged_heap - . - 4\n"
	"	.byte 0xe8\n			.long forged_heap_method - . - 4\n"
	"	.byte 0x48, 0x8d, 0x05\n	.long forged_stats - . - 4\n"
	"	.byte 0xe8\n			.long forged_stats_method - . - 4\n"
	"	.byte 0x48, 0x8d, 0x05\n	.long forged_sched + 24 - . - 4\n"
	"	.byte 0xe8\n			.long forged_lock - . - 4\n"
	".endr\n"
	"	ret\n"
	"forged_etext:\n");

extern char forged_text[], forged_etext[], forged_commit[], forged_commit_unknown[];
extern char forged_gc_method[], forged_heap_method[], forged_stats_method[], forged_lock[];
extern char forged_callers[];
extern char __data_start[], end[]; /* the linker's */

/* In .data, so that the mapping is one of the file's. */
#define IN_DATA __attribute__((section(".data"), used, aligned(16)))

#pragma GCC visibility push(hidden)
IN_DATA uint64_t forged_gc[64] = { 1 };
IN_DATA uint64_t forged_stats[2048] = { 1 };
IN_DATA uint64_t forged_heap[64] = { 1 };
IN_DATA uint64_t forged_sched[64] = { 1 };
#pragma GCC visibility pop
IN_DATA static uint64_t moduledata[80] = { 1 };
IN_DATA static char buildinfo[64] = "\xff Go buildinf:\x08\x02";

struct pc_header {
	uint32_t magic;
	uint8_t pad[2], min_lc, ptr_size;
	uint64_t nfunc, nfiles, text_start;
	uint64_t names, cutab, filetab, pctab, pcln;
};

struct func {
	uint32_t entry;
	int32_t name;
	uint32_t rest[10];
};

#define FUNCS 8

/* The whole pclntab: header, names, functab, functions. */
IN_DATA static struct {
	struct pc_header header;
	char names[FUNCS][64];
	uint32_t functab[2 * FUNCS + 2];
	struct func funcs[FUNCS];
} table = { .header = { .magic = 0xfffffff1u, .min_lc = 1, .ptr_size = 8 } };

static const struct {
	const char *name;
	const char *address;
} functions[FUNCS] = {
	{ "runtime.gcControllerCommit", forged_commit },
	{ "runtime.unknown", forged_commit_unknown },
	{ "runtime.(*gcControllerState).commit", forged_gc_method },
	{ "runtime.(*mheap).grow", forged_heap_method },
	{ "runtime.(*consistentHeapStats).acquire", forged_stats_method },
	{ "runtime.lock2", forged_lock },
	{ "runtime.stopm", forged_callers },
	{ "runtime.main", forged_callers + 64 },
};

/* Words 20 to 31: minpc, maxpc, text, etext, then the bounds of the data. */
static void forge_moduledata(uint64_t *words)
{
	words[0] = (uint64_t)(uintptr_t)&table;
	words[20] = words[22] = (uint64_t)(uintptr_t)forged_text;
	words[21] = words[23] = (uint64_t)(uintptr_t)forged_etext;
	for (int i = 24; i < 31; i++)
		words[i] = (uint64_t)(uintptr_t)__data_start;
	words[31] = (uint64_t)(uintptr_t)end;
}

static void forge_table(void)
{
	char *base = (char *)&table;

	table.header.nfunc = FUNCS;
	table.header.names = (uint64_t)((char *)table.names - base);
	table.header.cutab = (uint64_t)((char *)table.functab - base);
	table.header.filetab = table.header.pctab = table.header.cutab;
	table.header.pcln = table.header.cutab;
	for (uint32_t i = 0; i < FUNCS; i++) {
		uint32_t offset = (uint32_t)((char *)&table.funcs[i] - (char *)table.functab);

		snprintf(table.names[i], sizeof(table.names[i]), "%s", functions[i].name);
		table.functab[2 * i] = (uint32_t)(functions[i].address - forged_text);
		table.functab[2 * i + 1] = offset;
		table.funcs[i].entry = table.functab[2 * i];
		table.funcs[i].name = (int32_t)(i * sizeof(table.names[0]));
	}
	table.functab[2 * FUNCS] = (uint32_t)(forged_etext - forged_text);
}

static void forge_version(const char *version)
{
	buildinfo[32] = (char)strlen(version);
	memcpy(buildinfo + 33, version, strlen(version));
}

/* Everything up to the runtime's variables, which are left to the variant. */
static void forge_all(void)
{
	forge_moduledata(moduledata);
	forge_table();
	forge_version("go1.22.12");
	memset(forged_gc, 0, sizeof(forged_gc));
	memset(forged_stats, 0, sizeof(forged_stats));
}

static void forge_header(void)
{
	forge_moduledata(moduledata);
}

static void forge_nfunc(void)
{
	forge_all();
	table.header.nfunc = UINT64_MAX / 8;
}

static void forge_nfunc_large(void)
{
	forge_all();
	table.header.nfunc = 1ul << 31;
}

static void forge_offsets(void)
{
	forge_all();
	table.header.names = 1ul << 46;
	table.header.cutab = UINT64_MAX - 7;
	table.header.pcln = (uint64_t)-4096;
}

static void forge_offsets_crossed(void)
{
	forge_all();
	table.header.cutab = table.header.names - 1;
}

/* Every entry is the same function at the same place, which is the table itself. */
static void forge_loop(void)
{
	forge_all();
	for (uint32_t i = 0; i < 2 * FUNCS + 2; i++)
		table.functab[i] = 0;
}

/* Functions that run backwards and beyond the text. */
static void forge_backwards(void)
{
	forge_all();
	for (uint32_t i = 0; i <= FUNCS; i++)
		table.functab[2 * i] = UINT32_MAX - i * 4096;
}

static void forge_names(void)
{
	static const int32_t offsets[] = { INT32_MAX, INT32_MIN, -1, INT32_MAX - 7 };

	forge_all();
	for (uint32_t i = 0; i < FUNCS; i++)
		table.funcs[i].name = offsets[i % ARRAY_SIZE(offsets)];
}

static void forge_unterminated(void)
{
	forge_all();
	memset(table.names, 'r', sizeof(table.names));
	for (uint32_t i = 0; i < FUNCS; i++)
		memcpy(table.names[i], "runtime.", 8);
}

static void forge_version_absurd(void)
{
	forge_all();
	forge_version("go1.99.99\n\033[31m\"");
}

static void forge_version_long(void)
{
	forge_all();
	memset(buildinfo + 32, 0xff, 16);
}

/* gcControllerCommit loads the last heap goal from where no release has it. */
static void forge_layout(void)
{
	forge_all();
	snprintf(table.names[0], sizeof(table.names[0]), "runtime.nothing");
	snprintf(table.names[1], sizeof(table.names[1]), "runtime.gcControllerCommit");
}

/* All is found; the variables are zero, as in a program that has not started yet. */
static void forge_zero(void)
{
	forge_all();
}

static void forge_garbage(void)
{
	uint64_t x = 88172645463325252u;

	forge_all();
	for (size_t i = 0; i < ARRAY_SIZE(forged_gc) + ARRAY_SIZE(forged_stats); i++) {
		uint64_t *word = i < ARRAY_SIZE(forged_gc) ?
					 &forged_gc[i] :
					 &forged_stats[i - ARRAY_SIZE(forged_gc)];

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		*word = x;
	}
}

/* Each figure passes by itself; the goal does not follow from what was marked. */
static void forge_goal(void)
{
	forge_all();
	forged_gc[0] = 100;
	forged_gc[1] = INT64_MAX;
	forged_gc[2] = 4 * MIB;
	forged_gc[72 / 8] = 333 * MIB;
	forged_gc[96 / 8] = 333 * MIB;
	forged_gc[104 / 8] = 5 * MIB;
	forged_gc[152 / 8] = 10 * MIB;
	forged_gc[312 / 8] = 40 * MIB;
	memset((char *)forged_stats + 7736, 1, 1);
}

/* Consistent in itself, but a process of 2 MiB cannot have 64 GiB mapped and ready. */
static void forge_mapped(void)
{
	forge_goal();
	forged_gc[72 / 8] = 20 * MIB;
	forged_gc[312 / 8] = 65536 * MIB;
}

/* A thousand false starts. */
static void forge_many(void)
{
	static uint64_t room[1000][80] __attribute__((section(".data"))) = { { 1 } };

	forge_nfunc_large();
	for (size_t i = 0; i < ARRAY_SIZE(room); i++)
		forge_moduledata(room[i]);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Tens of thousands of lines in /proc/PID/maps. */
static void forge_mappings(void)
{
	char *at = mmap(NULL, 60000 * 4096ul, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	forge_zero();
	if (at == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < 60000; i += 2)
		if (mprotect(at + i * 4096, 4096, PROT_READ) < 0)
			die("mprotect");
}

/* 4 GiB of a sparse file, private and writable, as a huge image has them. */
static void forge_big(void)
{
	char path[] = "forged-big-XXXXXX";
	const size_t size = 4096 * MIB;
	int fd = mkstemp(path);

	if (fd < 0 || unlink(path) < 0 || ftruncate(fd, (off_t)size) < 0)
		die("big file");
	if (mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0) ==
	    MAP_FAILED)
		die("mmap");
}

static const struct variant {
	const char *name;
	void (*forge)(void);
} variants[] = {
	{ "header", forge_header },
	{ "nfunc-absurd", forge_nfunc },
	{ "nfunc-large", forge_nfunc_large },
	{ "offsets-outside", forge_offsets },
	{ "offsets-crossed", forge_offsets_crossed },
	{ "functab-loop", forge_loop },
	{ "functab-backwards", forge_backwards },
	{ "names-outside", forge_names },
	{ "names-unterminated", forge_unterminated },
	{ "version-absurd", forge_version_absurd },
	{ "version-long", forge_version_long },
	{ "layout-unknown", forge_layout },
	{ "variables-zero", forge_zero },
	{ "variables-garbage", forge_garbage },
	{ "goal-does-not-follow", forge_goal },
	{ "mapped-beyond-rss", forge_mapped },
	{ "thousand-moduledata", forge_many },
	{ "thirty-thousand-mappings", forge_mappings },
	{ "big", forge_big },
};

int main(int argc, char **argv)
{
	const char *want = argc > 1 ? argv[1] : "";

	if (argc > 2 && chdir(argv[2]) < 0)
		die(argv[2]);
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		if (!strcmp(want, "--list"))
			puts(variants[i].name);
		if (strcmp(want, variants[i].name) != 0)
			continue;
		variants[i].forge();
		puts("ready");
		fflush(stdout);
		for (;;)
			pause();
	}
	return strcmp(want, "--list") ? 2 : 0;
}
