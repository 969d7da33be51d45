/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "report/record.h"

#define FILE_NAME     "decisions"
#define FILE_NAME_OLD "decisions.1"

struct recorder {
	int dir, fd;
	uint64_t max_bytes;
};

static const struct replay_header header = { .magic = REPLAY_MAGIC,
					     .version = REPLAY_VERSION,
					     .record_bytes = sizeof(struct replay_record) };
_Static_assert(sizeof(REPLAY_MAGIC) == sizeof(header.magic) + 1, "the magic fills its field");

static int start_file(struct recorder *rec)
{
	closep(&rec->fd);
	rec->fd = openat(rec->dir, FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
			 0600);
	if (rec->fd < 0)
		return -errno;
	return fd_write_all(rec->fd, &header, sizeof(header));
}

/* Goes on with a file of this build; one of another build, or a torn one, becomes the old one. */
static int continue_file(struct recorder *rec)
{
	struct replay_header found;
	_cleanup_(closep) int fd = openat(rec->dir, FILE_NAME, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && read(fd, &found, sizeof(found)) == (ssize_t)sizeof(found) &&
	    !memcmp(&found, &header, sizeof(header)) && fstat(fd, &st) == 0 &&
	    ((uint64_t)st.st_size - sizeof(header)) % sizeof(struct replay_record) == 0) {
		rec->fd = openat(rec->dir, FILE_NAME, O_WRONLY | O_APPEND | O_CLOEXEC);
		return rec->fd < 0 ? -errno : 0;
	}
	if (fd >= 0)
		(void)renameat(rec->dir, FILE_NAME, rec->dir, FILE_NAME_OLD);
	return start_file(rec);
}

int recorder_new(const char *dir, uint64_t max_bytes, struct recorder **ret)
{
	_cleanup_(recorder_freep) struct recorder *rec = calloc(1, sizeof(*rec));
	int r;

	if (!rec)
		return -ENOMEM;
	rec->fd = -1;
	rec->max_bytes = max_bytes;
	rec->dir = fd_open_dir(AT_FDCWD, dir, true);
	if (rec->dir < 0)
		return rec->dir;
	r = continue_file(rec);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(rec);
	return 0;
}

struct recorder *recorder_free(struct recorder *rec)
{
	if (!rec)
		return NULL;
	closep(&rec->fd);
	closep(&rec->dir);
	free(rec);
	return NULL;
}

int recorder_add(struct recorder *rec, const struct replay_record *r)
{
	struct stat st;
	int e;

	if (rec->max_bytes < 2 * sizeof(*r))
		return 0;
	if (fstat(rec->fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size + sizeof(*r) > rec->max_bytes / 2) {
		if (renameat(rec->dir, FILE_NAME, rec->dir, FILE_NAME_OLD) < 0)
			return -errno;
		e = start_file(rec);
		if (e < 0)
			return e;
	}
	e = fd_write_all(rec->fd, r, sizeof(*r));
	/* A torn record would shift all later ones. */
	if (e < 0 && ftruncate(rec->fd, st.st_size) < 0)
		return -errno;
	return e;
}
