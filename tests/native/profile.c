/* SPDX-License-Identifier: Apache-2.0 */

/*
 * profile WHAT PID: what gobin makes of a process's profiles, in the form in which tests/programs/witness tells its own.
 *
 *	calls    addresses on standard input, one a line: the innermost call at each, as a return address
 *	expand   the same with every inlined call but the compiler's wrappers, an empty line after each address
 *	entries  the same for addresses that nothing returned to
 *	types    addresses of types: each with its size and name, or "none"
 *
 *	heap     the profile as /debug/pprof/heap?debug=1 lists it, without names
 *	goroutines  "count N" by the list, "formula N" by the runtime's own, "stack N" bytes of all; what its own do
 *	            not: what, where begun, what made them (function, file:line), how many
 *
 * Errors are lines as well; exits with 1 only where the process could not be looked at.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "gobin/goroutines.h"
#include "gobin/gotype.h"
#include "gobin/heap_profile.h"
#include "gobin/symbols.h"
#include "host/process.h"

struct target {
	const struct memory *memory;
	struct go_runtime runtime;
	struct go_symbols *symbols;
};

static void print_frame(uint64_t pc, const struct go_frame *f)
{
	printf("%" PRIx64 "\t%" PRIx64 "\t%s\t%s\t%" PRIu32 "\t%" PRIu32 "\n", pc, f->entry,
	       f->function, f->file, f->line, f->start_line);
}

static void resolve(const struct target *t, uint64_t pc, uint32_t flags)
{
	static struct go_frame frames[GO_FRAMES_MAX];
	size_t n = 0;
	int r = go_symbols_frames(t->symbols, pc, flags, frames, ARRAY_SIZE(frames), &n);

	if (r)
		printf("%" PRIx64 "\terror %d\n", pc, r);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (i == 0 || !frames[i].wrapper)
			print_frame(pc, &frames[i]);
}

static void print_calls(const struct target *t, uint64_t pc)
{
	resolve(t, pc, SYMBOLS_RETURN | SYMBOLS_INNERMOST);
}

static void print_expanded(const struct target *t, uint64_t pc)
{
	resolve(t, pc, SYMBOLS_RETURN);
	putchar('\n');
}

static void print_entries(const struct target *t, uint64_t pc)
{
	resolve(t, pc, SYMBOLS_INNERMOST);
}

static void print_type(const struct target *t, uint64_t address)
{
	struct go_type type;
	int r = go_type_read(go_symbols_pages(t->symbols), go_symbols_module(t->symbols), address,
			     &type);

	if (r)
		printf("%" PRIx64 "\t%s\n", address, r == GO_TYPE_NONE ? "none" : "error");
	else
		printf("%" PRIx64 "\t%" PRIu64 "\t%s\n", address, type.size_bytes, type.name);
}

static int each_line(const struct target *t, void (*print)(const struct target *t, uint64_t v))
{
	char line[64];

	while (fgets(line, sizeof(line), stdin))
		print(t, strtoull(line, NULL, 16));
	return 0;
}

static int print_heap(const struct target *t)
{
	_cleanup_(heap_profile_done) struct heap_profile p = { 0 };
	int r = heap_profile_read(t->memory, &t->runtime, &p);

	if (r) {
		printf("%s\n", r == HEAP_PROFILE_OFF ? "off" : r > 0 ? "unknown" : "error");
		return 0;
	}
	for (size_t i = 0; i < p.n; i++) {
		const struct heap_bucket *b = &p.buckets[i];

		printf("%" PRIu64 ": %" PRIu64 " [%" PRIu64 ": %" PRIu64 "] @",
		       heap_bucket_inuse(b), heap_bucket_inuse_bytes(b), b->allocs, b->alloc_bytes);
		for (size_t k = 0; k < b->n_pcs; k++)
			printf(" 0x%" PRIx64, p.pcs[b->first_pc + k]);
		putchar('\n');
	}
	fprintf(stderr, "rate %" PRId64 " buckets %zu%s%s left out %" PRIu64 "\n", p.rate, p.n,
		p.published ? " published" : "", p.torn ? " torn" : "", p.buckets_left_out);
	return 0;
}

static void print_group(const struct target *t, const struct goroutines *g,
			const struct goroutine_group *group)
{
	struct go_frame start, made;
	size_t n = 0;
	bool named = go_symbols_function(t->symbols, group->start_pc, &start) == 0;
	bool is_made = go_symbols_frames(t->symbols, group->created_pc,
					 SYMBOLS_RETURN | SYMBOLS_INNERMOST, &made, 1, &n) == 0;

	printf("%s\t%s\t", goroutines_doing(g, group), named ? start.function : "?");
	if (is_made)
		printf("%s\t%s:%" PRIu32, made.function, made.file, made.line);
	else
		printf("?\t?");
	printf("\t%" PRIu64 "\n", group->n);
}

static int print_goroutines(const struct target *t)
{
	_cleanup_(goroutines_done) struct goroutines g = { 0 };
	uint64_t stack_bytes = 0;
	int r = goroutines_read(t->memory, &t->runtime, t->symbols, NULL, &g);

	if (r) {
		printf("%s\n", r == GOROUTINES_UNKNOWN ? "unknown" : "error");
		return 0;
	}
	for (size_t i = 0; i < g.n; i++)
		stack_bytes += g.groups[i].stack_bytes;
	printf("count %" PRIu64 "\nformula %" PRId64 "\nstack %" PRIu64 "\n", g.summary.alive,
	       g.summary.counted, stack_bytes);
	for (size_t i = 0; i < g.n; i++)
		if (!g.groups[i].system)
			print_group(t, &g, &g.groups[i]);
	fprintf(stderr,
		"listed %" PRIu64 " system %" PRIu64 " dead %" PRIu64 " unreadable %" PRIu64 "%s\n",
		g.summary.listed, g.summary.system, g.summary.dead, g.summary.unreadable,
		g.summary.torn ? " torn" : "");
	return 0;
}

static int run(const struct target *t, const char *what)
{
	if (!strcmp(what, "calls"))
		return each_line(t, print_calls);
	if (!strcmp(what, "expand"))
		return each_line(t, print_expanded);
	if (!strcmp(what, "entries"))
		return each_line(t, print_entries);
	if (!strcmp(what, "types"))
		return each_line(t, print_type);
	if (!strcmp(what, "heap"))
		return print_heap(t);
	if (!strcmp(what, "goroutines"))
		return print_goroutines(t);
	fprintf(stderr, "profile: no '%s'\n", what);
	return 1;
}

int main(int argc, char **argv)
{
	struct hostroot host = HOSTROOT_NONE;
	_cleanup_(process_freep) struct process *p = NULL;
	_cleanup_(go_symbols_freep) struct go_symbols *symbols = NULL;
	struct target t;
	uint64_t pid = 0;
	int r;

	if (argc != 3 || text_parse_u64(argv[2], &pid) < 0) {
		fprintf(stderr, "usage: profile WHAT PID\n");
		return 1;
	}
	r = hostroot_open("", &host);
	if (r == 0)
		r = process_open(&host, (pid_t)pid, false, &p);
	if (r == 0) {
		t.memory = process_get_memory(p);
		r = go_runtime_locate(t.memory, &t.runtime);
	}
	if (r == 0)
		r = go_symbols_new(t.memory, &t.runtime, &symbols);
	if (r) {
		fprintf(stderr, "profile: %d\n", r);
		return 1;
	}
	t.symbols = symbols;
	return run(&t, argv[1]);
}
