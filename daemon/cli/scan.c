/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/look.h"
#include "cli/scan.h"
#include "decide/decide.h"
#include "decide/heapmath.h"
#include "host/cgroup.h"
#include "kube/identity_json.h"
#include "kube/owner.h"
#include "policy/load.h"
#include "policy/match.h"
#include "wire/json.h"

#define SHIPPED_POLICIES "policies/50-sizing.ini"

/* One row: a Go process, where it runs, and what the governor would say. */
struct found {
	struct inspect_reply *reply;
	int result;
	char workload[WORKLOAD_NAME_MAX], origin[WORKLOAD_NAME_MAX];
	struct cgroup_name name;
	struct pod_name pod;
	struct snapshot snapshot;
	char tier[48], verdict[160];
};

/* The limit of v2, else of v1 where this machine still accounts memory there. */
static void find_limit(const struct hostroot *host, pid_t pid, struct found *f)
{
	_cleanup_(cgroup_freep) struct cgroup *cg = NULL;
	struct snapshot_cgroup *c = &f->snapshot.cgroup;
	char path[4096];

	c->limit = c->room = BYTES_UNLIMITED;
	text_copy(f->workload, sizeof(f->workload), "-");
	if (process_read_cgroup(host, pid, false, path, sizeof(path)) == 0 && path[0] &&
	    cgroup_name_parse(path, &f->name) == 0) {
		text_copy(f->workload, sizeof(f->workload), f->name.workload);
		if (cgroup_open(host, f->name.workload, &cg) == 0 &&
		    cgroup_read(cg, clock_now(), c) == 0)
			text_copy(f->origin, sizeof(f->origin), cgroup_limit_origin(cg));
	}
	if (c->limit != BYTES_UNLIMITED ||
	    process_read_cgroup(host, pid, true, path, sizeof(path)) != 0 || !path[0])
		return;
	if (f->workload[0] == '-')
		text_copy(f->workload, sizeof(f->workload), path);
	c->limit = c->room = cgroup1_limit(host, path);
	if (c->limit != BYTES_UNLIMITED)
		text_copy(f->origin, sizeof(f->origin), "cgroup1");
}

/* The directories of /var/log are read once for all processes. */
static void find_pod(const struct hostroot *host, struct found *f)
{
	static struct pod_index pods;

	if (!cgroup_name_is_kubernetes(&f->name))
		return;
	pod_index_refresh(&pods, host->logs, clock_wall());
	(void)pod_index_find(&pods, host->logs, f->name.pod_uid, f->name.container, &f->pod);
}

static void fill_snapshot(struct found *f)
{
	struct snapshot_proc *p = &f->snapshot.procs[0];
	const struct inspect_row *row = &f->reply->rows[0];

	f->snapshot.n_procs = 1;
	*p = (struct snapshot_proc){
		.key = { .pid = f->reply->info.stat.id.pid },
		.at = clock_now(),
		.rss_bytes = row->rss_bytes,
		.proved = row->proved,
		.minor = f->reply->runtime.minor,
		.sample = row->sample,
	};
	p->lever[LEVER_SOFT_LIMIT].owner = row->sample.memory_limit_bytes;
	p->lever[LEVER_SOFT_LIMIT].owner_set = row->sample.memory_limit_bytes != INT64_MAX;
	p->lever[LEVER_GOGC].owner = row->sample.gc_percent;
	p->lever[LEVER_GOGC].owner_set = row->sample.gc_percent != 100;
	p->lever[LEVER_MADVDONTNEED].owner = row->sample.madvdontneed;
	p->lever[LEVER_HEAP_PROFILE].owner = row->sample.mem_profile_rate;
	p->lever[LEVER_GC_PERIOD].owner = row->sample.gc_period_ns;
	/* Where no cgroup tells, the process itself is all that is known of usage. */
	if (!f->snapshot.cgroup.at)
		f->snapshot.cgroup.anon = row->rss_bytes;
}

static void say_lever(struct found *f, size_t *n, enum policy_lever lever,
		      const struct lever_decision *d)
{
	char to[TEXT_BYTES_MAX];

	if (d->verdict == VERDICT_HOLD || *n >= sizeof(f->verdict))
		return;
	if (lever == LEVER_SOFT_LIMIT)
		text_bytes(to, d->to == VALUE_NONE ? BYTES_UNLIMITED : (uint64_t)d->to);
	else
		snprintf(to, sizeof(to), "%" PRId64, d->to);
	*n += (size_t)snprintf(f->verdict + *n, sizeof(f->verdict) - *n, "%s%s %s (%s)",
			       *n ? ", " : "", policy_lever_name(lever), to,
			       decide_reason_name(d->reason));
}

