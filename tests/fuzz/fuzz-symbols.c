/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/gosymbols.h"
#include "gobin/gotype.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RECORD_HEADER = 3, /* length, offset (2) */
	RECORD_BYTES_MAX = 32,
	AT_FIRST = SYM_NAMES,
};

/* Records of the input over the tables; the first byte says whose release they are, the second whether moduledata is in it. */
static void tamper(struct goimage *g, const uint8_t *data, size_t size, bool moduledata)
{
	while (size > RECORD_HEADER) {
		const size_t offset = (size_t)data[1] | (size_t)data[2] << 8;
		const size_t len =
			MIN((size_t)data[0] % (RECORD_BYTES_MAX + 1), size - RECORD_HEADER);

		if (moduledata && offset < 8 * 44)
			goimage_put(g, REGION_DATA, AT_MODULEDATA + offset, data + RECORD_HEADER,
				    len);
		else
			goimage_put(g, REGION_RODATA,
				    AT_FIRST + offset % (GOIMAGE_REGION - AT_FIRST),
				    data + RECORD_HEADER, len);
		data += RECORD_HEADER + len;
		size -= RECORD_HEADER + len;
	}
}

static void check_frames(const struct go_frame *frames, size_t n, uint64_t pc, size_t max)
{
	if (n < 1 || n > max || n > GO_FRAMES_MAX)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!memchr(frames[i].function, 0, GO_NAME_MAX) ||
		    !memchr(frames[i].file, 0, GO_NAME_MAX) || frames[i].entry > pc)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct goimage g, *pristine[3];
	static struct go_frame frames[GO_FRAMES_MAX + 1];
	struct go_symbols *symbols = NULL;
	struct gosymbols gs;
	struct go_type type;
	size_t n = 0;

	if (size < 2)
		return 0;
	for (int i = 0; i < 3; i++)
		if (!pristine[i])
			pristine[i] = goimage_new(19 + 4 * i);
	memcpy(&g, pristine[data[0] % 3], sizeof(g));
	goimage_regions(&g);
	gs = gosymbols_make(&g);
	tamper(&g, data + 2, size - 2, data[1] & 1);
	if (go_symbols_new(&g.memory, &gs.runtime, &symbols) < 0)
		return 0;
	for (uint64_t pc = gosymbols_text(&gs); pc < gosymbols_text(&gs) + 0x68; pc += 4) {
		if (go_symbols_frames(symbols, pc, SYMBOLS_RETURN, frames, ARRAY_SIZE(frames),
				      &n) == 0)
			check_frames(frames, n, pc, ARRAY_SIZE(frames));
		if (go_symbols_function(symbols, pc, frames) == 0)
			check_frames(frames, 1, pc, 1);
	}
	for (size_t at = SYM_TYPES; at < SYM_TYPES + SYM_TYPES_BYTES; at += 8)
		if (go_type_read(go_symbols_pages(symbols), go_symbols_module(symbols),
				 gosymbols_at(&gs, at), &type) == 0 &&
		    (!type.kind || type.kind > 26 || !memchr(type.name, 0, sizeof(type.name))))
			abort();
	go_symbols_free(symbols);
	return 0;
}
