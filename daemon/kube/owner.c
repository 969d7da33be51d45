/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "kube/owner.h"

enum {
	SUFFIX_BYTES = 5,
	HASH_BYTES_MIN = 6,
	HASH_BYTES_MAX = 10,
};

static const char generated[] = "bcdfghjklmnpqrstvwxz2456789";
static const char digits[] = "0123456789";

/* Cuts the last part off where it is of @characters alone and as long as that. True where it did. */
static bool cut(char *name, const char *characters, size_t least, size_t most)
{
	char *dash = strrchr(name, '-');
	const size_t len = dash ? strlen(dash + 1) : 0;

	if (!dash || dash == name || len < least || len > most ||
	    strspn(dash + 1, characters) != len)
		return false;
	*dash = '\0';
	return true;
}

void pod_owner_of(const char *pod, char *buf, size_t size)
{
	text_copy(buf, size, pod);
	if (cut(buf, generated, SUFFIX_BYTES, SUFFIX_BYTES))
		(void)cut(buf, generated, HASH_BYTES_MIN, HASH_BYTES_MAX);
	else
		(void)cut(buf, digits, 1, SUFFIX_BYTES);
}
