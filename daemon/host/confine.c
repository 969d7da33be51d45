/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/confine.h"

#ifndef GOMEMD_SANITIZED

#define NOBODY 65534

static bool filter_calls(const struct confine *to)
{
	scmp_filter_ctx filter =
		seccomp_init(to->refuses ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
	bool ok = filter;

	for (size_t i = 0; ok && i < to->n_calls; i++)
		ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, to->calls[i], 0) == 0;
	if (ok && to->connects)
		ok = seccomp_rule_add(filter, SCMP_ACT_ERRNO(0), SCMP_SYS(connect), 0) == 0;
	ok = ok && seccomp_load(filter) == 0;
	if (filter)
		seccomp_release(filter);
	return ok;
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capset, &header, none) == 0;
}

bool confine_self(const struct confine *to)
{
	const struct rlimit space = { to->address_space_bytes, to->address_space_bytes };
	const struct rlimit none = { 0, 0 };

	if (to->keeps_user && !drop_capabilities())
		return false;
	if (!to->keeps_user && geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	     setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return false;
	/* Losing the uid has cleared it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_AS, &space) < 0 || setrlimit(RLIMIT_FSIZE, &none) < 0 ||
	    setrlimit(RLIMIT_NPROC, &none) < 0)
		return false;
	return filter_calls(to);
}

#else

/* The sanitizers' shadow needs the address space and system calls of its own. */
bool confine_self(const struct confine *to)
{
	(void)to;
	return true;
}

#endif
