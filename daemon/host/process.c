/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "host/process.h"

enum {
	REGIONS_MAX = 65536,
	MAPS_MAX_BYTES = 16 << 20,
	ENVIRON_MAX_BYTES = 256 << 10,
};

struct process {
	struct process_info info;
	int mem;
	struct memory memory;
	struct memory_region *regions;
};

#define MIX_START UINT64_C(0xcbf29ce484222325)

static int proc_path(char *buf, size_t size, pid_t pid, const char *file)
{
	return (size_t)snprintf(buf, size, "%d/%s", pid, file) < size ? 0 : -ENAMETOOLONG;
}

bool process_id_equal(const struct process_id *a, const struct process_id *b)
{
	return a->pid == b->pid && a->start_ticks == b->start_ticks && a->image == b->image;
}

/* Of the kernel's own decimal figures; a negative one, which is none of those used, gives 0. */
static uint64_t parse_figure(const char *p)
{
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	return v;
}

static uint64_t tick_ns(void)
{
	return 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* The fields behind the last ')' of /proc/PID/stat, numbered as in proc(5). comm may hold anything. */
static int parse_stat(const char *text, struct process_stat *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint64_t field[53] = { 0 };
	size_t i = 3;

	if (!open || !close || close < open || close[1] != ' ')
		return -EBADMSG;
	snprintf(ret->comm, sizeof(ret->comm), "%.*s", (int)(close - open - 1), open + 1);
	ret->state = close[2];
	for (const char *p = close + 2; *p && i < ARRAY_SIZE(field); i++) {
		field[i] = parse_figure(p);
		p = strchr(p, ' ');
		if (!p)
			break;
		p++;
	}
	if (i < 30)
		return -EBADMSG;
	ret->parent = (pid_t)field[4];
	ret->cpu_ns = mul_div(field[14] + field[15], tick_ns(), 1);
	ret->id.start_ticks = field[22];
	ret->threads = (uint32_t)MIN(field[20], (uint64_t)UINT32_MAX);
	ret->virtual_bytes = field[23];
	ret->rss_bytes = field[24] * (uint64_t)sysconf(_SC_PAGESIZE);
	/* startcode, startstack and, where the kernel shows it, arg_start: random by exec (ASLR). */
	ret->id.image = hash_mix(hash_mix(hash_mix(MIX_START, field[26]), field[28]), field[48]);
	return 0;
}

usec_t process_started(const struct process_id *id)
{
	return mul_div(id->start_ticks, tick_ns(), 1000);
}

uint64_t process_started_ns(const struct process_stat *st)
{
	/* The kernel counts from the boot, suspended time included. */
	const usec_t suspended = sub_sat(clock_now(), clock_usec(CLOCK_MONOTONIC));

	return sub_sat(mul_div(st->id.start_ticks, tick_ns(), 1), suspended * 1000);
}

int process_read_stat(const struct hostroot *host, pid_t pid, struct process_stat *ret)
{
	struct process_stat st = { .id.pid = pid };
	char path[48], text[1024];
	int r;

	proc_path(path, sizeof(path), pid, "stat");
	r = fd_read_file(host->proc, path, text, sizeof(text), NULL);
	if (r == -ENOENT || r == -ESRCH)
		return PROCESS_GONE;
	if (r == 0)
		r = parse_stat(text, &st);
	if (r < 0)
		return r;
	if (st.state == 'Z' || st.state == 'X')
		return PROCESS_GONE;
	*ret = st;
	return 0;
}

int process_read_cgroup(const struct hostroot *host, pid_t pid, bool v1, char *ret, size_t size)
{
	_cleanup_(freep) char *text = NULL;
	char path[48], *save = NULL;
	int r;

	proc_path(path, sizeof(path), pid, "cgroup");
	r = fd_read_alloc(host->proc, path, 128 << 10, &text, NULL);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? PROCESS_GONE : r;
	ret[0] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *controllers = strchr(line, ':'), *dir;

		dir = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!dir)
			continue;
		if (v1 ? strncmp(controllers, ":memory:", 8) != 0 : strncmp(line, "0::", 3) != 0)
			continue;
		if (v1)
			return text_copy(ret, size, dir + 1) ? 0 : -ENAMETOOLONG;
		r = cgroup_base_resolve(host->cgroup_base, dir + 1, ret, size);
		if (r == -EXDEV)
			ret[0] = '\0';
		return r == -EXDEV ? 0 : r;
	}
	return 0;
}

