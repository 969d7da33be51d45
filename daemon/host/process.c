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

/* FNV-1a over whole words: for identities, not against collisions that somebody makes for himself alone. */
static uint64_t mix(uint64_t hash, uint64_t v)
{
	return (hash ^ v) * UINT64_C(0x100000001b3) + (v >> 29);
}

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
	ret->id.start_ticks = field[22];
	ret->virtual_bytes = field[23];
	ret->rss_bytes = field[24] * (uint64_t)sysconf(_SC_PAGESIZE);
	/* startcode, startstack and, where the kernel shows it, arg_start: random by exec (ASLR). */
	ret->id.image = mix(mix(mix(MIX_START, field[26]), field[28]), field[48]);
	return 0;
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
		return text_copy(ret, size, dir + 1) ? 0 : -ENAMETOOLONG;
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
		.file = inode ? mix(mix(MIX_START, makedev(major, minor)), inode) | 1 : 0,
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
	char path[48];
	int r;

	proc_path(path, sizeof(path), pid, "maps");
	r = fd_read_alloc(host->proc, path, MAPS_MAX_BYTES, &text, NULL);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? PROCESS_GONE : r;
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		struct memory_region region;

		line += *line == '\n';
		if (!*line || !parse_region(line, &region) || n == REGIONS_MAX)
			break;
		if (n == room) {
			struct memory_region *grown;

			room = room ? 2 * room : 256;
			grown = reallocarray(regions, room, sizeof(*regions));
			if (!grown)
				return -ENOMEM;
			regions = grown;
		}
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
	char *at = buf;

	while (len > 0) {
		ssize_t n = pread(p->mem, at, len, (off_t)addr);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		addr += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
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
		key = mix(mix(key, st.st_dev), st.st_ino);
		key = mix(mix(key, (uint64_t)st.st_size), (uint64_t)st.st_ctim.tv_sec);
		key = mix(key, (uint64_t)st.st_ctim.tv_nsec);
	}
	for (size_t i = 0; i < p->memory.n_regions; i++)
		if ((p->regions[i].flags & MEMORY_EXEC) && p->regions[i].file != last) {
			last = p->regions[i].file;
			key = mix(key, last);
		}
	info->exe_key = key;
	proc_path(path, sizeof(path), info->stat.id.pid, "");
	if (fstatat(host->proc, path, &st, 0) == 0)
		info->uid = st.st_uid;
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
