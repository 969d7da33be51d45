/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "decide/decide.h"
#include "host/cgroup.h"

enum {
	LEVELS_MAX = 32,
	STAT_BYTES = 8192,
};

struct level {
	int fd;
	char *path;
	uint64_t max, used; /* of the last read */
};

/* A node has hundreds of these: each is as large as its path is deep. */
struct cgroup {
	char *path;
	uint64_t id;
	const char *limit_origin, *room_origin, *high_origin; /* a level's path, or "" */
	uint64_t others_high;
	bool room_by_high;
	size_t n_levels;
	struct level levels[]; /* from the cgroup itself up to below the root */
};

struct cgroup *cgroup_free(struct cgroup *cg)
{
	if (!cg)
		return NULL;
	for (size_t i = 0; i < cg->n_levels; i++) {
		close(cg->levels[i].fd);
		free(cg->levels[i].path);
	}
	free(cg->path);
	free(cg);
	return NULL;
}

/* The length of the parent's path: 0 is the root's. */
static size_t parent_length(const char *path, size_t len)
{
	while (len > 1 && path[len - 1] != '/')
		len--;
	return len - 1; /* without the slash */
}

static int add_level(const struct hostroot *host, struct cgroup *cg, size_t len)
{
	_cleanup_(freep) char *path = strndup(cg->path, len);
	int fd;

	if (!path)
		return -ENOMEM;
	fd = openat(host->cgroup, path + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENODEV ? CGROUP_GONE : -errno;
	cg->levels[cg->n_levels++] = (struct level){ .fd = fd, .path = TAKE_PTR(path) };
	return 0;
}

static struct cgroup *new_cgroup(const char *path, size_t depth)
{
	_cleanup_(cgroup_freep) struct cgroup *cg =
		calloc(1, sizeof(*cg) + depth * sizeof(cg->levels[0]));

	if (!cg)
		return NULL;
	cg->path = strdup(path);
	cg->limit_origin = cg->room_origin = cg->high_origin = "";
	return cg->path ? TAKE_PTR(cg) : NULL;
}

int cgroup_open(const struct hostroot *host, const char *path, struct cgroup **ret)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	const size_t whole = strlen(path);
	size_t depth = 0;
	struct stat st;
	int r;

	if (host->cgroup < 0)
		return -ENOENT;
	if (path[0] != '/' || whole >= WORKLOAD_NAME_MAX)
		return -ENAMETOOLONG;
	for (size_t len = whole; len > 1; len = parent_length(path, len))
		depth++;
	if (depth > LEVELS_MAX)
		return CGROUP_TOO_DEEP;
	cg = new_cgroup(path, depth);
	if (!cg)
		return -ENOMEM;
	for (size_t len = whole; len > 1; len = parent_length(path, len)) {
		r = add_level(host, cg, len);
		if (r)
			return r;
	}
	if (cg->n_levels > 0 && fstat(cg->levels[0].fd, &st) == 0)
		cg->id = st.st_ino;
	*ret = TAKE_PTR(cg);
	return 0;
}

const char *cgroup_path(const struct cgroup *cg)
{
	return cg->path;
}

uint64_t cgroup_id(const struct cgroup *cg)
{
	return cg->id;
}

int cgroup_dirfd(const struct cgroup *cg)
{
	return cg->n_levels ? cg->levels[0].fd : -1;
}

const char *cgroup_limit_origin(const struct cgroup *cg)
{
	return cg->limit_origin;
}

const char *cgroup_room_origin(const struct cgroup *cg)
{
	return cg->room_origin;
}

const char *cgroup_room_by(const struct cgroup *cg)
{
	return cg->room_by_high ? "memory.high" : "memory.max";
}

uint64_t cgroup_others_high(const struct cgroup *cg)
{
	return cg->others_high;
}

const char *cgroup_high_origin(const struct cgroup *cg)
{
	return cg->high_origin;
}

/* A figure, or "max"; @missing where the file is not there. */
static uint64_t read_figure(int dirfd, const char *file, uint64_t missing)
{
	char text[64];
	uint64_t v;

	if (fd_read_file(dirfd, file, text, sizeof(text), NULL) < 0)
		return missing;
	text[strcspn(text, "\n")] = '\0';
	if (!strcmp(text, "max"))
		return BYTES_UNLIMITED;
	return text_parse_u64(text, &v) < 0 ? missing : v;
}

/* "key value" lines, with wanted keys in a table. */
struct wanted {
	const char *key;
	uint64_t *ret;
};

static void parse_pairs(char *text, const struct wanted *wanted, size_t n)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');

		if (!value)
			continue;
		*value++ = '\0';
		for (size_t i = 0; i < n; i++)
			if (!strcmp(line, wanted[i].key)) {
				text_parse_u64(value, wanted[i].ret);
				break;
			}
	}
}