static uint32_t region_flags(const char perms[4], bool file)
{
	return (perms[0] == 'r' ? MEMORY_READ : 0u) | (perms[1] == 'w' ? MEMORY_WRITE : 0u) |
	       (perms[2] == 'x' ? MEMORY_EXEC : 0u) | (perms[3] == 's' ? MEMORY_SHARED : 0u) |
	       (file ? MEMORY_FILE : 0u);
}

/* One line of /proc/PID/maps: "start-end perms offset major:minor inode path". */
static bool parse_region(const char *line, struct memory_region *ret)
{
	uint64_t start, end, offset, inode;
	unsigned int major, minor;
	char perms[5];

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64, &start, &end,
		   perms, &offset, &major, &minor, &inode) != 7 ||
	    start >= end)
		return false;
	*ret = (struct memory_region){
		.start = start,
		.end = end,
		.file = inode ? hash_mix(hash_mix(MIX_START, makedev(major, minor)), inode) | 1 : 0,
		.offset = offset,
		.flags = region_flags(perms, inode != 0),
	};
	return true;
}

static int read_regions(const struct hostroot *host, pid_t pid, struct memory_region **ret,
			size_t *ret_n)
{
	_cleanup_(freep) struct memory_region *regions = NULL;
	_cleanup_(freep) char *text = NULL;
	size_t n = 0, room = 0;
	char path[48], *save = NULL;
	int r;

	proc_path(path, sizeof(path), pid, "maps");
	r = fd_read_alloc(host->proc, path, MAPS_MAX_BYTES, &text, NULL);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? PROCESS_GONE : r;
	/* Line by line, each ended: sscanf measures all of its string first, and a tenant may have a million mappings. */
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct memory_region region;

		if (!parse_region(line, &region) || n == REGIONS_MAX)
			break;
		if (array_make_room(&regions, &room, n, REGIONS_MAX, sizeof(*regions)) < 0)
			return -ENOMEM;
		regions[n++] = region;
	}
	if (n == 0)
		return PROCESS_KERNEL;
	*ret = TAKE_PTR(regions);
	*ret_n = n;
	return 0;
}

static int mem_read(void *context, uint64_t addr, void *buf, size_t len)
{
	const struct process *p = context;

	return fd_read_at(p->mem, addr, buf, len);
}

static void read_variable(const char *block, size_t len, const char *name,
			  struct process_variable *ret)
{
	size_t n = strlen(name);

	for (const char *p = block, *end = block + len; p < end; p += strlen(p) + 1)
		if (!strncmp(p, name, n) && p[n] == '=') {
			ret->set = true;
			snprintf(ret->value, sizeof(ret->value), "%.*s",
				 (int)sizeof(ret->value) - 1, p + n + 1);
			return;
		}
}

/* What the owner set at the start: a variable in the environment is the owner's explicit word. */
static void read_environ(const struct hostroot *host, struct process_info *info)
{
	_cleanup_(freep) char *text = NULL;
	char path[48];
	size_t len;

	proc_path(path, sizeof(path), info->stat.id.pid, "environ");
	if (fd_read_alloc(host->proc, path, ENVIRON_MAX_BYTES, &text, &len) < 0)
		return;
	read_variable(text, len, "GOGC", &info->gogc);
	read_variable(text, len, "GOMEMLIMIT", &info->gomemlimit);
	read_variable(text, len, "GODEBUG", &info->godebug);
	read_variable(text, len, "GOMEMD_ENVIRONMENT", &info->gomemd);
}

/* By /proc/PID/status: the owner of the directory is root for whoever makes itself undumpable. */
uid_t process_read_uid(const struct hostroot *host, pid_t pid)
{
	char path[48], text[8192];
	const char *line;
	unsigned int uid;

	proc_path(path, sizeof(path), pid, "status");
	if (fd_read_file(host->proc, path, text, sizeof(text), NULL) < 0)
		return (uid_t)-1;
	line = strstr(text, "\nUid:");
	return line && sscanf(line, "\nUid: %u", &uid) == 1 ? (uid_t)uid : (uid_t)-1;
}

/* Whose image it is: what is learned of one owner's memory is not believed of another's, who may run the same file. */
static uint64_t mix_owner(const struct hostroot *host, const struct process_info *info,
			  uint64_t key)
{
	static const char *const spaces[] = { "ns/user", "ns/mnt" };
	char path[48];
	struct stat st;

	key = hash_mix(key, info->uid);
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		proc_path(path, sizeof(path), info->stat.id.pid, spaces[i]);
		if (fstatat(host->proc, path, &st, 0) == 0)
			key = hash_mix(key, st.st_ino);
	}
	return key;
}

