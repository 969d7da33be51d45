/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "gobin/binary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct go_binary binary;

	if (go_binary_read(span_of(data, size), &binary) == 0 &&
	    (!memchr(binary.build.version, 0, sizeof(binary.build.version)) ||
	     !memchr(binary.build.build_id, 0, sizeof(binary.build.build_id))))
		abort();
	return 0;
}