static int read_pairs(int dirfd, const char *file, const struct wanted *wanted, size_t n)
{
	char text[STAT_BYTES];
	int r = fd_read_file(dirfd, file, text, sizeof(text), NULL);

	if (r < 0)
		return r;
	parse_pairs(text, wanted, n);
	return 0;
}

static uint64_t read_pressure_total(const char *text, const char *kind)
{
	const char *line = strstr(text, kind), *total;
	uint64_t v = 0;
	char number[32];

	total = line ? strstr(line, "total=") : NULL;
	if (!total)
		return 0;
	snprintf(number, sizeof(number), "%.*s", (int)strcspn(total + 6, " \n"), total + 6);
	text_parse_u64(number, &v);
	return v;
}

/* Of memory.stat, in pages: what went to the device, to zswap, or was all zeroes and needed neither. */
struct swap_stat {
	uint64_t refault, in, out; /* from 6.13 on; before there are refaults alone */
	uint64_t compressed_in, compressed_out, written_back;
	uint64_t zero_in, zero_out;
};

static void sum_swap(const struct swap_stat *s, struct snapshot_cgroup *c)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t in = add_sat(s->in, add_sat(s->compressed_in, s->zero_in));
	const uint64_t out = add_sat(s->out, add_sat(s->compressed_out, s->zero_out));

	c->swapped_in_bytes = mul_div(s->out == UINT64_MAX ? s->refault : in, page, 1);
	/* What zswap writes to the device later has been swapped out before. */
	c->swapped_out_bytes =
		s->out == UINT64_MAX ? UINT64_MAX : mul_div(sub_sat(out, s->written_back), page, 1);
}

static void read_memory_stat(int fd, struct snapshot_cgroup *c)
{
	struct swap_stat swap = { .out = UINT64_MAX };
	uint64_t slab = 0, kernel = 0;
	const struct wanted wanted[] = {
		{ "anon", &c->anon },
		{ "file", &c->file },
		{ "shmem", &c->shmem },
		{ "inactive_file", &c->inactive_file },
		{ "active_file", &c->active_file },
		{ "kernel", &kernel },
		{ "slab_reclaimable", &slab },
		{ "workingset_refault_file", &c->refault_file },
		{ "workingset_refault_anon", &swap.refault },
		{ "pswpin", &swap.in },
		{ "pswpout", &swap.out },
		{ "zswpin", &swap.compressed_in },
		{ "zswpout", &swap.compressed_out },
		{ "zswpwb", &swap.written_back },
		{ "swpin_zero", &swap.zero_in },
		{ "swpout_zero", &swap.zero_out },
	};

	read_pairs(fd, "memory.stat", wanted, ARRAY_SIZE(wanted));
	c->kernel_unreclaimable = sub_sat(kernel, slab);
	sum_swap(&swap, c);
}

static void read_events(int fd, struct snapshot_cgroup *c)
{
	const struct wanted wanted[] = {
		{ "high", &c->events_high },
		{ "max", &c->events_max },
		{ "oom", &c->events_oom },
		{ "oom_kill", &c->events_oom_kill },
	};

	read_pairs(fd, "memory.events", wanted, ARRAY_SIZE(wanted));
}

