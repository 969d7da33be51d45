/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/cli.h"
#include "decide/replay.h"
#include "wire/json.h"

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
	json_put_text(o, "decision_id", rec->id);
	json_put_text(o, "workload", rec->workload);
	json_put_text(o, "state", policy_state_name((enum policy_state)d->state));
	json_put_bool(o, "same", same);
	json_put_text(o, "alert", decide_alert_name(d->alert));
	print_json(o);
	json_object_put(o);
}

/* One audited change of the journal's export format: lines of FIELD=value, entries parted by an empty line. */
struct entry {
	char id[48], lever[24], to[32], reason[24];
	int64_t pid;
};

static void entry_field(struct entry *e, const char *line, size_t len)
{
	static const struct {
		const char *name;
		size_t offset, size;
	} fields[] = {
		{ "GOMEMD_DECISION_ID=", offsetof(struct entry, id), sizeof(e->id) },
		{ "GOMEMD_LEVER=", offsetof(struct entry, lever), sizeof(e->lever) },
		{ "GOMEMD_NEW=", offsetof(struct entry, to), sizeof(e->to) },
		{ "GOMEMD_REASON=", offsetof(struct entry, reason), sizeof(e->reason) },
	};
	char pid[24];

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		size_t n = strlen(fields[i].name);

		if (len > n && !strncmp(line, fields[i].name, n))
			snprintf((char *)e + fields[i].offset, fields[i].size, "%.*s",
				 (int)(len - n), line + n);
	}
	if (len > 11 && !strncmp(line, "GOMEMD_PID=", 11)) {
		snprintf(pid, sizeof(pid), "%.*s", (int)(len - 11), line + 11);
		(void)text_parse_i64(pid, &e->pid);
	}
}

/* The next entry from *at on; false at the end. */
static bool next_entry(const char **at, struct entry *ret)
{
	*ret = (struct entry){ 0 };
	if (!**at)
		return false;
	while (**at && **at != '\n') {
		size_t len = strcspn(*at, "\n");

		entry_field(ret, *at, len);
		*at += len + ((*at)[len] == '\n');
	}
	*at += **at == '\n';
	return true;
}

static bool same_value(const struct lever_decision *l, const struct entry *e)
{
	int64_t to = VALUE_NONE;

	if (!strcmp(e->to, "off"))
		to = -1;
	else if (strcmp(e->to, "none"))
		(void)text_parse_i64(e->to, &to);
	/* What an order or a reload gave back was not this decision's. */
	return l->verdict == VERDICT_HOLD || to == l->to;
}

static bool entry_agrees(const struct decision *d, const struct entry *e)
{
	if (!strcmp(e->lever, policy_lever_name(LEVER_MEMORY_HIGH)))
		return same_value(&d->memory_high, e);
	for (uint32_t i = 0; i < d->n_procs; i++)
		for (enum policy_lever l = 0; l < LEVER_MEMORY_HIGH; l++)
			if (d->procs[i].key.pid == e->pid &&
			    !strcmp(e->lever, policy_lever_name(l)) &&
			    !same_value(&d->procs[i].lever[l], e))
				return false;
	return true;
}

/* Does every change that the journal has of this decision have the value that it leads to again? */
static bool journal_agrees(const char *journal, const struct replay_record *r,
			   const struct decision *d, unsigned int *ret_found)
{
	struct entry e;
	bool agrees = true;

	for (const char *at = journal; at && next_entry(&at, &e);) {
		if (!e.lever[0] || strcmp(e.id, r->id) || !strcmp(e.reason, "operator"))
			continue;
		(*ret_found)++;
		agrees &= entry_agrees(d, &e);
	}
	return agrees;
}

static int open_records(const char *file)
{
	struct replay_header header;
	_cleanup_(closep) int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (read(fd, &header, sizeof(header)) != (ssize_t)sizeof(header) ||
	    memcmp(header.magic, REPLAY_MAGIC, sizeof(header.magic)) ||
	    header.version != REPLAY_VERSION || header.record_bytes != sizeof(struct replay_record))
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
	unsigned int all = 0, other = 0, audited = 0;
	int r;

	if (fd < 0 || !rec || !d) {
		fprintf(stderr, "gomemctl: %s: %s\n", file,
			fd == -EBADMSG ? "not a decision file of this version" : strerror(-fd));
		return EXIT_UNUSABLE;
	}
	if (o->journal && fd_read_alloc(AT_FDCWD, o->journal, JOURNAL_MAX, &journal, NULL) < 0) {
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
		same = replay_same(&rec->decision, d) && journal_agrees(journal, rec, d, &audited);
		all++;
		other += !same;
		print_decision(rec, d, same, o->json);
	}
	if (!o->json)
		printf("%u decisions, %u other than recorded; %u changes of the journal compared\n",
		       all, other, audited);
	return other || (journal && !audited) ? EXIT_REFUSED : EXIT_DONE;
}
