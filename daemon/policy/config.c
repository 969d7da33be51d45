/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "policy/config.h"
#include "policy/config_kind.h"

struct row {
	const char *key;
	enum config_kind kind;
	size_t offset;
	const char *default_text; /* parsed like the file's: there is no second set of defaults */
	const char *right;	  /* what would be right, for the message */
	uint64_t min, max;	  /* durations, bytes, counts */
	const char *about;
};

#define FIELD(f) offsetof(struct config, f)

static const struct row rows[] = {
	{ "mode", KIND_MODE, FIELD(mode), "recommend", "observe, recommend or enforce", 0, 0,
	  "observe: look only. recommend: decide everything, write nothing. enforce: act." },
	{ "look_min", KIND_DURATION, FIELD(look_min), "50ms", "a duration from 10ms to 10s",
	  10 * USEC_MSEC, 10 * USEC_SEC,
	  "Shortest time between two looks at a workload, when it grows fast." },
	{ "look_max", KIND_DURATION, FIELD(look_max), "10s", "a duration from 100ms to 10min",
	  100 * USEC_MSEC, 10 * USEC_MIN,
	  "Longest time between two looks at a workload, when nothing moves." },
	{ "interval", KIND_DURATION, FIELD(interval), "5s", "a duration from 100ms to 1h",
	  100 * USEC_MSEC, 60 * USEC_MIN, "Least time between two changes of one lever." },
	{ "helper_deadline", KIND_DURATION, FIELD(helper_deadline), "2s",
	  "a duration from 100ms to 1min", 100 * USEC_MSEC, USEC_MIN,
	  "A helper process that has not answered by then is killed and replaced." },
	{ "reload_interval", KIND_DURATION, FIELD(reload_interval), "5min",
	  "a duration from 1s to 1d", USEC_SEC, 24 * 60 * USEC_MIN,
	  "Least time between two reloads of the service manager, for environments at start." },
	{ "reload_on_change", KIND_BOOL, FIELD(reload_on_change), "no", "yes or no", 0, 0,
	  "Read settings and policies again when one of their files changes, as on SIGHUP." },
	{ "workloads_max", KIND_COUNT, FIELD(workloads_max), "4096", "a number from 1 to 1000000",
	  1, 1000000, "At most this many workloads; what falls out is counted." },
	{ "processes_max", KIND_COUNT, FIELD(processes_max), "8192", "a number from 1 to 1000000",
	  1, 1000000, "At most this many Go processes; what falls out is counted." },
	{ "record_bytes", KIND_BYTES, FIELD(record_bytes), "16M", "a size from 64K to 16G",
	  64 * KIB, 16 * GIB, "Size of the file of past decisions and their inputs." },
	{ "postmortem_records", KIND_COUNT, FIELD(postmortem_records), "64",
	  "a number from 0 to 1000", 0, 1000,
	  "At most this many records of kills are kept; 0: none." },
	{ "postmortem_bytes", KIND_BYTES, FIELD(postmortem_bytes), "4M", "a size from 64K to 1G",
	  64 * KIB, GIB, "Size of all records of kills." },
	{ "audit_burst", KIND_COUNT, FIELD(audit_burst), "20", "a number from 1 to 100000", 1,
	  100000, "Audit records per workload in a row, before they are counted instead." },
	{ "audit_interval", KIND_DURATION, FIELD(audit_interval), "10s",
	  "a duration from 10ms to 1h", 10 * USEC_MSEC, 60 * USEC_MIN,
	  "Time until a workload may write one more audit record after such a burst." },
	{ "process_events", KIND_EVENTS, FIELD(process_events), "yes", "yes, no, connector or bpf",
	  0, 0,
	  "Be told of exec and exit by the kernel's process connector or eBPF, instead of scans only." },
	{ "probes", KIND_BOOL, FIELD(probes), "yes", "yes or no", 0, 0,
	  "Listen to collections, pauses and memory events by eBPF, where the kernel lets it." },
	{ "metrics_listen", KIND_LISTEN, FIELD(metrics_listen), "no",
	  "no, ADDRESS:PORT as 127.0.0.1:9477 or [::1]:9477, or the path of a socket", 0, 0,
	  "Serve metrics for Prometheus here: an address and port, or the path of a unix socket." },
	{ "alert_alertmanager", KIND_URL, FIELD(alert_alertmanager), "no",
	  "no, or http://HOST:PORT or https://HOST[:PORT][/PATH] without a password", 0, 0,
	  "Send alerts to the Alertmanager here, by its API v2." },
	{ "alert_webhook", KIND_URL, FIELD(alert_webhook), "no",
	  "no, or http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH] without a password", 0, 0,
	  "Send each alert, when it fires and when it is resolved, as a JSON document here." },
	{ "alert_events", KIND_BOOL, FIELD(alert_events), "no", "yes or no", 0, 0,
	  "Write each alert of a pod as an event of Kubernetes on it." },
	{ "alert_token_file", KIND_FILE, FIELD(alert_token_file), "no",
	  "no, or the absolute path of a file", 0, 0,
	  "File with the bearer token that Alertmanager and webhook are sent." },
	{ "alert_hold", KIND_DURATION, FIELD(alert_hold), "1min", "a duration from 1s to 1h",
	  USEC_SEC, 60 * USEC_MIN,
	  "An alert that was gone for so long is sent as resolved; one that comes back before has fired all along." },
	{ "alert_repeat", KIND_DURATION, FIELD(alert_repeat), "1min", "a duration from 1s to 1h",
	  USEC_SEC, 60 * USEC_MIN, "How often an Alertmanager is told of what still fires." },
	{ "alert_queue", KIND_COUNT, FIELD(alert_queue), "256", "a number from 1 to 4096", 1, 4096,
	  "At most this many changes of alerts wait for a receiver that is away; further ones are counted." },
	{ "kube_api", KIND_SERVER, FIELD(kube_api), "off",
	  "off, in-cluster, or https://ADDRESS:PORT as https://10.96.0.1:443 (no names)", 0, 0,
	  "Ask the API server of Kubernetes for labels, annotations, owners, requests and limits." },
	{ "kube_node", KIND_NODE, FIELD(kube_node), "auto",
	  "auto, or this node's name in Kubernetes", 0, 0,
	  "This node's name in Kubernetes; auto: NODE_NAME of the environment, else the host's name." },
	{ "kube_token_file", KIND_PATH, FIELD(kube_token_file),
	  "/var/run/secrets/kubernetes.io/serviceaccount/token", "an absolute path", 0, 0,
	  "File of the token for the API server, read anew for each request." },
	{ "kube_ca_file", KIND_PATH, FIELD(kube_ca_file),
	  "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", "an absolute path", 0, 0,
	  "File of the certificates that prove the API server's, and no others do." },
	{ "log_level", KIND_LEVEL, FIELD(log_level), "info",
	  "emerg, alert, crit, err, warning, notice, info or debug", 0, 0,
	  "Messages of less weight than this are not written." },
};

