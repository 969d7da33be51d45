/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "host/confine.h"
#include "host/helper_program.h"
#include "host/parse.h"
#include "host/parse_report.h"

enum {
	MMAP_FROM_BYTES = 128 * 1024,
	PARSE_FDS_MAX = 1 + CORE_FILES_MAX,
};

enum parse_op {
	PARSE_PROCESS, /* descriptors: its memory, and a memfd that holds the regions */
	PARSE_CORE,    /* the core file, and the files that are lent to it */
	PARSE_PROFILE, /* as PROCESS, then a memfd that holds stacks, then an index and an executable file, where there are any */
	PARSE_ROW,     /* none: of the profile that was taken last */
};

_Static_assert(PARSE_FDS_MAX >= 5, "a profile of stacks with a report");

struct parse_request {
	uint32_t op, n_fds;
	uint64_t n_regions;
	uint64_t ids[CORE_FILES_MAX];
	uint32_t kind, top, callers, row, n_stacks;
	bool is_blocked, has_report, has_exe;
	uint64_t exe_bytes, index_bytes;
	struct goroutines_blocked blocked; /* PROFILE of goroutines */
	struct go_runtime runtime;	   /* PROFILE: where it was found */
};

struct parse_reply {
	int32_t result;
	union {
		struct go_runtime runtime;
		struct parser_core_result core;
		struct profile_summary summary;
		union profile_row row;
	};
};

union parse_control {
	struct cmsghdr header;
	char space[CMSG_SPACE(PARSE_FDS_MAX * sizeof(int))];
};

