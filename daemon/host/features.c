/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "host/features.h"
#include "host/fetch.h"
#include "host/hostroot.h"
#include "host/listen.h"
#include "host/proc_events.h"
#include "host/throttle.h"
#include "wire/json.h"

#define LISTEN_PATIENCE (10 * USEC_SEC)

static const struct feature_info infos[] = {
	[FEATURE_CGROUP2] = { "cgroup-v2", "no workload can be told from another",
			      "mount the unified hierarchy at /sys/fs/cgroup; in a container the host's, in the host's PID namespace" },
	[FEATURE_PROCESS_EVENTS] = { "process-events",
				     "new processes are found within seconds, not at once",
				     "CAP_NET_ADMIN in the host's network namespace, or CAP_BPF and CAP_PERFMON with probes = yes, brings it back; the host's PID namespace in any case" },
	[FEATURE_LIMIT_EVENTS] = { "limit-events", "changed limits are seen at the next look",
				   "fs.inotify.max_user_instances may be too low" },
	[FEATURE_BUS] = { "systemd-bus",
			  "memory.high of units is written by file and lost at daemon-reload",
			  "/run/dbus/system_bus_socket must be reachable" },
	[FEATURE_DECISION_FILE] = { "decision-file", "decisions cannot be replayed",
				    "the state directory must be writable" },
	[FEATURE_RUNTIME_PROBES] = { "runtime-probes",
				     "collections are counted at each look: no time line of them, and nothing of other stops of the world",
				     "CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN, a kernel from 5.15 with uprobes and no lockdown of confidentiality, and probes = yes" },
	[FEATURE_KERNEL_EVENTS] = { "kernel-events",
				    "reclaim stalls and the kernel's choice of an OOM victim are not heard",
				    "CAP_BPF and CAP_PERFMON, a kernel with BTF (/sys/kernel/btf/vmlinux), and no lockdown of confidentiality" },
	[FEATURE_GOROUTINE_LIMIT] = { "goroutine-limit", "goroutine_rate of a policy does nothing",
				      "CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN and CAP_SYS_PTRACE, a kernel from 5.15 with uprobes, kernel.yama.ptrace_scope below 3, and no lockdown of confidentiality" },
	[FEATURE_METRICS] = { "metrics", "nothing is served on metrics_listen",
			      "libmicrohttpd (Debian: libmicrohttpd12) must be installed and the address free; the journal says what is wrong" },
	[FEATURE_ENDPOINTS] = { "endpoints",
				"endpoint of a policy and gomemctl endpoint do nothing; where CAP_SYS_ADMIN alone is missing, nothing outside of the daemon's network namespace",
				"install libcurl (libcurl4 in Debian), and gomemd-fetch beside the other helpers; CAP_SYS_ADMIN for programs in other network namespaces" },
};
_Static_assert(ARRAY_SIZE(infos) == FEATURE_MAX_, "each feature is described");

const struct feature_info *feature_info(enum feature feature)
{
	return feature < FEATURE_MAX_ ? &infos[feature] : NULL;
}

void feature_set(struct features *f, enum feature feature, int error)
{
	f->of[feature].tried = true;
	f->of[feature].error = MIN(error, 0);
}

void feature_set_processes(struct features *f, const struct listen_ready *ready)
{
	feature_set(f, FEATURE_PROCESS_EVENTS, ready->processes);
	f->processes_by = ready->processes_by_raw ? "raw-tracepoint" : "btf-tracepoint";
}

json_object *feature_json(const struct features *f, enum feature feature)
{
	const struct feature_info *info = &infos[feature];
	const int error = f->of[feature].error;
	json_object *o = json_object_new_object();

	json_put_text(o, "name", info->name);
	json_object_object_add(o, "works",
			       f->of[feature].tried ? json_object_new_boolean(error == 0) : NULL);
	if (feature == FEATURE_PROCESS_EVENTS && f->of[feature].tried && error == 0)
		json_put_text(o, "by", f->processes_by);
	if (error < 0) {
		json_put_text(o, "error", strerror(-error));
		json_put_text(o, "lost", info->lost);
		json_put_text(o, "mend", info->mend);
	}
	return o;
}

static void on_ready(void *userdata, const struct listen_ready *ready)
{
	struct features *f = userdata;

	feature_set(f, FEATURE_RUNTIME_PROBES, ready->runtimes);
	feature_set(f, FEATURE_KERNEL_EVENTS, ready->kernel);
	if (f->of[FEATURE_PROCESS_EVENTS].error < 0)
		feature_set_processes(f, ready);
}

/* Asks the helper that listens what it could have. */
static void try_listening(struct features *f)
{
	const struct listener_callbacks callbacks = { .ready = on_ready, .userdata = f };
	const uint32_t processes = proc_events_named_here() ? LISTEN_PROCESSES : 0;
	const uint32_t what = LISTEN_RUNTIMES | LISTEN_KERNEL | processes;
	_cleanup_(listener_freep) struct listener *l = NULL;
	const usec_t end = clock_now() + LISTEN_PATIENCE;
	int r = listener_new(&callbacks, what, LISTEN_PATIENCE, &l);

	while (r == 0 && !f->of[FEATURE_RUNTIME_PROBES].tried && clock_now() < end)
		listener_run(l, 10 * USEC_MSEC);
	if (f->of[FEATURE_RUNTIME_PROBES].tried)
		return;
	r = r < 0 ? r : -ETIMEDOUT;
	on_ready(f, &(struct listen_ready){ r, r, r, 0 });
}

/* Asks the helper that limits the same. */
static void try_limiting(struct features *f)
{
	_cleanup_(throttler_freep) struct throttler *t = NULL;
	int r = throttler_new(&(struct throttle_target){ 0 }, LISTEN_PATIENCE, &t);

	if (r == 0) {
		throttler_run(t, LISTEN_PATIENCE, false);
		r = throttler_ended(t) ? throttler_report(t)->error : -ETIMEDOUT;
	}
	feature_set(f, FEATURE_GOROUTINE_LIMIT, r);
}

int feature_endpoints_error(const struct fetch_reply *reply)
{
	if (reply->outcome == FETCH_NO_LIBRARY)
		return -ELIBACC;
	return reply->outcome == FETCH_FAILED || reply->outcome == FETCH_HUNG ? reply->error : 0;
}

/* Asks the helper that asks endpoints whether it has its library and its rights. */
static void try_asking(struct features *f)
{
	_cleanup_(fetcher_freep) struct fetcher *fetcher = NULL;
	const struct fetch_request req = { .op = FETCH_TRY };
	struct fetch_reply reply = { 0 };
	int r = fetcher_new(&fetcher);

	if (r == 0)
		r = fetcher_call(fetcher, &req, &reply);
	feature_set(f, FEATURE_ENDPOINTS, r < 0 ? r : feature_endpoints_error(&reply));
}

void features_try(struct features *f)
{
	struct proc_events *events = NULL;
	struct hostroot host;

	if (hostroot_open("", &host) == 0) {
		feature_set(f, FEATURE_CGROUP2, host.cgroup < 0 ? -ENOENT : 0);
		hostroot_close(&host);
	}
	feature_set(f, FEATURE_PROCESS_EVENTS, proc_events_new(&events));
	f->processes_by = "connector";
	proc_events_free(events);
	try_listening(f);
	try_limiting(f);
	try_asking(f);
}
