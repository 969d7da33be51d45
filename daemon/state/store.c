/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/util.h"
#include "state/learned.h"
#include "state/store.h"

#define ORDERS_FILE	  "orders"
#define ORDERS_BYTES_MAX  MIB
#define RELOAD_FILE	  "reload"
#define LEARNED_FILE	  "learned"
#define LEARNED_BYTES_MAX (2 * MIB)

struct store {
	int dir, undo, kills;
};

int store_open(const char *path, struct store **ret)
{
	_cleanup_(store_closep) struct store *st = calloc(1, sizeof(*st));

	if (!st)
		return -ENOMEM;
	st->undo = st->kills = -1;
	st->dir = fd_open_dir(AT_FDCWD, path, true);
	if (st->dir < 0)
		return st->dir;
	if (flock(st->dir, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	st->undo = fd_open_dir(st->dir, "undo", true);
	if (st->undo < 0)
		return st->undo;
	st->kills = fd_open_dir(st->dir, "postmortem", true);
	/* Giving back what was changed does not depend on it. */
	if (st->kills < 0)
		log_warning("No records of kills can be kept: %s, ignoring", strerror(-st->kills));
	*ret = TAKE_PTR(st);
	return 0;
}

struct store *store_close(struct store *st)
{
	if (!st)
		return NULL;
	closep(&st->kills);
	closep(&st->undo);
	closep(&st->dir);
	free(st);
	return NULL;
}

int store_put_undo(struct store *st, const struct undo_record *u)
{
	char name[UNDO_NAME_MAX], text[UNDO_TEXT_MAX];
	int n = undo_format(u, text);

	if (n < 0)
		return n;
	undo_name(u, name);
	return fd_replace_file(st->undo, name, text, (size_t)n, false);
}

int store_get_undo(struct store *st, struct undo_record *u)
{
	char name[UNDO_NAME_MAX], text[UNDO_TEXT_MAX];
	struct undo_record found;
	size_t len;
	int r;

	undo_name(u, name);
	r = fd_read_file(st->undo, name, text, sizeof(text), &len);
	if (r == 0)
		r = undo_parse(text, len, &found);
	if (r < 0)
		return r;
	if (u->process.pid && !process_id_equal(&found.process, &u->process))
		return -ENOENT;
	*u = found;
	return 0;
}

int store_drop_undo(struct store *st, const struct undo_record *u)
{
	char name[UNDO_NAME_MAX];

	undo_name(u, name);
	return unlinkat(st->undo, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int store_each_undo(struct store *st, void (*each)(void *userdata, const struct undo_record *u),
		    void *userdata, unsigned int *ret_bad)
{
	int fd = openat(st->undo, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	unsigned int bad = 0;

	if (!d)
		return -errno;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char text[UNDO_TEXT_MAX];
		struct undo_record u;
		size_t len;

		if (e->d_name[0] == '.')
			continue;
		if (fd_read_file(st->undo, e->d_name, text, sizeof(text), &len) < 0 ||
		    undo_parse(text, len, &u) < 0) {
			bad++;
			continue;
		}
		each(userdata, &u);
	}
	*ret_bad = bad;
	return 0;
}

int store_put_kill(struct store *st, const char *name, const char *text, size_t len,
		   const struct kills_caps *caps, unsigned int *ret_dropped)
{
	return kills_put(st->kills, name, text, len, caps, ret_dropped);
}

int store_put_reload(struct store *st, bool owed)
{
	if (owed)
		return fd_replace_file(st->dir, RELOAD_FILE, "", 0, false);
	return unlinkat(st->dir, RELOAD_FILE, 0) < 0 && errno != ENOENT ? -errno : 0;
}

bool store_get_reload(const struct store *st)
{
	return faccessat(st->dir, RELOAD_FILE, F_OK, 0) == 0;
}

int store_put_orders(struct store *st, const struct orders *o)
{
	_cleanup_(freep) char *text = NULL;
	size_t len;
	int r = orders_format(o, &text, &len);

	if (r < 0)
		return r;
	return fd_replace_file(st->dir, ORDERS_FILE, text, len, true);
}

int store_get_orders(struct store *st, struct orders *ret)
{
	_cleanup_(freep) char *text = NULL;
	unsigned int bad;
	int r = fd_read_alloc(st->dir, ORDERS_FILE, ORDERS_BYTES_MAX, &text, NULL);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	bad = orders_parse(text, ret);
	if (bad)
		log_warning("%u line(s) of the orders file are not orders, ignoring", bad);
	return 0;
}

/* Not synced: what is lost is learned again. */
int store_put_learned(struct store *st, struct learned *l)
{
	_cleanup_(freep) char *text = NULL;
	size_t len;
	int r;

	if (!l->changed)
		return 0;
	r = learned_format(l, &text, &len);
	if (r == 0)
		r = fd_replace_file(st->dir, LEARNED_FILE, text, len, false);
	if (r == 0)
		l->changed = false;
	return r;
}

int store_get_learned(struct store *st, struct learned *ret)
{
	_cleanup_(freep) char *text = NULL;
	unsigned int bad;
	int r = fd_read_alloc(st->dir, LEARNED_FILE, LEARNED_BYTES_MAX, &text, NULL);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	bad = learned_parse(text, ret);
	if (bad)
		log_warning("%u line(s) of the file of what was learned are not such, ignoring",
			    bad);
	return 0;
}
