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

static const char *const fields[] = {
	"MESSAGE",	 "MESSAGE_ID",	   "GOMEMD_WORKLOAD",	 "GOMEMD_CGROUP",
	"GOMEMD_PID",	 "GOMEMD_LEVER",   "GOMEMD_OLD",	 "GOMEMD_NEW",
	"GOMEMD_REASON", "GOMEMD_OUTCOME", "GOMEMD_POLICY_FILE", "GOMEMD_POLICY_LINE",
	"GOMEMD_TIER",	 "GOMEMD_ALERT",   "GOMEMD_DECISION_ID", "GOMEMD_RECOMMENDED_LIMIT",
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
	json_object_object_add(o, "time", json_object_new_string(when));
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

static void journal_closep(sd_journal **j)
{
	sd_journal_close(*j);
}

int verb_audit(const struct options *o)
{
	_cleanup_(journal_closep) sd_journal *j = NULL;
	int r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
	char value[512];

	if (r >= 0)
		r = sd_journal_add_match(j, "SYSLOG_IDENTIFIER=gomemd", 0);
	/* Anybody may log under that name; only root's records are the daemon's. */
	if (r >= 0)
		r = sd_journal_add_match(j, "_UID=0", 0);
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
		if (o->operand &&
		    (!get_field(j, "GOMEMD_WORKLOAD", value, sizeof(value)) ||
		     strcmp(value, o->operand)) &&
		    (!get_field(j, "GOMEMD_CGROUP", value, sizeof(value)) ||
		     strcmp(value, o->operand)))
			continue;
		print_record(j, o->json);
	}
	return EXIT_DONE;
}
