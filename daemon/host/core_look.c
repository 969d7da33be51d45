/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "host/core_look.h"

/* Opening may do something where the name is a device's or a pipe's: first it is only held, and looked at. */
static int open_regular(const struct hostroot *host, const char *path, int flags)
{
	_cleanup_(closep) int held = open(path, O_PATH | O_CLOEXEC | flags);
	char self[40];
	struct stat st;
	int fd;

	if (held < 0 || fstat(held, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(self, sizeof(self), "self/fd/%d", held);
	fd = openat(host->proc, self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A file by the name that a core file gives it: the helper is to see nothing but programs and libraries. */
static int open_mapped(const struct hostroot *host, const char *path)
{
	_cleanup_(closep) int fd = -1;
	char magic[SELFMAG];

	if (path[0] != '/')
		return -ENOENT;
	fd = open_regular(host, path, O_NOFOLLOW);
	if (fd < 0)
		return fd;
	if (fd_read_at(fd, 0, magic, sizeof(magic)) < 0 || memcmp(magic, ELFMAG, SELFMAG))
		return -ENOEXEC;
	return TAKE_FD(fd);
}

static void close_files(struct parser_core *core)
{
	closep(&core->fd);
	for (uint32_t i = 0; i < core->n_files; i++)
		closep(&core->files[i]);
}

static int ask(struct parser *parser, const struct parser_core *core,
	       struct parser_core_result *ret)
{
	int r = 0;

	if (parser->fd < 0)
		r = parser_start(parser);
	if (r == 0)
		r = parser_locate_core(parser, core, ret);
	if (r == -EPIPE)
		parser_stop(parser);
	/* The helper has read what a stranger wrote. */
	ret->lack.name[sizeof(ret->lack.name) - 1] = '\0';
	ret->info.exe[sizeof(ret->info.exe) - 1] = '\0';
	ret->info.comm[sizeof(ret->info.comm) - 1] = '\0';
	return r;
}

/* Again with each file that something was missing of, until nothing is, or nothing helps. */
static int look_with_files(const struct hostroot *host, struct parser *parser,
			   struct parser_core *core, struct parser_core_result *ret,
			   struct inspect_lack *lack)
{
	int r = ask(parser, core, ret);

	while (r == 0 && ret->result != 0 && ret->is_core && ret->lent == 0 && ret->lack.file &&
	       core->n_files < CORE_FILES_MAX) {
		int fd = open_mapped(host, ret->lack.name);

		if (fd < 0) {
			lack->why = INSPECT_LACKS_FILE;
			lack->error = -fd;
			break;
		}
		snprintf(lack->file, sizeof(lack->file), "%s", ret->lack.name);
		core->files[core->n_files] = fd;
		core->ids[core->n_files++] = ret->lack.file;
		r = ask(parser, core, ret);
	}
	if (r == 0 && ret->lent) {
		lack->why =
			ret->lent == CORE_OTHER_BUILD ? INSPECT_LACKS_BUILD : INSPECT_LACKS_HEADER;
		return 0;
	}
	snprintf(lack->file, sizeof(lack->file), "%s", ret->lack.name);
	return r;
}

static void fill_reply(const struct parser_core_result *core, struct inspect_reply *reply)
{
	struct inspect_row *row = &reply->rows[0];

	reply->info.stat.id.pid = core->info.pid;
	reply->info.uid = core->info.uid;
	snprintf(reply->info.exe, sizeof(reply->info.exe), "%s", core->info.exe);
	snprintf(reply->info.stat.comm, sizeof(reply->info.stat.comm), "%s", core->info.comm);
	reply->runtime = core->runtime;
	reply->n = 1;
	row->rss_bytes = row->cpu_ns = UINT64_MAX;
	row->pulse = core->pulse;
	row->sample = core->sample;
	row->proved = core->proved;
	row->refused_by = go_runtime_refusal(&core->runtime);
}

int core_look(const struct hostroot *host, struct parser *parser, const char *path,
	      struct inspect_reply *reply)
{
	_cleanup_(close_files) struct parser_core core = { .fd = open_regular(host, path, 0) };
	static struct parser_core_result found;
	struct inspect_lack *lack = &reply->lack;
	int r;

	if (core.fd < 0)
		return core.fd == -EINVAL ? INSPECT_NOT_CORE : core.fd;
	memset(&found, 0, sizeof(found));
	r = look_with_files(host, parser, &core, &found, lack);
	if (r == -EPIPE) {
		reply->runtime.gates[GATE_MODULEDATA] =
			(struct go_gate_result){ .asked = true,
						 .detail = "the parser died of this core file" };
		return INSPECT_REFUSED;
	}
	if (r < 0)
		return r;
	if (!found.is_core)
		return INSPECT_NOT_CORE;
	fill_reply(&found, reply);
	if (found.result == 0)
		return INSPECT_OK;
	if (lack->why == INSPECT_LACKS_NOTHING && (found.lack.cut || found.lack.memory))
		lack->why = found.lack.cut ? INSPECT_LACKS_END : INSPECT_LACKS_MEMORY;
	if (lack->why != INSPECT_LACKS_NOTHING)
		return INSPECT_INCOMPLETE;
	return found.result == GO_NONE ? INSPECT_NOT_GO : INSPECT_REFUSED;
}
