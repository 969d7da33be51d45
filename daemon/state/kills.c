/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "state/kills.h"

#define SUFFIX	  ".json"
#define FILES_MAX 20000

enum {
	TIME_DIGITS = 16, /* microseconds */
	OWNER_DIGITS = 16,
	NAME_LENGTH = TIME_DIGITS + 1 + OWNER_DIGITS + sizeof(SUFFIX) - 1,
};
_Static_assert((int)NAME_LENGTH < (int)KILL_NAME_MAX, "a name fits");

struct file {
	char name[KILL_NAME_MAX];
	uint64_t bytes;
};

struct files {
	struct file *of;
	size_t n, room;
	uint64_t bytes;
};

static void files_done(struct files *f)
{
	free(f->of);
}

void kills_name(char buf[KILL_NAME_MAX], uint64_t wall_usec, const char *owner)
{
	snprintf(buf, KILL_NAME_MAX, "%016" PRIu64 "-%016" PRIx64 SUFFIX, wall_usec,
		 text_hash(TEXT_HASH_START, owner));
}

static bool is_record(const char *name)
{
	return strlen(name) == NAME_LENGTH && name[TIME_DIGITS] == '-' &&
	       strspn(name, "0123456789") == TIME_DIGITS &&
	       !strcmp(name + NAME_LENGTH - strlen(SUFFIX), SUFFIX);
}

static bool is_leftover(const char *name)
{
	const size_t len = strlen(name);

	return name[0] == '.' && len > strlen(".new") &&
	       !strcmp(name + len - strlen(".new"), ".new");
}

static int list(int dirfd, struct files *ret)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;

	if (!d)
		return -errno;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		int r;

		/* Of a write that a death cut short. */
		if (is_leftover(e->d_name))
			unlinkat(dirfd, e->d_name, 0);
		if (!is_record(e->d_name) ||
		    fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		r = array_make_room(&ret->of, &ret->room, ret->n, FILES_MAX, sizeof(*ret->of));
		if (r < 0)
			return r;
		text_copy(ret->of[ret->n].name, KILL_NAME_MAX, e->d_name);
		ret->of[ret->n].bytes = (uint64_t)st.st_size;
		ret->bytes += (uint64_t)st.st_size;
		ret->n++;
	}
	return 0;
}

static bool same_owner(const struct file *a, const char *name)
{
	return !strncmp(a->name + TIME_DIGITS, name + TIME_DIGITS, OWNER_DIGITS + 1);
}

/* One more record, and which of the caps it is over. */
struct coming {
	const char *name;
	size_t len;
	bool by_bytes;
};

/* What the owner of @file would have with it: records, or bytes where those are too many. */
static uint64_t weight_of(const struct files *f, const struct file *file, const struct coming *next)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->n; i++)
		if (same_owner(&f->of[i], file->name))
			sum += next->by_bytes ? f->of[i].bytes : 1;
	if (same_owner(file, next->name))
		sum += next->by_bytes ? next->len : 1;
	return sum;
}

/* The one that goes first: of the owner with most; of equal ones the oldest. */
static size_t to_drop(const struct files *f, const struct coming *next)
{
	size_t best = 0;
	uint64_t most = 0;

	for (size_t i = 0; i < f->n; i++) {
		const uint64_t sum = weight_of(f, &f->of[i], next);

		if (sum < most || (sum == most && strcmp(f->of[i].name, f->of[best].name) > 0))
			continue;
		best = i;
		most = sum;
	}
	return best;
}

static int drop(int dirfd, struct files *f, const struct coming *next)
{
	const size_t i = to_drop(f, next);

	if (unlinkat(dirfd, f->of[i].name, 0) < 0 && errno != ENOENT)
		return -errno;
	f->bytes -= f->of[i].bytes;
	f->of[i] = f->of[--f->n];
	return 0;
}

int kills_put(int dirfd, const char *name, const char *text, size_t len,
	      const struct kills_caps *caps, unsigned int *ret_dropped)
{
	_cleanup_(files_done) struct files f = { 0 };
	struct coming next = { .name = name, .len = len };
	int r;

	*ret_dropped = 0;
	if (!caps->records_max)
		return 0;
	if (len > caps->bytes_max)
		return -EFBIG;
	r = list(dirfd, &f);
	while (r == 0 && f.n && (f.n + 1 > caps->records_max || f.bytes + len > caps->bytes_max)) {
		next.by_bytes = f.n + 1 <= caps->records_max;
		r = drop(dirfd, &f, &next);
		*ret_dropped += r == 0;
	}
	/* Not synced: the loop must not wait for a disk, least of all when memory is short. */
	return r == 0 ? fd_replace_file(dirfd, name, text, len, false) : r;
}
