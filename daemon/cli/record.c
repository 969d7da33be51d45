/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/trace_file.h"
#include "wire/json.h"

struct recording {
	int daemon, signals, file;
	usec_t until; /* 0: until interrupted */
	uint64_t bytes, lines;
	size_t first; /* bytes of the first line that are there */
	bool begun;   /* the first line was whole, and no refusal */
	char line[CONTROL_REQUEST_MAX];
};

/* Ctrl-C ends a recording as its time does. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The first line may be a refusal, which is an answer like any other. */
static int check_first(struct recording *r, const struct options *o, const char *bytes, size_t n)
{
	const char *end = memchr(bytes, '\n', n);
	const size_t len = end ? (size_t)(end - bytes) : n;
	json_object *answer;
	const char *why;

	if (r->begun || r->first + len >= sizeof(r->line))
		return EXIT_DONE;
	memcpy(r->line + r->first, bytes, len);
	r->first += len;
	r->line[r->first] = '\0';
	answer = json_tokener_parse(r->line);
	if (!answer)
		return EXIT_DONE;
	r->begun = true;
	if (!json_object_object_get_ex(answer, "error", NULL)) {
		json_object_put(answer);
		return EXIT_DONE;
	}
	why = member_text(answer, "error");
	if (o->json)
		print_json(answer);
	fprintf(stderr, "gomemctl: %s\n", why);
	json_object_put(answer);
	return EXIT_REFUSED;
}

/* What has come; EXIT_DONE to go on. */
static int take(struct recording *r, const struct options *o, bool *ret_end)
{
	static char bytes[65536];
	const ssize_t n = read(r->daemon, bytes, sizeof(bytes));
	int e;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return EXIT_DONE;
	*ret_end = n <= 0;
	if (n <= 0)
		return EXIT_DONE;
	e = check_first(r, o, bytes, (size_t)n);
	if (e != EXIT_DONE)
		return e;
	for (ssize_t i = 0; i < n; i++)
		r->lines += bytes[i] == '\n';
	r->bytes += (size_t)n;
	*ret_end = r->bytes > TRACE_FILE_MAX;
	e = fd_write_all(r->file, bytes, (size_t)n);
	if (e < 0) {
		fprintf(stderr, "gomemctl: cannot write %s: %s\n", o->output, strerror(-e));
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

static int record(struct recording *r, const struct options *o)
{
	struct pollfd fds[] = { { .fd = r->daemon, .events = POLLIN },
				{ .fd = r->signals, .events = POLLIN } };
	bool end = false;
	int e = EXIT_DONE;

	while (!end && e == EXIT_DONE) {
		const usec_t now = clock_now();
		const uint64_t left = r->until ? sub_sat(r->until, now) / USEC_MSEC : INT32_MAX;

		if (r->until && now >= r->until)
			break;
		if (poll(fds, ARRAY_SIZE(fds), (int)MIN(left + 1, (uint64_t)INT32_MAX)) < 0 &&
		    errno != EINTR)
			return EXIT_REFUSED;
		if (fds[1].revents)
			break;
		if (fds[0].revents)
			e = take(r, o, &end);
	}
	return e;
}

static int usable(const struct options *o)
{
	if (!o->output || !o->operand == !o->all) {
		fprintf(stderr, "gomemctl: record WORKLOAD or --all into which file? -o FILE\n");
		return EXIT_UNUSABLE;
	}
	return EXIT_DONE;
}

static void print_summary(const struct recording *r, const struct options *o)
{
	json_object *answer;

	if (!o->json) {
		printf("%" PRIu64 " looks are in %s\n", r->lines, o->output);
		return;
	}
	answer = json_object_new_object();
	json_object_object_add(answer, "schema", json_object_new_int(1));
	json_put_text(answer, "output", o->output);
	json_put_u64(answer, "looks", r->lines);
	print_json(answer);
	json_object_put(answer);
}

int verb_record(const struct options *o)
{
	struct control_request req = { .verb = CONTROL_RECORD };
	_cleanup_(closep) int daemon = -1, signals = -1, file = -1;
	struct recording r;
	int e = usable(o);

	if (e == EXIT_DONE)
		e = client_name_workload(o, &req);
	if (e != EXIT_DONE)
		return e;
	daemon = client_connect(o, &req);
	if (daemon < 0)
		return EXIT_REFUSED;
	file = open(o->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	signals = open_signals();
	if (file < 0 || signals < 0) {
		fprintf(stderr, "gomemctl: %s: %s\n", o->output, strerror(errno));
		return EXIT_UNUSABLE;
	}
	r = (struct recording){ .daemon = daemon,
				.signals = signals,
				.file = file,
				.until = o->for_usec ? clock_now() + o->for_usec : 0 };
	e = record(&r, o);
	if (e == EXIT_DONE && !r.lines) {
		fprintf(stderr, "gomemctl: no look came while it was recorded\n");
		return EXIT_REFUSED;
	}
	/* The last line has no end of its own. */
	if (e == EXIT_DONE && fd_write_all(file, "\n", 1) == 0)
		print_summary(&r, o);
	return e;
}