/* What one look can say; the daemon judges over several cycles. */
static void judge(const struct policy_set *set, struct found *f)
{
	const struct decide_settings settings = { .interval = 0 };
	char owner[sizeof(f->pod.pod)];
	const struct policy_subject subject = { .limit_bytes = f->snapshot.cgroup.limit,
						.cgroup = f->workload,
						.space = f->pod.space,
						.pod = f->pod.pod,
						.container = f->pod.container,
						.qos = f->name.qos,
						.owner = owner,
						.exe = f->reply->info.exe,
						.module = f->reply->runtime.info.module };
	static struct history h;
	static struct decision d;
	int tier;
	size_t n = 0;

	pod_owner_of(f->pod.pod, owner, sizeof(owner));
	tier = set ? policy_match(set, &subject, NULL) : -1;
	if (tier < 0) {
		text_copy(f->verdict, sizeof(f->verdict), "no tier matches: observe");
		return;
	}
	text_copy(f->tier, sizeof(f->tier), set->tiers[tier].rules.tier);
	h = (struct history){ 0 };
	history_observe(&h, &f->snapshot);
	decide(&settings, &set->tiers[tier].rules, &f->snapshot, &h, clock_now(), &d);
	for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
		say_lever(f, &n, l, &d.procs[0].lever[l]);
	if (n == 0)
		snprintf(f->verdict, sizeof(f->verdict), "%s: as it is",
			 policy_state_name((enum policy_state)d.state));
}

static json_object *found_json(const struct found *f)
{
	const bool ok = f->result == INSPECT_OK;
	json_object *o = ok ? look_json(f->reply) : json_object_new_object();
	uint64_t limit = f->snapshot.cgroup.limit;
	/* A cgroup that a process runs in and that uses nothing has no accounting of memory. */
	const int64_t usage =
		f->snapshot.cgroup.at ? (int64_t)snapshot_usage(&f->snapshot.cgroup) : 0;
	char why[512], clean[WORKLOAD_NAME_MAX];

	text_escape(clean, sizeof(clean), f->workload);
	json_put_text(o, "workload", clean);
	json_object_object_add(o, "kubernetes", kube_identity_json(&f->name, &f->pod));
	json_object_object_add(o, "limit_bytes",
			       limit == BYTES_UNLIMITED ? NULL :
							  json_object_new_int64((int64_t)limit));
	json_object_object_add(o, "usage_bytes", usage ? json_object_new_int64(usage) : NULL);
	text_escape(clean, sizeof(clean), f->origin);
	json_object_object_add(o, "limit_origin",
			       f->origin[0] ? json_object_new_string(clean) : NULL);
	json_object_object_add(o, "tier", f->tier[0] ? json_object_new_string(f->tier) : NULL);
	json_put_text(o, "verdict", f->verdict);
	if (!ok || !f->reply->rows[0].proved) {
		json_object_object_add(o, "pid", json_object_new_int(f->reply->info.stat.id.pid));
		look_refusal(f->reply, f->result, why, sizeof(why));
		json_put_text(o, "error", why);
	}
	return o;
}

static void found_row(struct grid *g, const struct found *f)
{
	const struct go_sample *s = &f->reply->rows[0].sample;
	const char *base = strrchr(f->reply->info.exe, '/');
	char bytes[TEXT_BYTES_MAX], why[512];

	grid_add(g, "%d", f->reply->info.stat.id.pid);
	grid_add(g, "%s", base ? base + 1 : f->reply->info.exe);
	if (f->pod.pod[0])
		grid_add(g, "%s/%s/%s", f->pod.space, f->pod.pod, f->pod.container);
	else
		grid_add(g, "%.40s", f->workload);
	grid_add(g, "%s", text_bytes(bytes, f->snapshot.cgroup.limit));
	if (f->result != INSPECT_OK) {
		for (int i = 0; i < 6; i++)
			grid_add(g, "-");
		look_refusal(f->reply, f->result, why, sizeof(why));
		grid_add(g, "%.150s", why);
		return;
	}
	grid_add(g, "%s", f->reply->runtime.info.version);
	grid_add(g, "%s", text_bytes(bytes, f->reply->rows[0].rss_bytes));
	grid_add(g, "%s", text_bytes(bytes, s->heap_marked_bytes));
	grid_add(g, "%s", text_bytes(bytes, heap_goal(s, f->reply->runtime.minor)));
	grid_add(g, s->gc_percent < 0 ? "off" : "%d", s->gc_percent);
	grid_add(g, "%s",
		 text_bytes(bytes, s->memory_limit_bytes == INT64_MAX ?
					   BYTES_UNLIMITED :
					   (uint64_t)s->memory_limit_bytes));
	grid_add(g, "%s", f->verdict);
}