static void read_cpu(int fd, struct snapshot_cgroup *c)
{
	const struct wanted wanted[] = {
		{ "usage_usec", &c->cpu_usage_us },
		{ "nr_periods", &c->cpu_periods },
		{ "nr_throttled", &c->cpu_throttled },
		{ "throttled_usec", &c->cpu_throttled_us },
	};
	char text[64], *period;
	uint64_t quota, length;

	read_pairs(fd, "cpu.stat", wanted, ARRAY_SIZE(wanted));
	c->cpu_quota_permille = UINT64_MAX;
	if (fd_read_file(fd, "cpu.max", text, sizeof(text), NULL) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	period = strchr(text, ' ');
	if (!period)
		return;
	*period++ = '\0';
	if (text_parse_u64(text, &quota) == 0 && text_parse_u64(period, &length) == 0 && length)
		c->cpu_quota_permille = mul_div(quota, 1000, length);
}

/* What memory.high would be if it were not ours: still the owner's word, and a limit of the room. */
static uint64_t owners_high(const struct lever_facts *f)
{
	return f->owner == VALUE_NONE ? BYTES_UNLIMITED : (uint64_t)f->owner;
}

/* The limit is the smallest over the ancestors; the room counts what neighbours below an ancestor use. */
static void read_limits(struct cgroup *cg, struct snapshot_cgroup *c)
{
	c->limit = c->room = BYTES_UNLIMITED;
	cg->limit_origin = cg->room_origin = cg->high_origin = "";
	cg->others_high = BYTES_UNLIMITED;
	cg->room_by_high = false;
	c->current = cg->n_levels ? read_figure(cg->levels[0].fd, "memory.current", 0) : 0;
	for (size_t i = 0; i < cg->n_levels; i++) {
		uint64_t max = read_figure(cg->levels[i].fd, "memory.max", BYTES_UNLIMITED);
		uint64_t high = read_figure(cg->levels[i].fd, "memory.high", BYTES_UNLIMITED);
		uint64_t used, room;
		bool by_high;

		if (i == 0) {
			c->max = max;
			c->high = high;
		}
		if (max < c->limit) {
			c->limit = max;
			cg->limit_origin = cg->levels[i].path;
		}
		/* Somebody else's memory.high throttles just as surely as the limit kills; ours is not one. */
		if (i == 0 && c->memory_high.ours)
			high = owners_high(&c->memory_high);
		if (high < cg->others_high) {
			cg->others_high = high;
			cg->high_origin = cg->levels[i].path;
		}
		by_high = high < max;
		if (by_high)
			max = high;
		cg->levels[i].max = max;
		cg->levels[i].used = 0;
		if (max == BYTES_UNLIMITED)
			continue;
		used = i ? read_figure(cg->levels[i].fd, "memory.current", 0) : c->current;
		cg->levels[i].used = used;
		room = add_sat(sub_sat(max, used), MIN(c->current, max));
		if (room < c->room) {
			c->room = room;
			cg->room_by_high = by_high;
			cg->room_origin = cg->levels[i].path;
		}
	}
}

int cgroup_read_limits(struct cgroup *cg, struct snapshot_cgroup *ret)
{
	if (cg->n_levels && faccessat(cg->levels[0].fd, "cgroup.controllers", F_OK, 0) < 0)
		return CGROUP_GONE;
	read_limits(cg, ret);
	return 0;
}

/* The least that a level of it has left: a limit counts for all that is below, and memory.swap.high stalls. */
static uint64_t read_swap_left(const struct cgroup *cg)
{
	uint64_t left = BYTES_UNLIMITED;

	for (size_t i = 0; i < cg->n_levels; i++) {
		const int fd = cg->levels[i].fd;
		const uint64_t max = MIN(read_figure(fd, "memory.swap.max", BYTES_UNLIMITED),
					 read_figure(fd, "memory.swap.high", BYTES_UNLIMITED));

		if (max != BYTES_UNLIMITED)
			left = MIN(left, sub_sat(max, read_figure(fd, "memory.swap.current", 0)));
	}
	return left;
}

int cgroup_read(struct cgroup *cg, usec_t now, struct snapshot_cgroup *ret)
{
	struct snapshot_cgroup c = { .memory_high = ret->memory_high };
	const int fd = cgroup_dirfd(cg);
	char text[512];
	int r = cgroup_read_limits(cg, &c);

	if (r)
		return r;
	c.at = now;
	c.min = read_figure(fd, "memory.min", 0);
	c.low = read_figure(fd, "memory.low", 0);
	c.swap_current = read_figure(fd, "memory.swap.current", 0);
	c.can_swap = read_figure(fd, "memory.swap.max", 0) > 0;
	c.swap_left = c.can_swap ? read_swap_left(cg) : 0;
	read_memory_stat(fd, &c);
	read_events(fd, &c);
	read_cpu(fd, &c);
	if (fd_read_file(fd, "memory.pressure", text, sizeof(text), NULL) == 0) {
		c.psi_some_us = read_pressure_total(text, "some");
		c.psi_full_us = read_pressure_total(text, "full");
	}
	*ret = c;
	return 0;
}

bool cgroup_populated(const struct cgroup *cg)
{
	uint64_t populated = 1;
	const struct wanted wanted[] = { { "populated", &populated } };

	/* A removed cgroup's files answer ENODEV. */
	return read_pairs(cgroup_dirfd(cg), "cgroup.events", wanted, 1) == 0 && populated;
}

uint64_t cgroup1_limit(const struct hostroot *host, const char *path)
{
	/* "No limit" there is the largest multiple of a page (mm/page_counter.h). */
	const uint64_t none = (uint64_t)INT64_MAX - 4095;
	uint64_t limit = BYTES_UNLIMITED;
	char at[PATH_MAX];

	if (host->cgroup1_memory < 0 || path[0] != '/' || !text_copy(at, sizeof(at), path))
		return BYTES_UNLIMITED;
	for (size_t len = strlen(at); len > 1;) {
		char file[PATH_MAX + 32];
		uint64_t v;

		snprintf(file, sizeof(file), "%s/memory.limit_in_bytes", at + 1);
		v = read_figure(host->cgroup1_memory, file, BYTES_UNLIMITED);
		if (v < none)
			limit = MIN(limit, v);
		while (len > 1 && at[len - 1] != '/')
			len--;
		at[--len] = '\0';
	}
	return limit;
}

int cgroup_level_fd(const struct cgroup *cg, size_t level)
{
	return level < cg->n_levels ? cg->levels[level].fd : -1;
}

bool cgroup_level_limit(const struct cgroup *cg, size_t level, struct cgroup_limit *ret)
{
	if (level >= cg->n_levels)
		return false;
	*ret = (struct cgroup_limit){ .path = cg->levels[level].path,
				      .max = cg->levels[level].max,
				      .used = cg->levels[level].used };
	return true;
}
