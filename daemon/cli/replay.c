/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/cli.h"
#include "decide/replay.h"

#define JOURNAL_MAX (256 * MIB)

/* "name=value" of --set. */
static int apply_set(struct replay_record *r, const char *set)
{
	const char *eq = set ? strchr(set, '=') : NULL;
	char name[64];
	uint64_t value;

	if (!set)
		return 0;
	if (!eq || text_parse_bytes(eq + 1, &value) < 0 || value > INT64_MAX)
		return -EINVAL;
	snprintf(name, sizeof(name), "%.*s", (int)(eq - set), set);
	return replay_set_input(r, name, (int64_t)value) ? 0 : -ENOENT;
}

static void say_set_error(int r)
{
	fprintf(stderr, "gomemctl: --set wants INPUT=NUMBER%s:",
		r == -ENOENT ? ", and there is no such input" : "");
	for (size_t i = 0; replay_input_name(i); i++)
		fprintf(stderr, " %s", replay_input_name(i));
	fputc('\n', stderr);
}

static void print_decision(const struct replay_record *rec, const struct decision *d, bool same,
			   bool json)
{
	json_object *o;

	if (!json) {
		printf("%s %s: %s, %s\n", rec->id, rec->workload,
		       policy_state_name((enum policy_state)d->state),
		       same ? "the same decision" : "ANOTHER decision");
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "schema", json_object_new_int(1));
	json_object_object_add(o, "decision_id", json_object_new_string(rec->id));
	json_object_object_add(o, "workload", json_object_new_string(rec->workload));
	json_object_object_add(o, "state",
			       json_object_new_string(
				       policy_state_name((enum policy_state)d->state)));
	json_object_object_add(o, "same", json_object_new_boolean(same));
	json_object_object_add(o, "alert",
			       json_object_new_string(decide_alert_name(d->alert)));
	print_json(o);
	json_object_put(o);
}

/* The journal's audit must say what the record decided: each decision id of a change is looked up in the export. */
static bool in_journal(const char *journal, const char *id)
{
	return !journal || strstr(journal, id);
}

static int open_records(const char *file)
{
	struct replay_header header;
	_cleanup_(closep) int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (read(fd, &header, sizeof(header)) != (ssize_t)sizeof(header) ||
	    memcmp(header.magic, REPLAY_MAGIC, sizeof(header.magic)) ||
	    header.version != REPLAY_VERSION ||
	    header.record_bytes != sizeof(struct replay_record))
		return -EBADMSG;
	return TAKE_FD(fd);
}

/* The file is the operator's, but a torn or edited one must not lead astray. */
static bool plausible(struct replay_record *r)
{
	r->id[sizeof(r->id) - 1] = '\0';
	r->workload[sizeof(r->workload) - 1] = '\0';
	return r->snapshot.n_procs <= SNAPSHOT_PROCS_MAX &&
	       r->history.n_procs <= SNAPSHOT_PROCS_MAX && r->history.n_nongo <= HISTORY_NONGO &&
	       r->decision.n_procs <= SNAPSHOT_PROCS_MAX;
}

int verb_replay(const struct options *o)
{
	_cleanup_(freep) struct replay_record *rec = malloc(sizeof(*rec));
	_cleanup_(freep) struct decision *d = malloc(sizeof(*d));
	_cleanup_(freep) char *journal = NULL;
	const char *file = o->operand ? o->operand : "/var/lib/gomemd/decisions";
	_cleanup_(closep) int fd = open_records(file);
	unsigned int all = 0, other = 0, missing = 0;
	int r;

	if (fd < 0 || !rec || !d) {
		fprintf(stderr, "gomemctl: %s: %s\n", file,
			fd == -EBADMSG ? "not a decision file of this version" : strerror(-fd));
		return EXIT_UNUSABLE;
	}
	if (o->journal &&
	    fd_read_alloc(AT_FDCWD, o->journal, JOURNAL_MAX, &journal, NULL) < 0) {
		fprintf(stderr, "gomemctl: cannot read the export %s\n", o->journal);
		return EXIT_UNUSABLE;
	}
	while (read(fd, rec, sizeof(*rec)) == (ssize_t)sizeof(*rec) && plausible(rec)) {
		bool same;

		r = apply_set(rec, o->set);
		if (r < 0) {
			say_set_error(r);
			return EXIT_UNUSABLE;
		}
		replay_decide(rec, d);
		same = replay_same(&rec->decision, d);
		all++;
		other += !same;
		missing += decision_has_change(&rec->decision) && !in_journal(journal, rec->id);
		print_decision(rec, d, same, o->json);
	}
	if (!o->json)
		printf("%u decisions, %u other than recorded%s\n", all, other,
		       o->journal ? "" : " (no journal was given to compare)");
	if (missing)
		fprintf(stderr, "gomemctl: %u changing decisions are not in the journal's export\n",
			missing);
	return other || missing ? EXIT_REFUSED : EXIT_DONE;
}
