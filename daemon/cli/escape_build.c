/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "cli/escape_index.h"

/* A directory for what is built, which goes again. */
struct building {
	char directory[64], program[80];
	pid_t pid;
	int fd; /* what the compiler prints */
};

/* A signal that was to end gomemctl while Go builds: that ends first, and what it wrote goes. */
static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
static volatile sig_atomic_t ended_by, builder;

/* On this one alone Go's tool removes its own directory. */
static void end_builder(void)
{
	if (builder > 0)
		kill(-(pid_t)builder, SIGINT);
}

static void on_end(int signo)
{
	ended_by = signo;
	end_builder();
}

static void catch_ends(void)
{
	const struct sigaction act = { .sa_handler = on_end, .sa_flags = SA_RESTART };
	struct sigaction old;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(ends[i], &act, NULL);
}

static void building_done(struct building *b)
{
	if (b->pid > 0) {
		end_builder();
		waitpid(b->pid, NULL, 0);
	}
	closep(&b->fd);
	unlink(b->program);
	rmdir(b->directory);
}

static int failed(const char *what)
{
	fprintf(stderr, "gomemctl: %s: %s\n", what, strerror(errno));
	return EXIT_REFUSED;
}

/* Explanations of every package that is in the program, from the cache where they are there already. */
static _Noreturn void build(const struct building *b, const char *package, int out)
{
	const char *const command[] = {
		"go", "build", "-gcflags=all=-m=2", "-o", b->program, "--", package, NULL,
	};

	/* A group of its own, its compilers with it, that hears no more than we do: a shell's background job ignores SIGINT. */
	setpgid(0, 0);
	signal(SIGINT, SIG_DFL);
	dup2(out, STDERR_FILENO);
	execvp(command[0], (char *const *)(uintptr_t)command);
	dprintf(STDERR_FILENO, "go: %s\n", strerror(errno));
	_exit(127);
}

static int start(struct building *b, const char *package)
{
	int fds[2];

	catch_ends();
	snprintf(b->directory, sizeof(b->directory), "/tmp/gomemctl-build.XXXXXX");
	if (!mkdtemp(b->directory))
		return failed(b->directory);
	snprintf(b->program, sizeof(b->program), "%s/program", b->directory);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return failed("pipe");
	b->fd = fds[0];
	b->pid = fork();
	if (b->pid == 0)
		build(b, package, fds[1]);
	close(fds[1]);
	if (b->pid > 0)
		setpgid(b->pid, b->pid); /* whichever is first */
	builder = b->pid;
	if (ended_by) /* when there was none yet */
		end_builder();
	return b->pid < 0 ? failed("fork") : EXIT_DONE;
}

static int finish(struct building *b)
{
	int status = 0;

	if (waitpid(b->pid, &status, 0) < 0)
		return failed("waitpid");
	b->pid = builder = 0;
	if (ended_by)
		return EXIT_REFUSED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return EXIT_DONE;
	fprintf(stderr, "gomemctl: go build has failed%s\n",
		WIFEXITED(status) && WEXITSTATUS(status) == 127 ?
			": there is no go in PATH" :
			"; what it said is among the lines above");
	return EXIT_REFUSED;
}

/* What was built says what the report is of; what runs in production must be the same code to be the one it is filed for. */
static int identify(const struct options *o, const struct building *b, struct go_binary *ret)
{
	struct go_binary built;
	int r = escape_read_binary(b->program, &built);

	if (r != EXIT_DONE)
		return r;
	if (!o->binary) {
		*ret = built;
		return EXIT_DONE;
	}
	r = escape_read_binary(o->binary, ret);
	if (r != EXIT_DONE || memcmp(built.digest, ret->digest, GO_DIGEST_BYTES) == 0)
		return r;
	fprintf(stderr,
		"gomemctl: %s: report does not match: another code was built here; the same source, Go "
		"release and flags (GOFLAGS, -trimpath, -tags) are needed\n",
		o->binary);
	return EXIT_REFUSED;
}

static int build_and_file(const struct options *o)
{
	_cleanup_(building_done) struct building b = { .fd = -1 };
	_cleanup_(escape_collected_done) struct escape_collected c = { 0 };
	_cleanup_(escape_indexed_done) struct escape_indexed indexed = { 0 };
	struct options here = *o;
	struct go_binary binary;
	char pipe_path[32];
	int r = start(&b, o->n_operands > 1 ? o->operands[1] : ".");

	if (r != EXIT_DONE)
		return r;
	/* The compiler's names are relative to where it runs. */
	if (!here.dir)
		here.dir = ".";
	snprintf(pipe_path, sizeof(pipe_path), "/dev/fd/%d", b.fd);
	r = escape_index_collect(&here, pipe_path, &c);
	/* Where the reading ended early, nobody empties the pipe any more: who writes into it is told. */
	closep(&b.fd);
	b.fd = -1;
	if (finish(&b) != EXIT_DONE)
		return EXIT_REFUSED;
	if (r == EXIT_DONE)
		r = identify(o, &b, &binary);
	if (r == EXIT_DONE)
		r = escape_index_make(&c, &binary, &indexed);
	return r == EXIT_DONE ? escape_index_put(o, &binary, &indexed) : r;
}

int escape_build_verb(const struct options *o)
{
	const int r = build_and_file(o);

	if (ended_by) {
		signal(ended_by, SIG_DFL);
		raise(ended_by);
	}
	return r;
}