static void read_exe(const struct hostroot *host, struct process *p)
{
	struct process_info *info = &p->info;
	uint64_t key = MIX_START, last = 0;
	char path[48];
	struct stat st;
	ssize_t n;

	proc_path(path, sizeof(path), info->stat.id.pid, "exe");
	n = readlinkat(host->proc, path, info->exe, sizeof(info->exe) - 1);
	info->exe[MAX(n, 0)] = '\0';
	if (fstatat(host->proc, path, &st, 0) == 0) {
		key = hash_mix(hash_mix(key, st.st_dev), st.st_ino);
		key = hash_mix(hash_mix(key, (uint64_t)st.st_size), (uint64_t)st.st_ctim.tv_sec);
		key = hash_mix(key, (uint64_t)st.st_ctim.tv_nsec);
	}
	for (size_t i = 0; i < p->memory.n_regions; i++)
		if ((p->regions[i].flags & MEMORY_EXEC) && p->regions[i].file != last) {
			last = p->regions[i].file;
			key = hash_mix(key, last);
		}
	info->uid = process_read_uid(host, info->stat.id.pid);
	info->exe_key = mix_owner(host, info, key);
}

/* True for a vfork child that still runs on its parent's memory. */
static bool shares_parents_memory(const struct process_stat *st)
{
	return st->parent > 1 && syscall(SYS_kcmp, st->id.pid, st->parent, KCMP_VM, 0, 0) == 0;
}

struct process *process_free(struct process *p)
{
	if (!p)
		return NULL;
	closep(&p->mem);
	free(p->regions);
	free(p);
	return NULL;
}

int process_open(const struct hostroot *host, pid_t pid, bool writable, struct process **ret)
{
	_cleanup_(process_freep) struct process *p = calloc(1, sizeof(*p));
	struct process_id first;
	char path[48];
	int r;

	if (!p)
		return -ENOMEM;
	proc_path(path, sizeof(path), pid, "mem");
	p->mem = openat(host->proc, path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (p->mem < 0)
		return errno == ENOENT || errno == ESRCH ? PROCESS_GONE : -errno;
	/* Identity is read after the open, and again at the end: all between belongs to one image. */
	r = process_read_stat(host, pid, &p->info.stat);
	if (r)
		return r;
	first = p->info.stat.id;
	if (shares_parents_memory(&p->info.stat))
		return PROCESS_SHARES_MEMORY;
	r = read_regions(host, pid, &p->regions, &p->memory.n_regions);
	if (r)
		return r;
	p->memory.regions = p->regions;
	p->memory.read = mem_read;
	p->memory.context = p;
	read_exe(host, p);
	read_environ(host, &p->info);
	r = process_read_stat(host, pid, &p->info.stat);
	if (r)
		return r;
	if (!process_id_equal(&first, &p->info.stat.id))
		return PROCESS_GONE;
	*ret = TAKE_PTR(p);
	return 0;
}

const struct process_info *process_get_info(const struct process *p)
{
	return &p->info;
}

const struct memory *process_get_memory(const struct process *p)
{
	return &p->memory;
}

int process_get_fd(const struct process *p)
{
	return p->mem;
}

void process_drop_regions(struct process *p)
{
	free(p->regions);
	p->regions = NULL;
	p->memory.regions = NULL;
	p->memory.n_regions = 0;
}

int process_refresh(const struct hostroot *host, struct process *p)
{
	struct process_stat st;
	int r = process_read_stat(host, p->info.stat.id.pid, &st);

	if (r)
		return r;
	if (!process_id_equal(&st.id, &p->info.stat.id))
		return PROCESS_GONE;
	p->info.stat = st;
	return 0;
}

int process_store(const struct hostroot *host, struct process *p, uint64_t addr, const void *value,
		  size_t size)
{
	_cleanup_(freep) struct memory_region *regions = NULL;
	struct memory now = p->memory;
	uint8_t back[8];
	ssize_t n;
	int r;

	if ((size != 4 && size != 8) || (addr & (size - 1)))
		return -EINVAL;
	r = read_regions(host, p->info.stat.id.pid, &regions, &now.n_regions);
	if (r)
		return r;
	now.regions = regions;
	if (!memory_covers(&now, addr, size, MEMORY_READ | MEMORY_WRITE) ||
	    (memory_region_at(&now, addr)->flags & MEMORY_SHARED))
		return -EACCES;
	r = process_refresh(host, p);
	if (r)
		return r;
	n = pwrite(p->mem, value, size, (off_t)addr);
	if (n < 0)
		return -errno;
	/* 0 bytes: this memory has gone, by an exec or an exit, since the checks. */
	if ((size_t)n != size || mem_read(p, addr, back, size) < 0)
		return PROCESS_GONE;
	return memcmp(back, value, size) ? -EIO : 0;
}