/* Shows one process where it is Go's; 1 where it was. */
static int scan_one(struct looker *l, const struct policy_set *set, pid_t pid, struct grid *g,
		    json_object *list)
{
	static struct inspect_reply reply;
	static struct found f;
	int r = looker_look(l, pid, &reply);

	/* Not Go, or gone: nothing to show. A process that cannot be read at all is no finding either, but counted. */
	if (r != INSPECT_OK && r != INSPECT_REFUSED && r != -ETIMEDOUT)
		return 0;
	f = (struct found){ .reply = &reply, .result = r };
	reply.info.stat.id.pid = pid;
	find_limit(&l->host, pid, &f);
	find_pod(&l->host, &f);
	fill_snapshot(&f);
	if (r == INSPECT_OK)
		judge(set, &f);
	else
		text_copy(f.verdict, sizeof(f.verdict), "observe only");
	if (list)
		json_object_array_add(list, found_json(&f));
	else
		found_row(g, &f);
	return 1;
}

/* Each process that there is; how many were Go's, or -errno. */
static int scan_each(struct looker *l, const struct policy_set *set, struct grid *g,
		     json_object *list)
{
	int fd = openat(l->host.proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int found = 0;
	uint64_t pid;

	if (!d)
		return -errno;
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (text_parse_u64(e->d_name, &pid) == 0 && pid <= INT32_MAX &&
		    pid != (uint64_t)getpid())
			found += scan_one(l, set, (pid_t)pid, g, list);
	return found;
}

static int scan_all(struct looker *l, const struct policy_set *set, bool json)
{
	static const char *const headings[] = { "PID",	"PROGRAM",    "WORKLOAD", "LIMIT",
						"GO",	"RSS",	      "LIVE",	  "GOAL",
						"GOGC", "SOFT LIMIT", "VERDICT" };
	struct grid *g = json ? NULL : grid_new(headings, ARRAY_SIZE(headings));
	json_object *list = json ? json_object_new_array() : NULL, *answer;
	const int found = scan_each(l, set, g, list);

	if (!json) {
		grid_print(g);
		if (found <= 0)
			printf("No Go program runs here%s.\n",
			       geteuid() ? " that this user may read; root sees them all" : "");
		return EXIT_DONE;
	}
	answer = json_object_new_object();
	json_object_object_add(answer, "schema", json_object_new_int(1));
	json_object_object_add(answer, "processes", list);
	print_json(answer);
	json_object_put(answer);
	return EXIT_DONE;
}

/* The installed policies; before the installation, those beside the sources. */
static struct policy_set *load_policies(void)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	struct policy_set *set = NULL;
	char *shipped[] = { (char[]){ SHIPPED_POLICIES } };

	if (policy_load_host("", &report, &set) < 0)
		return NULL;
	if (set->n_tiers == 0 && access(SHIPPED_POLICIES, R_OK) == 0) {
		set = policy_set_free(set);
		(void)policy_load(shipped, 1, &report, &set);
	}
	return set;
}

struct scanner {
	struct looker looker;
	struct policy_set *set;
};

int scanner_new(struct scanner **ret)
{
	struct scanner *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	if (looker_open(&s->looker) != EXIT_DONE) {
		free(s);
		return -EIO;
	}
	s->set = load_policies();
	*ret = s;
	return 0;
}

int scanner_scan(struct scanner *s, json_object **ret)
{
	json_object *list = json_object_new_array();
	const int r = scan_each(&s->looker, s->set, NULL, list);

	if (r < 0) {
		json_object_put(list);
		return r;
	}
	*ret = list;
	return 0;
}

struct scanner *scanner_free(struct scanner *s)
{
	if (!s)
		return NULL;
	looker_close(&s->looker);
	policy_set_free(s->set);
	free(s);
	return NULL;
}

int verb_scan(const struct options *o)
{
	_cleanup_(policy_set_freep) struct policy_set *set = load_policies();
	struct looker l;
	int r = looker_open(&l);

	if (r != EXIT_DONE)
		return r;
	do {
		if (o->watch && !o->json)
			printf("\033[H\033[2J");
		r = scan_all(&l, set, o->json);
	} while (r == EXIT_DONE && o->watch && poll(NULL, 0, (int)(o->interval / USEC_MSEC)) == 0);
	looker_close(&l);
	return r;
}
