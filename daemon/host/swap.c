/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "host/swap.h"

bool swap_is_there(const struct hostroot *host)
{
	char text[4096];

	/* The first line is the heading. A file that is too long has many. */
	int r = fd_read_file(host->proc, "swaps", text, sizeof(text), NULL);
	const char *second = r == 0 ? strchr(text, '\n') : NULL;

	return r == -EFBIG || (second && second[1]);
}

uint64_t swap_free(const struct hostroot *host)
{
	static const char key[] = "\nSwapFree:";
	char text[8192], *value;
	uint64_t kib;

	if (fd_read_file(host->proc, "meminfo", text, sizeof(text), NULL) < 0)
		return 0;
	value = strstr(text, key);
	if (!value)
		return 0;
	value += sizeof(key) - 1;
	value += strspn(value, " ");
	value[strspn(value, "0123456789")] = '\0';
	return text_parse_u64(value, &kib) == 0 ? mul_div(kib, KIB, 1) : 0;
}
