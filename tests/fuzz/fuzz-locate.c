/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/goimage.h"
#include "gobin/pulse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record of the input: so many bytes of its own at an offset of a region. */
enum {
	RECORD_HEADER = 4, /* region, length, offset (2) */
	RECORD_BYTES_MAX = 32,
};

static const struct goimage *pristine(uint8_t release)
{
	static struct goimage *images[ARRAY_SIZE(goimage_releases)];
	const size_t i = release % ARRAY_SIZE(goimage_releases);

	if (!images[i])
		images[i] = goimage_new(goimage_releases[i].minor);
	return images[i];
}

static void tamper(struct goimage *g, const uint8_t *data, size_t size)
{
	while (size > RECORD_HEADER) {
		const enum goimage_region region = data[0] % REGIONS;
		const size_t offset = (size_t)data[2] | (size_t)data[3] << 8;
		const size_t len =
			MIN((size_t)data[1] % (RECORD_BYTES_MAX + 1), size - RECORD_HEADER);

		goimage_put(g, region, offset, data + RECORD_HEADER, len);
		data += RECORD_HEADER + len;
		size -= RECORD_HEADER + len;
	}
}

/* What is promised of a runtime that was found, whatever the memory says. */
static void check_found(const struct goimage *g, struct go_runtime *rt)
{
	const struct go_pulse_since since = { .unix_ns = g->bytes[REGION_DATA][0] % 2 };
	struct go_pulse pulse;
	struct go_sample s;
	uint64_t at;
	size_t bytes;

	if (go_runtime_refusal(rt) != GATE_MAX_ || !rt->runtimes || rt->minor < 19)
		abort();
	if (!rt->global[GLOBAL_GC_CONTROLLER] || rt->global[GLOBAL_GC_CONTROLLER] & 7 ||
	    !rt->global[GLOBAL_MEMSTATS])
		abort();
	for (enum go_field f = 0; f < FIELD_MAX_; f++)
		if (go_runtime_field(rt, f, &at, &bytes) && ((bytes != 4 && bytes != 8) || at & 3))
			abort();
	if (go_runtime_sample(&g->memory, rt, GO_SAMPLE_GOROUTINES, &s) == 0) {
		bool believed = go_runtime_judge(rt, &s, MIB);

		if (believed != (go_runtime_refusal(rt) == GATE_MAX_))
			abort();
		if (believed && (s.gc_percent < -1 || s.memory_limit_bytes <= 0))
			abort();
		if (go_pulse_read(&g->memory, rt, &s, &since, &pulse) == 0 &&
		    (pulse.pauses > PULSE_PAUSES_MAX || pulse.gc_cpu_ns < -1 ||
		     pulse.goroutines_created < -1))
			abort();
	}
	go_runtime_rebase(rt, &g->memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct goimage g;
	struct go_runtime rt;
	int r;

	if (size < 1)
		return 0;
	memcpy(&g, pristine(data[0]), sizeof(g));
	goimage_regions(&g);
	tamper(&g, data + 1, size - 1);
	r = go_runtime_locate(&g.memory, &rt);
	if (r == 0)
		check_found(&g, &rt);
	else if (r > 0 && go_runtime_refusal(&rt) == GATE_MAX_)
		abort();
	return 0;
}
