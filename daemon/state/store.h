/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "act/undo.h"
#include "base/clock.h"
#include "state/kills.h"

/*
 * What outlives the daemon: undo records, and the operator's standing orders. Undo records need no fsync: what they
 * describe dies with the machine; orders last over a reboot, so they are synced.
 */
struct store;

/*
 * Opens (and makes, mode 0700) the state directory, which is locked until it is closed, however the process ends: two that
 * write the same runtimes would each take the other's value for the owner's. -EBUSY where another process has it.
 */
int store_open(const char *path, struct store **ret);
struct store *store_close(struct store *st);

static inline void store_closep(struct store **st)
{
	store_close(*st);
}

int store_put_undo(struct store *st, const struct undo_record *u);
/* Completes @u (lever, and process or cgroup_id) from its record. -ENOENT where there is none for this image. */
int store_get_undo(struct store *st, struct undo_record *u);
int store_drop_undo(struct store *st, const struct undo_record *u);

/*
 * Calls @each for every record. A file that is not one is left where it is and counted in *ret_bad; returns -errno
 * where the directory cannot be read.
 */
int store_each_undo(struct store *st, void (*each)(void *userdata, const struct undo_record *u),
		    void *userdata, unsigned int *ret_bad);

/* A record of a kill (kills.h), in the directory "postmortem". */
int store_put_kill(struct store *st, const char *name, const char *text, size_t len,
		   const struct kills_caps *caps, unsigned int *ret_dropped);

/*
 * The service manager still has what was taken away from its units' files: it is to read them anew, by whoever comes next
 * where this run cannot. Kept on disk, so that a death in between is made up for.
 */
int store_put_reload(struct store *st, bool owed);
bool store_get_reload(const struct store *st);

enum order_kind {
	ORDER_STOP_WRITES, /* no writes to anything, everything given back */
	ORDER_RELEASE,	   /* no writes to this workload */
	ORDER_PIN,	   /* this lever of this workload has this value */
	ORDER_MAX_,
};

struct order {
	enum order_kind kind;
	char workload[512];
	enum policy_lever lever; /* ORDER_PIN */
	int64_t value;
	uint64_t until_wall; /* microseconds since the epoch; 0: until it is taken back */
};

enum {
	ORDERS_MAX = 1024,
};

struct orders {
	struct order *orders;
	size_t n;
	bool suspended; /* pins are kept, but not to be applied: the daemon has not the rights to */
};

void orders_done(struct orders *o);
bool orders_stopped(const struct orders *o);
bool orders_released(const struct orders *o, const char *workload);
/* The pin of this lever that is to be applied, or NULL. */
const struct order *orders_pin(const struct orders *o, const char *workload,
			       enum policy_lever lever);

/* Adds or replaces; -ENOSPC beyond ORDERS_MAX, -EINVAL for a name with a newline. */
int orders_add(struct orders *o, const struct order *order);
/* Removes those that match; @workload NULL: of any. Returns how many. */
size_t orders_remove(struct orders *o, enum order_kind kind, const char *workload);
/* Removes pins that have run out. */
size_t orders_expire(struct orders *o, uint64_t now_wall);

/* Text of the orders, one a line, and back (a line that is none is dropped, and counted). */
int orders_format(const struct orders *o, char **ret, size_t *ret_len);
unsigned int orders_parse(const char *text, struct orders *ret);

int store_put_orders(struct store *st, const struct orders *o);
int store_get_orders(struct store *st, struct orders *ret);
