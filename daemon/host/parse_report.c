/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/mman.h>

#include "base/util.h"
#include "gobin/binary.h"
#include "host/parse_report.h"

static void unmap(struct span *s)
{
	if (s->p)
		munmap((void *)(uintptr_t)s->p, s->len);
	*s = (struct span){ 0 };
}

void parse_report_close(struct parse_report *r)
{
	unmap(&r->bytes);
}

static bool map_file(int fd, uint64_t bytes, struct span *ret)
{
	void *p = bytes > 0 && bytes < PARSE_ADDRESS_SPACE_MAX ?
			  mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0) :
			  MAP_FAILED;

	if (p == MAP_FAILED)
		return false;
	*ret = span_of(p, bytes);
	return true;
}

void parse_report_open(const struct escape_files *files, struct parse_report *ret)
{
	_cleanup_(unmap) struct span exe = { 0 };
	struct go_binary binary;

	*ret = (struct parse_report){ .state = REPORT_UNUSABLE };
	if (!map_file(files->index, files->index_bytes, &ret->bytes) ||
	    escape_index_open(ret->bytes, &ret->index) < 0 ||
	    (files->exe >= 0 && !map_file(files->exe, files->exe_bytes, &exe)))
		return;
	ret->state = files->exe < 0 || (go_binary_read(exe, &binary) == 0 &&
					memcmp(binary.digest, ret->index.origin->digest,
					       GO_DIGEST_BYTES) == 0) ?
			     REPORT_MATCHES :
			     REPORT_DIFFERS;
}
