/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/util.h"
#include "escape/index.h"
#include "host/escape_files.h"

/* As a file is known to be the same: a tenant that changes it without this changing would have to set its ctime. */
static uint64_t mix_file(uint64_t h, const struct stat *st)
{
	h = hash_mix(hash_mix(h, st->st_dev), st->st_ino);
	h = hash_mix(hash_mix(h, (uint64_t)st->st_size), (uint64_t)st->st_ctim.tv_sec);
	return hash_mix(h, (uint64_t)st->st_ctim.tv_nsec);
}

static int open_regular(int dir, const char *path, uint64_t *ret_bytes, uint64_t *key)
{
	_cleanup_(closep) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -1;
	*ret_bytes = (uint64_t)st.st_size;
	*key = mix_file(*key, &st);
	return TAKE_FD(fd);
}

void escape_files_open(const struct hostroot *host, pid_t pid, const struct go_buildinfo *build,
		       const char *path, struct escape_files *ret)
{
	char filed[PATH_MAX], exe[32];

	*ret = ESCAPE_FILES_NONE;
	if (!*path && escape_index_path(build->build_id, filed, sizeof(filed)) < 0)
		return;
	ret->index = open_regular(AT_FDCWD, *path ? path : filed, &ret->index_bytes, &ret->key);
	if (ret->index < 0)
		return;
	snprintf(exe, sizeof(exe), "%d/exe", pid);
	ret->exe = open_regular(host->proc, exe, &ret->exe_bytes, &ret->key);
	if (ret->exe < 0)
		escape_files_close(ret);
}

void escape_files_close(struct escape_files *f)
{
	closep(&f->exe);
	closep(&f->index);
	*f = ESCAPE_FILES_NONE;
}

enum escape_report_state escape_files_need(const struct escape_known *k, struct escape_files *f)
{
	for (size_t i = 0; f->index >= 0 && i < ESCAPE_KNOWN_MAX; i++) {
		const enum escape_report_state state = k->known[i].state;

		if (k->known[i].key != f->key)
			continue;
		closep(&f->exe);
		f->exe = -1;
		if (state != REPORT_MATCHES)
			escape_files_close(f);
		return state;
	}
	return REPORT_STATE_MAX_;
}

void escape_files_note(struct escape_known *k, const struct escape_files *f, uint32_t state)
{
	if (f->index < 0 || state >= REPORT_STATE_MAX_)
		return;
	k->known[k->next % ESCAPE_KNOWN_MAX].key = f->key;
	k->known[k->next % ESCAPE_KNOWN_MAX].state = (enum escape_report_state)state;
	k->next++;
}