/* 0, -EINVAL or -ERANGE; the field is touched only on 0. */
static int set_row(struct config *config, const struct row *row, const char *value)
{
	union {
		uint64_t number;
		int32_t name;
		bool flag;
		char text[CONFIG_TEXT_MAX];
	} v = { 0 };
	int r = config_kind_parse(row->kind, value, &v);

	if (r < 0)
		return r;
	if (row->max && (v.number < row->min || v.number > row->max))
		return -ERANGE;
	memcpy((char *)config + row->offset, &v, config_kind_size(row->kind));
	return 0;
}

void config_default(struct config *ret)
{
	*ret = (struct config){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		set_row(ret, &rows[i], rows[i].default_text);
}

struct loader {
	struct config config;
	bool section_known;
	uint32_t look_line;  /* the last of look_min and look_max */
	uint32_t alert_line; /* the last of those that say where alerts go */
};

static void report_unknown_key(const struct ini_entry *entry, struct ini_report *report)
{
	const char *names[ARRAY_SIZE(rows)];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		names[i] = rows[i].key;
	ini_report_unknown(report, entry, names, ARRAY_SIZE(names));
}

/* What is wrong with a URL may be that a secret is in it: it is not said. */
static void set_key(struct loader *l, const struct ini_entry *entry, struct ini_report *report)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r;

		if (strcmp(rows[i].key, entry->key))
			continue;
		r = set_row(&l->config, &rows[i], entry->value);
		if (r < 0)
			ini_report_add(
				report, entry->file, entry->line, true, "%s = %s is %s; write %s",
				entry->key, rows[i].kind == KIND_URL ? "..." : entry->value,
				r == -ERANGE ? "out of range" : "not understood", rows[i].right);
		if (!strncmp(entry->key, "look_", 5))
			l->look_line = entry->line;
		if (!strncmp(entry->key, "alert_", 6))
			l->alert_line = entry->line;
		return;
	}
	report_unknown_key(entry, report);
}

