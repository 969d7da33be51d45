/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include "base/util.h"
#include "decide/snapshot.h"

/* Figures in MiB, as memory.stat has them. */
struct figures_case {
	const char *name;
	uint64_t anon, file, shmem, inactive, active, kernel, swap, mapped;
	uint64_t lazyfree, usage, nongo;
};

static const struct figures_case figures[] = {
	{ "anonymous memory is usage", 100, 0, 0, 0, 0, 0, 0, 0, 0, 100, 100 },
	{ "page cache is not usage", 100, 500, 0, 400, 100, 0, 0, 0, 0, 100, 100 },
	{ "shmem is usage, though it is in file", 100, 50, 50, 0, 0, 0, 0, 0, 0, 150, 150 },
	{ "kernel memory is usage", 100, 0, 0, 0, 0, 7, 0, 0, 0, 107, 107 },
	{ "pages freed lazily are on the file lists and not usage", 100, 20, 0, 60, 0, 0, 0, 0, 40,
	  60, 60 },
	{ "lazily freed pages beside shmem", 100, 30, 10, 40, 20, 0, 0, 0, 40, 70, 70 },
	{ "lazyfree is never more than anon", 10, 0, 0, 60, 0, 0, 0, 0, 10, 0, 0 },
	{ "what Go runtimes have ready is not the rest's", 100, 0, 5, 0, 0, 7, 0, 80, 0, 112, 32 },
	{ "more mapped than resident leaves nothing", 100, 0, 5, 0, 0, 7, 0, 300, 0, 112, 12 },
	{ "what was swapped out counts for the rest, not as usage", 100, 0, 0, 0, 0, 0, 50, 120, 0,
	  100, 30 },
	{ "file figures of two moments do not wrap", 100, 10, 20, 0, 0, 0, 0, 0, 0, 120, 120 },
};

static void test_figures(void **state)
{
	const struct figures_case *c = *state;
	struct snapshot s = { .n_procs = 2 };

	s.cgroup.anon = c->anon * MIB;
	s.cgroup.file = c->file * MIB;
	s.cgroup.shmem = c->shmem * MIB;
	s.cgroup.inactive_file = c->inactive * MIB;
	s.cgroup.active_file = c->active * MIB;
	s.cgroup.kernel_unreclaimable = c->kernel * MIB;
	s.cgroup.swap_current = c->swap * MIB;
	s.cgroup.current = 900 * MIB;
	s.procs[0].proved = true;
	s.procs[0].sample.mapped_ready_bytes = c->mapped * MIB;
	/* A process whose figures are not believed counts as whatever else there is. */
	s.procs[1].sample.mapped_ready_bytes = GIB;
	assert_int_equal(snapshot_lazyfree(&s.cgroup), c->lazyfree * MIB);
	assert_int_equal(snapshot_usage(&s.cgroup), c->usage * MIB);
	assert_int_equal(snapshot_mapped(&s), c->mapped * MIB);
	assert_int_equal(snapshot_nongo(&s), c->nongo * MIB);
}

/* Two looks: what was swapped in and out since the start, and how much is in swap, in MiB. */
struct swapped_case {
	const char *name;
	uint64_t in[2], out[2], swap[2];
	uint64_t in_between, out_between;
};

#define UNCOUNTED (UINT64_MAX / MIB)

static const struct swapped_case swapped[] = {
	{ "nothing came or went", { 5, 5 }, { 9, 9 }, { 4, 4 }, 0, 0 },
	{ "some came and some went", { 5, 7 }, { 9, 12 }, { 4, 5 }, 2, 3 },
	{ "what is not counted is what swap grew by",
	  { 5, 5 },
	  { UNCOUNTED, UNCOUNTED },
	  { 4, 10 },
	  0,
	  6 },
	{ "and what came back meanwhile", { 5, 7 }, { UNCOUNTED, UNCOUNTED }, { 4, 10 }, 2, 8 },
	{ "swap that was given up is none that went out",
	  { 5, 5 },
	  { UNCOUNTED, UNCOUNTED },
	  { 9, 2 },
	  0,
	  0 },
	{ "counters that fall are nothing", { 5, 4 }, { 9, 8 }, { 4, 4 }, 0, 0 },
};

static void test_swapped(void **state)
{
	const struct swapped_case *c = *state;
	struct snapshot_cgroup look[2] = { 0 };
	uint64_t in, out;

	for (size_t i = 0; i < 2; i++) {
		look[i].swapped_in_bytes = c->in[i] * MIB;
		look[i].swapped_out_bytes = c->out[i] == UNCOUNTED ? UINT64_MAX : c->out[i] * MIB;
		look[i].swap_current = c->swap[i] * MIB;
	}
	snapshot_swapped(&look[1], &look[0], &in, &out);
	assert_int_equal(in, c->in_between * MIB);
	assert_int_equal(out, c->out_between * MIB);
}

static void test_forged(void **state)
{
	struct snapshot s = { .n_procs = SNAPSHOT_PROCS_MAX };

	(void)state;
	s.cgroup.anon = UINT64_MAX;
	s.cgroup.kernel_unreclaimable = UINT64_MAX;
	for (size_t i = 0; i < SNAPSHOT_PROCS_MAX; i++) {
		s.procs[i].proved = true;
		s.procs[i].sample.mapped_ready_bytes = UINT64_MAX - i;
	}
	assert_int_equal(snapshot_mapped(&s), UINT64_MAX);
	assert_int_equal(snapshot_usage(&s.cgroup), UINT64_MAX);
	assert_int_equal(snapshot_nongo(&s), UINT64_MAX);
}

static const struct CMUnitTest others[] = {
	SUITE_TEST("the largest figures stay the largest", test_forged),
};

int main(void)
{
	static struct suite s;

	SUITE_TABLE(&s, test_swapped, swapped);
	SUITE_TABLE(&s, test_figures, figures);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "snapshot");
}
