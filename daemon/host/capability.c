/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "host/capability.h"

#define BIT(number) (UINT64_C(1) << (number))

/* The parse helper becomes nobody by SETUID and SETGID; where it cannot, it parses nothing. */
#define NEEDED_TO_PARSE (BIT(CAP_SETUID) | BIT(CAP_SETGID))
#define EITHER_TO_OPEN	(BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_DAC_OVERRIDE))

static const struct capability capabilities[] = {
	{ "CAP_SYS_PTRACE", CAP_SYS_PTRACE,
	  "processes of others cannot be read, so none is found" },
	{ "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH,
	  "memory and environment of other users' processes cannot be opened, so none is found" },
	{ "CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE,
	  "other users' processes cannot be written, so nothing is: enforce is recommend" },
	{ "CAP_SETUID", CAP_SETUID,
	  "the parser cannot give up its rights, so no program is parsed" },
	{ "CAP_SETGID", CAP_SETGID,
	  "the parser cannot give up its rights, so no program is parsed" },
	{ "CAP_KILL", CAP_KILL, "a parser that hangs is ended with its parent, not at once" },
	{ "CAP_NET_ADMIN", CAP_NET_ADMIN,
	  "process events need a kernel from 6.6 on, and a storm of them is made up for by a scan" },
	{ "CAP_BPF", CAP_BPF, "nothing is heard by eBPF: collections are seen by samples only" },
	{ "CAP_PERFMON", CAP_PERFMON,
	  "nothing is heard by eBPF: collections are seen by samples only" },
	{ "CAP_SYS_ADMIN", CAP_SYS_ADMIN,
	  "no probes in Go's runtime: collections are seen by samples only" },
};

static const char *const names[] = {
	[RIGHTS_NONE] = "none",
	[RIGHTS_REDUCED] = "reduced",
	[RIGHTS_FULL] = "full",
};
_Static_assert(ARRAY_SIZE(names) == RIGHTS_MAX_, "a name for each");

int capability_effective(uint64_t *ret)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	*ret = (uint64_t)data[1].effective << 32 | data[0].effective;
	return 0;
}

enum rights capability_rights(uint64_t set)
{
	if (!(set & BIT(CAP_SYS_PTRACE)) || !(set & EITHER_TO_OPEN) ||
	    (set & NEEDED_TO_PARSE) != NEEDED_TO_PARSE)
		return RIGHTS_NONE;
	return set & BIT(CAP_DAC_OVERRIDE) ? RIGHTS_FULL : RIGHTS_REDUCED;
}

const char *rights_name(enum rights rights)
{
	return rights < RIGHTS_MAX_ ? names[rights] : "none";
}

const struct capability *capability_next_missing(uint64_t set, size_t *cursor)
{
	while (*cursor < ARRAY_SIZE(capabilities)) {
		const struct capability *c = &capabilities[(*cursor)++];

		if (set & BIT(c->number))
			continue;
		if (c->number == CAP_DAC_READ_SEARCH && (set & BIT(CAP_DAC_OVERRIDE)))
			continue;
		return c;
	}
	return NULL;
}
