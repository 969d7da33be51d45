/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kube/names.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz0123456789"
#define LETTER LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum {
	LABEL_MAX = 63,
	SUBDOMAIN_MAX = 253,
};

/* Of @characters alone, with one of @ends at both ends. */
static bool is_name(const char *s, size_t max, const char *ends, const char *characters)
{
	const size_t len = strnlen(s, max + 1);

	return len && len <= max && strspn(s, characters) == len && strchr(ends, s[0]) &&
	       strchr(ends, s[len - 1]);
}

bool kube_is_label_name(const char *s)
{
	return is_name(s, LABEL_MAX, LOWER, LOWER "-");
}

/* Each part between dots begins and ends as the whole does. */
bool kube_is_subdomain(const char *s)
{
	return is_name(s, SUBDOMAIN_MAX, LOWER, LOWER "-.") && !strstr(s, "..") &&
	       !strstr(s, "-.") && !strstr(s, ".-");
}

static bool is_qualified(const char *s)
{
	return is_name(s, LABEL_MAX, LETTER, LETTER "-_.");
}

bool kube_is_key(const char *s)
{
	const char *slash = strchr(s, '/');
	char prefix[SUBDOMAIN_MAX + 1];

	if (!slash)
		return is_qualified(s);
	if ((size_t)(slash - s) >= sizeof(prefix))
		return false;
	memcpy(prefix, s, (size_t)(slash - s));
	prefix[slash - s] = '\0';
	return kube_is_subdomain(prefix) && is_qualified(slash + 1);
}

bool kube_is_label_value(const char *s)
{
	return !s[0] || is_qualified(s);
}
