/* SPDX-License-Identifier: Apache-2.0 */

/*
 * write PID LEVER VALUE [ROUNDS]: the daemon's own way of changing a lever, without the daemon - helper, gates, plan,
 * stores, read back. Prints the outcome and how long it took; with ROUNDS it opens and writes so many times, whatever
 * comes of each (for a target that execs meanwhile), and counts what came of them.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/lever.h"
#include "base/text.h"
#include "host/inspector.h"

static const struct lever_ops *lever_by_name(const char *name)
{
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		if (!strcmp(name, policy_lever_name(l)))
			return lever_ops(l);
	return NULL;
}

/* One open and one change; the reply's result, or that of opening. */
static int change_once(struct inspector *in, pid_t pid, const struct lever_ops *ops, int64_t value,
		       struct inspect_reply *reply)
{
	struct inspect_request req = { .op = INSPECT_OPEN, .pid = pid };
	static struct inspect_reply ignored;
	uint32_t slot;

	if (inspector_call(in, &req, reply) < 0 || reply->result != INSPECT_OK)
		return reply->result;
	slot = reply->rows[0].slot;
	req = (struct inspect_request){ .op = INSPECT_STORE,
					.slots = { slot },
					.expect_marked = UINT64_MAX };
	req.n = ops->plan(&reply->rows[0].sample, value, req.stores);
	if (inspector_call(in, &req, reply) < 0)
		return -1;
	req = (struct inspect_request){ .op = INSPECT_CLOSE, .n = 1, .slots = { slot } };
	inspector_call(in, &req, &ignored);
	return reply->result;
}

static int rounds(struct inspector *in, pid_t pid, const struct lever_ops *ops, int64_t value,
		  uint64_t n)
{
	static struct inspect_reply reply;
	uint64_t done = 0, gone = 0, refused = 0, other = 0;

	for (uint64_t i = 0; i < n; i++)
		switch (change_once(in, pid, ops, value, &reply)) {
		case INSPECT_OK:
			done++;
			break;
		case INSPECT_GONE:
			gone++;
			break;
		case INSPECT_REFUSED:
		case INSPECT_NOT_GO:
		case INSPECT_SHARED:
			refused++;
			break;
		default:
			other++;
			break;
		}
	printf("{\"done\":%" PRIu64 ",\"gone\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"other\":%" PRIu64 "}\n",
	       done, gone, refused, other);
	return 0;
}

int main(int argc, char **argv)
{
	const struct lever_ops *ops = argc > 3 ? lever_by_name(argv[2]) : NULL;
	struct hostroot host = HOSTROOT_NONE;
	struct inspector *in = NULL;
	static struct inspect_reply reply;
	int64_t value;
	uint64_t pid, n = 0;
	int r;

	if (!ops || text_parse_u64(argv[1], &pid) < 0 || text_parse_i64(argv[3], &value) < 0 ||
	    (argc > 4 && text_parse_u64(argv[4], &n) < 0)) {
		fprintf(stderr,
			"write PID soft_limit|gogc|madvdontneed|heap_profile|gc_period VALUE [ROUNDS]\n");
		return 2;
	}
	signal(SIGCHLD, SIG_IGN);
	if (hostroot_open("", &host) < 0 || inspector_new(&host, true, 10 * USEC_SEC, &in) < 0)
		return 1;
	if (n)
		return rounds(in, (pid_t)pid, ops, value, n);
	r = change_once(in, (pid_t)pid, ops, value, &reply);
	printf("{\"result\":%d,\"holds\":%s}\n", r,
	       r == INSPECT_OK && ops->holds(&reply.rows[0].sample, value) ? "true" : "false");
	inspector_free(in);
	hostroot_close(&host);
	return r != INSPECT_OK;
}