static void take_entry(void *userdata, const struct ini_entry *entry, struct ini_report *report)
{
	struct loader *l = userdata;

	if (entry->key) {
		if (l->section_known)
			set_key(l, entry, report);
		return;
	}
	l->section_known = !strcmp(entry->section, "daemon");
	if (!l->section_known)
		ini_report_add(report, entry->file, entry->line, false,
			       "unknown section [%s], ignoring; the only one is [daemon]",
			       entry->section);
}

/* A token is for whoever is sent it, and for nobody on the way. */
static bool is_exposed(const struct config *c, const char *text)
{
	struct url url;

	return strcmp(c->alert_token_file, CONFIG_NONE) != 0 && url_parse(text, &url) == 0 &&
	       !url.tls && !url_is_local(&url);
}

static void check_alerts(const struct loader *l, const char *file, struct ini_report *report)
{
	const struct config *c = &l->config;

	if (strchr(c->alert_alertmanager, '?'))
		ini_report_add(report, file, l->alert_line, true,
			       "alert_alertmanager has a query; write the address and the path "
			       "before /api/v2/alerts alone");
	if (is_exposed(c, c->alert_alertmanager) || is_exposed(c, c->alert_webhook))
		ini_report_add(report, file, l->alert_line, true,
			       "alert_token_file would be sent in the clear; write https:// for "
			       "receivers that are not on this host");
}

static int finish(const struct loader *l, const char *file, struct ini_report *report,
		  struct config *ret)
{
	if (l->config.look_min > l->config.look_max)
		ini_report_add(report, file, l->look_line, true,
			       "look_min is longer than look_max; write the shorter one as "
			       "look_min");
	check_alerts(l, file, report);
	if (report->errors)
		return -EINVAL;
	*ret = l->config;
	return 0;
}

int config_load_text(const char *file, const char *text, size_t len, struct ini_report *report,
		     struct config *ret)
{
	struct loader l = { 0 };
	int r;

	config_default(&l.config);
	r = ini_read_text(file, text, len, take_entry, &l, report);
	return r < 0 ? r : finish(&l, file, report, ret);
}

int config_load(const char *file, struct ini_report *report, struct config *ret)
{
	struct loader l = { 0 };
	int r;

	config_default(&l.config);
	r = ini_read_file(file, take_entry, &l, report);
	if (r == -ENOMEM)
		return r;
	if (r < 0 && r != -ENOENT)
		ini_report_unreadable(report, file, r);
	return finish(&l, file, report, ret);
}

size_t config_rows_max(void)
{
	return ARRAY_SIZE(rows);
}

void config_get_row(const struct config *config, size_t i, struct config_row *ret)
{
	const struct row *row = &rows[i];

	*ret = (struct config_row){
		.key = row->key,
		.default_text = row->default_text,
		.about = row->about,
	};
	config_kind_format(row->kind, ret->value, sizeof(ret->value),
			   (const char *)config + row->offset);
}