static int send_request(int fd, const struct parse_request *req, const int *fds)
{
	union parse_control control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)req, .iov_len = sizeof(*req) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = req->n_fds ? &control : NULL,
			      .msg_controllen =
				      req->n_fds ? CMSG_SPACE(req->n_fds * sizeof(int)) : 0 };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	if (c) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(req->n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, req->n_fds * sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int receive_request(int fd, struct parse_request *req, int fds[PARSE_FDS_MAX])
{
	union parse_control control = { 0 };
	struct iovec iov = { .iov_base = req, .iov_len = sizeof(*req) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (n != (ssize_t)sizeof(*req))
		return -EPIPE;
	if (req->op == PARSE_ROW && !c && req->n_fds == 0)
		return 0;
	if (!c || req->n_fds < 1 || req->n_fds > PARSE_FDS_MAX ||
	    c->cmsg_len != CMSG_LEN(req->n_fds * sizeof(int)))
		return -EPIPE;
	memcpy(fds, CMSG_DATA(c), req->n_fds * sizeof(int));
	return 0;
}

static int read_mem(void *context, uint64_t addr, void *buf, size_t len)
{
	const int *fd = context;

	return fd_read_at(*fd, addr, buf, len);
}

static int parse_profile(const struct parse_request *req, const int *fds, const struct memory *m,
			 struct profile *profile)
{
	const size_t bytes = req->n_stacks * sizeof(struct alloc_stack);
	const bool has_stacks = req->n_stacks > 0;
	_cleanup_(freep) struct alloc_stack *stacks = NULL;
	_cleanup_(parse_report_close) struct parse_report report = { .state = REPORT_NONE };
	struct profile_order order = { .kind = (enum profile_kind)req->kind,
				       .top = req->top,
				       .callers = req->callers,
				       .is_blocked = req->is_blocked,
				       .blocked = req->blocked };
	int r;

	if (req->n_fds != 2u + has_stacks + req->has_report + req->has_exe)
		return -EINVAL;
	if (has_stacks) {
		stacks = req->n_stacks <= ALLOC_STACKS_MAX ? malloc(bytes) : NULL;
		if (!stacks || fd_read_at(fds[2], 0, stacks, bytes) < 0)
			return -ENOMEM;
		order.stacks = stacks;
		order.n_stacks = req->n_stacks;
	}
	if (req->has_report) {
		const int *files = fds + 2 + has_stacks;

		parse_report_open(&(struct escape_files){ .index = files[0],
							  .exe = req->has_exe ? files[1] : -1,
							  .exe_bytes = req->exe_bytes,
							  .index_bytes = req->index_bytes },
				  &report);
	}
	if (report.state == REPORT_MATCHES)
		order.index = &report.index;
	r = profile_take(&order, m, &req->runtime, profile);
	if (r == 0 && (order.kind == PROFILE_CAUSES || order.kind == PROFILE_GO_STATEMENTS))
		profile->summary.causes.report = report.state;
	return r;
}

/* What a request asks for of the memory that came with it; the profile that it takes stays for its rows. */
static int parse_memory(const struct parse_request *req, int *fds, struct profile *profile,
			struct parse_reply *reply)
{
	const size_t bytes = req->n_regions * sizeof(struct memory_region);
	_cleanup_(freep) struct memory_region *regions = malloc(bytes);
	struct memory m = { .read = read_mem,
			    .context = &fds[0],
			    .regions = regions,
			    .n_regions = req->n_regions };
	int r;

	if (!regions || fd_read_at(fds[1], 0, regions, bytes) < 0)
		return -ENOMEM;
	if (req->op == PARSE_PROCESS)
		return go_runtime_locate(&m, &reply->runtime);
	profile_done(profile);
	r = parse_profile(req, fds, &m, profile);
	reply->summary = profile->summary;
	return r;
}

/* No pauses: in a core file there is no minute before now. */
static void core_pulse(const struct memory *m, struct parser_core_result *ret)
{
	const struct go_pulse_since since = { .num_gc = ret->sample.num_gc };

	if (go_pulse_read(m, &ret->runtime, &ret->sample, &since, &ret->pulse) < 0)
		ret->pulse = GO_PULSE_UNKNOWN;
}

static void parse_core(const struct parse_request *req, int *fds, struct parse_reply *reply)
{
	_cleanup_(core_file_freep) struct core_file *core = NULL;
	struct memory files[PARSE_FDS_MAX];
	struct parser_core_result *ret = &reply->core;
	const struct memory *m;

	*ret = (struct parser_core_result){ .runtime.minor = -1, .pulse = GO_PULSE_UNKNOWN };
	for (uint32_t i = 0; i < req->n_fds; i++)
		files[i] = (struct memory){ .read = read_mem, .context = &fds[i] };
	ret->result = core_file_read(&files[0], &core);
	if (ret->result)
		return;
	ret->is_core = true;
	ret->info = *core_file_info(core);
	for (uint32_t i = 1; i < req->n_fds; i++)
		ret->lent = core_file_lend(core, req->ids[i - 1], &files[i]);
	m = core_file_memory(core);
	ret->result = go_runtime_locate(m, &ret->runtime);
	if (ret->result == 0)
		ret->result =
			go_runtime_sample(m, &ret->runtime, GO_SAMPLE_GOROUTINES, &ret->sample);
	if (ret->result == 0) {
		core_pulse(m, ret);
		ret->proved = go_runtime_judge(&ret->runtime, &ret->sample, ret->info.mapped_bytes);
		ret->proved &=
			go_runtime_judge_alive(&ret->runtime, &ret->sample, ret->info.threads, 0);
	}
	core_file_lack(core, &ret->lack);
}

static void parse_request(const struct parse_request *req, int *fds, struct profile *profile,
			  struct parse_reply *reply)
{
	reply->result = 0;
	switch (req->op) {
	case PARSE_CORE:
		parse_core(req, fds, reply);
		return;
	case PARSE_ROW:
		if (req->row < profile->summary.n_rows)
			reply->row = profile->rows[req->row];
		else
			reply->result = -ENOENT;
		return;
	default:
		reply->result = req->n_fds >= 2 ? parse_memory(req, fds, profile, reply) : -EINVAL;
	}
}

/* No write of any kind is among the calls, so that the memory's descriptor can only be read. */
static bool drop_rights(void)
{
	static const int allowed[] = {
		SCMP_SYS(pread64),	SCMP_SYS(read),	 SCMP_SYS(recvmsg),    SCMP_SYS(sendto),
		SCMP_SYS(close),	SCMP_SYS(mmap),	 SCMP_SYS(munmap),     SCMP_SYS(mremap),
		SCMP_SYS(brk),		SCMP_SYS(futex), SCMP_SYS(exit_group), SCMP_SYS(madvise),
		SCMP_SYS(rt_sigreturn),
	};

	return confine_self(&(struct confine){ .calls = allowed,
					       .n_calls = ARRAY_SIZE(allowed),
					       .address_space_bytes = PARSE_ADDRESS_SPACE_MAX });
}

static _Noreturn void parse_serve(int fd)
{
	static struct parse_reply reply;
	static struct parse_request req;
	struct profile profile = { 0 };
	int fds[PARSE_FDS_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gomemd-parse");
	/* Large tables, mostly empty: once such a one was freed, the next would be cleared, and so resident, all of it. */
	mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
	/* The first message says that it holds no rights any more; without it nothing is sent here to be parsed. */
	if (!drop_rights() || send(fd, "", 1, MSG_NOSIGNAL) != 1)
		_exit(1);
	while (receive_request(fd, &req, fds) == 0) {
		parse_request(&req, fds, &profile, &reply);
		for (uint32_t i = 0; i < req.n_fds; i++)
			close(fds[i]);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

int parser_start(struct parser *ret)
{
	int fd, r;
	pid_t pid;
	char ready;

	r = helper_fork(&pid, &fd);
	if (r == HELPER_CHILD) {
		/* Nothing of the parent's but the socket (and where errors go). */
		if (dup2(fd, STDIN_FILENO) < 0)
			_exit(1);
		close_range(3, ~0u, 0);
		parse_serve(STDIN_FILENO);
	}
	if (r < 0)
		return r;
	*ret = (struct parser){ .pid = pid, .fd = fd };
	if (recv(fd, &ready, 1, 0) != 1) {
		parser_stop(ret);
		return -EPERM;
	}
	return 0;
}

static usec_t usec_of(struct timeval t)
{
	return (usec_t)t.tv_sec * USEC_SEC + (usec_t)t.tv_usec;
}

usec_t parser_stop(struct parser *p)
{
	struct rusage used = { 0 };

	closep(&p->fd);
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		wait4(p->pid, NULL, 0, &used);
	}
	*p = PARSER_NONE;
	return usec_of(used.ru_utime) + usec_of(used.ru_stime);
}

static int parser_ask(struct parser *p, const struct parse_request *req, const int *fds,
		      struct parse_reply *ret)
{
	if (send_request(p->fd, req, fds) < 0)
		return -EPIPE;
	return recv(p->fd, ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret) ? 0 : -EPIPE;
}

/* The helper has read what a stranger wrote. */
static void end_texts(struct go_runtime *rt)
{
	rt->info.version[sizeof(rt->info.version) - 1] = '\0';
	rt->info.module[sizeof(rt->info.module) - 1] = '\0';
	rt->info.build_id[sizeof(rt->info.build_id) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(rt->gates); i++)
		rt->gates[i].detail[sizeof(rt->gates[i].detail) - 1] = '\0';
}

/* *ret becomes a memfd with those bytes in it; the caller closes it, after a failure as well. */
static int send_bytes(const char *name, const void *bytes, size_t len, int *ret)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret = fd; /* the caller's from here on */
	return fd_write_all(fd, bytes, len);
}

/* About the memory of a process, whose regions travel in a memfd, as do stacks; then the files of a report. */
static int parser_ask_memory(struct parser *p, const struct parser_memory *of,
			     struct parse_request *req, const struct alloc_stack *stacks,
			     const struct escape_files *report, struct parse_reply *ret)
{
	_cleanup_(closep) int list = -1, heard = -1;
	const struct memory *m = of->memory;
	int fds[PARSE_FDS_MAX], r;

	r = send_bytes("regions", m->regions, m->n_regions * sizeof(*m->regions), &list);
	if (r == 0 && req->n_stacks > 0)
		r = send_bytes("stacks", stacks, req->n_stacks * sizeof(*stacks), &heard);
	if (r < 0)
		return r;
	fds[req->n_fds++] = of->fd;
	fds[req->n_fds++] = list;
	if (heard >= 0)
		fds[req->n_fds++] = heard;
	if (report && report->index >= 0) {
		fds[req->n_fds++] = report->index;
		req->has_report = true;
		req->has_exe = report->exe >= 0;
		if (req->has_exe)
			fds[req->n_fds++] = report->exe;
		req->exe_bytes = report->exe_bytes;
		req->index_bytes = report->index_bytes;
	}
	req->n_regions = m->n_regions;
	return parser_ask(p, req, fds, ret);
}

int parser_locate(struct parser *p, const struct parser_memory *of, struct go_runtime *ret)
{
	struct parse_request req = { .op = PARSE_PROCESS };
	static struct parse_reply reply;
	int r = parser_ask_memory(p, of, &req, NULL, NULL, &reply);

	if (r < 0)
		return r;
	*ret = reply.runtime;
	end_texts(ret);
	return reply.result;
}

int parser_profile(struct parser *p, const struct parser_memory *of, const struct go_runtime *rt,
		   const struct profile_order *order, const struct escape_files *report,
		   struct profile_summary *ret)
{
	struct parse_request req = { .op = PARSE_PROFILE,
				     .kind = order->kind,
				     .top = order->top,
				     .callers = order->callers,
				     .is_blocked = order->is_blocked,
				     .blocked = order->blocked,
				     .n_stacks = order->n_stacks,
				     .runtime = *rt };
	static struct parse_reply reply;
	int r = parser_ask_memory(p, of, &req, order->stacks, report, &reply);

	if (r < 0 || reply.result)
		return r < 0 ? r : reply.result;
	*ret = reply.summary;
	return 0;
}

int parser_profile_row(struct parser *p, uint32_t row, union profile_row *ret)
{
	const struct parse_request req = { .op = PARSE_ROW, .row = row };
	static struct parse_reply reply;
	int r = parser_ask(p, &req, NULL, &reply);

	if (r < 0 || reply.result)
		return r < 0 ? r : reply.result;
	*ret = reply.row;
	return 0;
}

int parser_locate_core(struct parser *p, const struct parser_core *core,
		       struct parser_core_result *ret)
{
	struct parse_request req = { .op = PARSE_CORE, .n_fds = 1 + core->n_files };
	int fds[PARSE_FDS_MAX] = { core->fd };
	static struct parse_reply reply;
	int r;

	for (uint32_t i = 0; i < core->n_files; i++) {
		fds[i + 1] = core->files[i];
		req.ids[i] = core->ids[i];
	}
	r = parser_ask(p, &req, fds, &reply);
	if (r == 0) {
		*ret = reply.core;
		end_texts(&ret->runtime);
	}
	return r;
}
