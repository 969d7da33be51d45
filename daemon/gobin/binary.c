/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/util.h"
#include "gobin/binary.h"

/* Where linkers put pclntab: of its own, or with what is relocated (-buildmode=pie). */
static int find_pclntab(const struct elf_file *f, struct span *ret)
{
	if (elf_file_section(f, ".gopclntab", ret) == 0)
		return 0;
	return elf_file_section(f, ".data.rel.ro.gopclntab", ret);
}

static int digest(const struct elf_file *f, uint8_t ret[GO_DIGEST_BYTES])
{
	XXH128_canonical_t canonical;
	struct span text, pclntab;

	if (elf_file_section(f, ".text", &text) < 0 || find_pclntab(f, &pclntab) < 0)
		return -ENOENT;
	XXH128_canonicalFromHash(&canonical,
				 XXH3_128bits_withSeed(pclntab.p, pclntab.len, text.len));
	memcpy(ret, canonical.digest, GO_DIGEST_BYTES);
	return 0;
}

int go_binary_read(struct span file, struct go_binary *ret)
{
	struct go_binary binary = { 0 };
	struct go_image image = { 0 };
	struct elf_file elf;
	struct memory m;
	int r = elf_file_open(file, &elf);

	if (r < 0)
		return r;
	m = elf_file_memory(&elf);
	for (size_t i = 0; i < m.n_regions; i++)
		if (m.regions[i].flags & MEMORY_EXEC)
			image.text = m.regions[i].start;
	r = go_buildinfo_read(&m, &image, &binary.build);
	if (r == 0)
		r = digest(&elf, binary.digest);
	if (r == 0)
		*ret = binary;
	return r;
}
