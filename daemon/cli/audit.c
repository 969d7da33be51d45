/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/cli.h"
#include "wire/json.h"

static const char *const fields[] = {
	"MESSAGE",
	"MESSAGE_ID",
	"GOMEMD_WORKLOAD",
	"GOMEMD_CGROUP",
	"GOMEMD_NAMESPACE",
	"GOMEMD_POD",
	"GOMEMD_CONTAINER",
	"GOMEMD_POD_UID",
	"GOMEMD_CONTAINER_ID",
	"GOMEMD_QOS",
	"GOMEMD_PID",
	"GOMEMD_LEVER",
	"GOMEMD_OLD",
	"GOMEMD_NEW",
	"GOMEMD_REASON",
	"GOMEMD_OUTCOME",
	"GOMEMD_POLICY_FILE",
	"GOMEMD_POLICY_LINE",
	"GOMEMD_TIER",
	"GOMEMD_ALERT",
	"GOMEMD_DECISION_ID",
	"GOMEMD_RECOMMENDED_LIMIT",
	"GOMEMD_UNIT",
	"GOMEMD_ENVIRONMENT",
	"GOMEMD_RESTART",
	"GOMEMD_LIVE",
	"GOMEMD_LIVE_AT_START",
};

static bool get_field(sd_journal *j, const char *name, char *buf, size_t size)
{
	const void *data;
	size_t len, skip = strlen(name) + 1;

	if (sd_journal_get_data(j, name, &data, &len) < 0 || len < skip)
		return false;
	snprintf(buf, size, "%.*s", (int)(len - skip), (const char *)data + skip);
	return true;
}

static void print_record(sd_journal *j, bool json)
{
	char value[2048], clean[4096], when[TEXT_TIME_MAX];
	uint64_t wall = 0;
	json_object *o;

	sd_journal_get_realtime_usec(j, &wall);
	text_time_ns(when, wall * 1000);
	if (!json) {
		if (get_field(j, "MESSAGE", value, sizeof(value))) {
			text_escape(clean, sizeof(clean), value);
			printf("%s %s\n", when, clean);
		}
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "schema", json_object_new_int(1));
	json_put_text(o, "time", when);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (get_field(j, fields[i], value, sizeof(value)))
			json_object_object_add(o, fields[i], json_object_new_string(value));
	if (get_field(j, "GOMEMD_EVIDENCE", value, sizeof(value)))
		json_object_object_add(o, "GOMEMD_EVIDENCE", json_tokener_parse(value));
	print_json(o);
	json_object_put(o);
}

/* A duration back from now. */
static int seek(sd_journal *j, const char *since)
{
	usec_t back;

	if (!since)
		return sd_journal_seek_head(j);
	if (text_parse_duration(since, &back) < 0)
		return -EINVAL;
	return sd_journal_seek_realtime_usec(j, sub_sat(clock_wall(), back));
}

static bool has(sd_journal *j, const char *name, const char *wanted)
{
	char value[512];

	return get_field(j, name, value, sizeof(value)) && !strcmp(value, wanted);
}

/* A workload by its name or cgroup, or NAMESPACE/POD with all its containers, also of those that have ended. */
static bool is_about(sd_journal *j, const char *name)
{
	const char *slash = strchr(name, '/');
	char space[64];

	if (has(j, "GOMEMD_WORKLOAD", name) || has(j, "GOMEMD_CGROUP", name))
		return true;
	if (!slash || (size_t)(slash - name) >= sizeof(space))
		return false;
	snprintf(space, sizeof(space), "%.*s", (int)(slash - name), name);
	return has(j, "GOMEMD_NAMESPACE", space) && has(j, "GOMEMD_POD", slash + 1);
}

static void journal_closep(sd_journal **j)
{
	sd_journal_close(*j);
}

static int open_journal(sd_journal **ret)
{
	int r = sd_journal_open(ret, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);

	if (r >= 0)
		r = sd_journal_add_match(*ret, "SYSLOG_IDENTIFIER=gomemd", 0);
	/* Anybody may log under that name; only root's records are the daemon's. */
	if (r >= 0)
		r = sd_journal_add_match(*ret, "_UID=0", 0);
	return r;
}

static json_object *record_text(sd_journal *j)
{
	char value[1024], clean[2048], when[TEXT_TIME_MAX];
	uint64_t wall = 0;

	if (!get_field(j, "MESSAGE", value, sizeof(value)))
		return NULL;
	sd_journal_get_realtime_usec(j, &wall);
	text_time_ns(when, wall * 1000);
	/* "2026-01-02T03:04:05": what is behind the seconds tells a person nothing. */
	when[19] = '\0';
	snprintf(clean, sizeof(clean), "%s ", when + 11);
	text_escape(clean + strlen(clean), sizeof(clean) - strlen(clean), value);
	return json_object_new_string(clean);
}

json_object *audit_last(const char *workload, const char *cgroup, size_t n)
{
	_cleanup_(journal_closep) sd_journal *j = NULL;
	json_object *list;
	char match[640];
	int r = open_journal(&j);

	snprintf(match, sizeof(match), "GOMEMD_WORKLOAD=%s", workload);
	if (r >= 0)
		r = sd_journal_add_match(j, match, 0);
	snprintf(match, sizeof(match), "GOMEMD_CGROUP=%s", cgroup);
	if (r >= 0)
		r = sd_journal_add_match(j, match, 0);
	if (r >= 0)
		r = sd_journal_seek_tail(j);
	if (r < 0 || sd_journal_previous_skip(j, n) <= 0)
		return NULL;
	list = json_object_new_array();
	do
		json_object_array_add(list, record_text(j));
	while (sd_journal_next(j) > 0 && json_object_array_length(list) < n);
	return list;
}

int verb_audit(const struct options *o)
{
	_cleanup_(journal_closep) sd_journal *j = NULL;
	int r = open_journal(&j);
	char value[512];

	if (r < 0) {
		fprintf(stderr, "gomemctl: cannot read the journal: %s\n", strerror(-r));
		return EXIT_REFUSED;
	}
	r = seek(j, o->since);
	if (r == -EINVAL) {
		fprintf(stderr,
			"gomemctl: --since wants a duration back from now, as 10min or 2h\n");
		return EXIT_UNUSABLE;
	}
	while (sd_journal_next(j) > 0) {
		if (!get_field(j, "MESSAGE_ID", value, sizeof(value)))
			continue;
		if (o->operand && !is_about(j, o->operand))
			continue;
		print_record(j, o->json);
	}
	return EXIT_DONE;
}
