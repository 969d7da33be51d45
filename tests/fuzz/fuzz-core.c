/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/gocore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record of the input: so many bytes of its own at a place of the core file's head. */
enum {
	RECORD_HEADER = 3, /* length, offset (2) */
	RECORD_BYTES_MAX = 32,
};

static struct gocore *pristine(void)
{
	static struct gocore *c;

	if (!c)
		c = gocore_new(22, GOIMAGE_BASE);
	return c;
}

/* By the first byte: what was dumped, and whether the rest is the file itself or changes to a good one. */
static void prepare(struct gocore *c, const uint8_t *data, size_t size)
{
	const uint8_t how = data[0];

	c->size = sizeof(c->bytes);
	c->dumped[REGION_TEXT] = how & 1 ? GOIMAGE_REGION : 4096;
	c->dumped[REGION_RODATA] = how & 2 ? GOIMAGE_REGION : 0;
	c->unlisted[REGION_RODATA] = how & 4 && !(how & 2);
	gocore_write(c);
	data++;
	size--;
	if (how & 8) {
		c->size = MIN(size, (size_t)GOCORE_HEAD);
		memcpy(c->bytes, data, c->size);
		return;
	}
	while (size > RECORD_HEADER) {
		const size_t at = ((size_t)data[1] | (size_t)data[2] << 8) % GOCORE_HEAD;
		const size_t len =
			MIN(MIN((size_t)data[0] % (RECORD_BYTES_MAX + 1), size - RECORD_HEADER),
			    GOCORE_HEAD - at);

		memcpy(c->bytes + at, data + RECORD_HEADER, len);
		data += RECORD_HEADER + len;
		size -= RECORD_HEADER + len;
	}
}

/* What is promised of a core file that was accepted, whatever its headers say. */
static void check_accepted(const struct core_file *core)
{
	const struct memory *m = core_file_memory(core);
	const struct core_info *info = core_file_info(core);
	uint64_t mapped = 0;

	for (size_t i = 0; i < m->n_regions; i++) {
		if (m->regions[i].start >= m->regions[i].end ||
		    (i && m->regions[i].start < m->regions[i - 1].end) ||
		    ((m->regions[i].flags & MEMORY_FILE) != 0) != (m->regions[i].file != 0))
			abort();
		mapped += m->regions[i].end - m->regions[i].start;
	}
	if (mapped != info->mapped_bytes || info->pid < 0 ||
	    strnlen(info->exe, sizeof(info->exe)) == sizeof(info->exe) ||
	    strnlen(info->comm, sizeof(info->comm)) == sizeof(info->comm))
		abort();
}

/* A runtime is found where headers were spoilt that do not matter; nothing of the file's data is ever in it. */
static void look(struct gocore *c, struct core_file *core)
{
	const struct memory *m = core_file_memory(core);
	struct core_lack lack;
	struct go_runtime rt;
	struct go_sample s;
	int r = go_runtime_locate(m, &rt);

	core_file_lack(core, &lack);
	if (strnlen(lack.name, sizeof(lack.name)) == sizeof(lack.name))
		abort();
	if (r != 0 && lack.file && core_file_lend(core, lack.file, &c->exe_file) == 0) {
		check_accepted(core);
		if (core_file_lend(core, lack.file, &c->exe_file) != -ENOSPC)
			abort();
		r = go_runtime_locate(m, &rt);
	}
	if (r == 0 && go_runtime_sample(m, &rt, GO_SAMPLE_GOROUTINES, &s) == 0)
		go_runtime_judge(&rt, &s, core_file_info(core)->mapped_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gocore *c = pristine();
	struct core_file *core = NULL;
	int r;

	if (size < 1)
		return 0;
	prepare(c, data, size);
	r = core_file_read(&c->file, &core);
	if ((r == 0) != (core != NULL))
		abort();
	if (core) {
		check_accepted(core);
		look(c, core);
	}
	core_file_free(core);
	return 0;
}
