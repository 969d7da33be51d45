/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <link.h>
#include <time.h>

#include <bpf/libbpf.h>

#include "base/util.h"
#include "host/trap_cost.h"

enum {
	ROUNDS = 8,
	HITS = 250, /* a round */
};

/* The compiler's own functions need not have a push of rbp where a probe can sit. */
void trap_cost_probed(void);
__asm__(".text\n"
	".p2align 4\n"
	".globl trap_cost_probed\n"
	".hidden trap_cost_probed\n"
	".type trap_cost_probed, @function\n"
	"trap_cost_probed:\n"
	"	push %rbp\n"
	"	pop %rbp\n"
	"	ret\n"
	".size trap_cost_probed, . - trap_cost_probed\n");

/* Where in the program's file; the program is the first that is told of. */
static int find_offset(struct dl_phdr_info *info, size_t size, void *userdata)
{
	const uint64_t at = (uint64_t)(uintptr_t)trap_cost_probed - info->dlpi_addr;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && at >= p->p_vaddr && at - p->p_vaddr < p->p_filesz)
			*(uint64_t *)userdata = at - p->p_vaddr + p->p_offset;
	}
	return 1;
}

static uint64_t round_ns(void)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < HITS; i++)
		trap_cost_probed();
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000 + (uint64_t)b.tv_nsec -
	       (uint64_t)a.tv_nsec;
}

int trap_cost_measure(struct bpf_program *program, uint64_t *ret_ns)
{
	const struct bpf_uprobe_opts opts = { .sz = sizeof(opts) };
	uint64_t offset = 0, best = UINT64_MAX;
	struct bpf_link *link;

	dl_iterate_phdr(find_offset, &offset);
	if (!offset)
		return -ENOENT;
	link = bpf_program__attach_uprobe_opts(program, getpid(), "/proc/self/exe", offset, &opts);
	if (!link)
		return -errno;
	/* The best of them: what came between is not the probe's. */
	for (int i = 0; i < ROUNDS; i++)
		best = MIN(best, round_ns());
	bpf_link__destroy(link);
	*ret_ns = best / HITS;
	return 0;
}
