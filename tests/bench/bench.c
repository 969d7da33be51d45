/* SPDX-License-Identifier: Apache-2.0 */

/*
 * bench PID SAMPLES: figures of looking at one Go process, a line of JSON: the time of a sample in the helper, of one
 * with the way to the helper and back, and of locating the runtime anew. Microseconds: median, minimum, maximum.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gobin/runtime.h"
#include "host/inspector.h"

enum {
	RUNS_MAX = 10000,
};

static double times[RUNS_MAX];

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const char *name, size_t n, const char *end)
{
	qsort(times, n, sizeof(times[0]), by_value);
	printf("\"%s\":{\"median_us\":%.1f,\"min_us\":%.1f,\"max_us\":%.1f}%s", name, times[n / 2],
	       times[0], times[n - 1], end);
}

static bool time_samples(const struct process *p, const struct go_runtime *rt, size_t n)
{
	struct go_sample s;

	for (size_t i = 0; i < n; i++) {
		double start = now_us();

		if (go_runtime_sample(process_get_memory(p), rt, 0, &s) != 0)
			return false;
		times[i] = now_us() - start;
	}
	return true;
}

static bool time_round_trips(struct inspector *in, pid_t pid, size_t n)
{
	struct inspect_request req = { .op = INSPECT_OPEN, .pid = pid };
	static struct inspect_reply reply;

	if (inspector_call(in, &req, &reply) != 0 || reply.result != INSPECT_OK)
		return false;
	req = (struct inspect_request){ .op = INSPECT_SAMPLE,
					.n = 1,
					.slots = { reply.rows[0].slot } };
	for (size_t i = 0; i < n; i++) {
		double start = now_us();

		if (inspector_call(in, &req, &reply) != 0 || reply.result != INSPECT_OK)
			return false;
		times[i] = now_us() - start;
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct go_runtime rt;
	struct hostroot host = HOSTROOT_NONE;
	struct inspector *in = NULL;
	struct process *p = NULL;
	uint64_t pid, n;

	if (argc != 3 || text_parse_u64(argv[1], &pid) < 0 || text_parse_u64(argv[2], &n) < 0 ||
	    n == 0 || n > RUNS_MAX)
		return 2;
	signal(SIGCHLD, SIG_IGN);
	if (hostroot_open("", &host) < 0 || process_open(&host, (pid_t)pid, false, &p) != 0 ||
	    inspector_new(&host, false, 10 * USEC_SEC, &in) < 0)
		return 1;
	printf("{");
	for (size_t i = 0; i < 20; i++) {
		double start = now_us();

		if (go_runtime_locate(process_get_memory(p), &rt) != 0)
			return 1;
		times[i] = now_us() - start;
	}
	print("locate", 20, ",");
	if (!time_samples(p, &rt, n))
		return 1;
	print("sample", n, ",");
	if (!time_round_trips(in, (pid_t)pid, n))
		return 1;
	print("sample_by_helper", n, "}\n");
	inspector_free(in);
	process_free(p);
	hostroot_close(&host);
	return 0;
}
