/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/lazy.h"
#include "base/text.h"
#include "base/util.h"
#include "policy/check.h"
#include "policy/keys.h"
#include "policy/load.h"

/* "NAME.emergency" must fit inih's 49 bytes. */
enum { TIER_NAME_MAX = 39 };

static const char *const directories[] = {
	"/etc/gomemd/policies.d",
	"/run/gomemd/policies.d",
	"/usr/lib/gomemd/policies.d",
};

struct loader {
	struct policy_set *set;
	struct ini_report *report;
	enum policy_section section;
	size_t tier, scope, share; /* which one the section is about */
	enum policy_state state;
	int error; /* -ENOMEM */
};

/* A tier has room for many patterns and has few; the daemon keeps the set for ever, and its helpers begin as copies of it. */
#define TIERS_BYTES (POLICY_TIERS_MAX * sizeof(struct policy_tier))

struct policy_set *policy_set_free(struct policy_set *set)
{
	if (!set)
		return NULL;
	lazy_free(set->tiers, TIERS_BYTES);
	free(set->scopes);
	free(set->shares);
	free(set);
	return NULL;
}

static bool is_name(const char *name)
{
	size_t n = 0;

	for (; name[n]; n++)
		if (!isalnum((unsigned char)name[n]) && name[n] != '_' && name[n] != '-')
			return false;
	return n > 0 && n <= TIER_NAME_MAX;
}

/* Of zeroes: what is not set is not touched, which is most of it. */
static void init_tier(struct policy_tier *tier, const char *name)
{
	tier->limit_to = BYTES_UNLIMITED;
	text_copy(tier->rules.tier, sizeof(tier->rules.tier), name);
	tier->rules.mode = MODE_UNSET;
	tier->rules.idle = POLICY_IDLE_DEFAULT;
	tier->rules.balance = true;
	for (size_t i = 0; i < LEVER_MAX_; i++)
		tier->rules.ownership[i] = OWNERSHIP_TIGHTEN;
	for (size_t i = 0; i < STATE_MAX_; i++) {
		tier->rules.state[i].gogc = POLICY_UNSET;
		tier->rules.state[i].madvdontneed = POLICY_UNSET;
	}
}

/* Room for one more of @size behind the @n of @array, which is *ret's from now on. -ENOSPC at the cap. */
static int grow(void *array, size_t n, size_t max, size_t size, void **ret)
{
	void *grown;

	if (n == max)
		return -ENOSPC;
	grown = reallocarray(array, n + 1, size);
	if (!grown)
		return -ENOMEM;
	*ret = grown;
	return 0;
}

/* Index of the tier, new where the name is. -ENOSPC at the cap. */
static int get_tier(struct loader *l, const char *name)
{
	struct policy_set *set = l->set;

	for (size_t i = 0; i < set->n_tiers; i++)
		if (!strcmp(set->tiers[i].rules.tier, name)) {
			l->tier = i;
			return 0;
		}
	if (set->n_tiers == POLICY_TIERS_MAX)
		return -ENOSPC;
	if (!set->tiers)
		set->tiers = lazy_new(TIERS_BYTES);
	if (!set->tiers)
		return -ENOMEM;
	l->tier = set->n_tiers++;
	init_tier(&set->tiers[l->tier], name);
	return 0;
}

static int begin_tier(struct loader *l, const char *name, const struct ini_entry *entry)
{
	struct policy_rules *rules;
	int r = get_tier(l, name);

	if (r < 0)
		return r;
	rules = &l->set->tiers[l->tier].rules;
	if (!rules->line) {
		ini_copy_file(rules->file, sizeof(rules->file), entry->file);
		rules->line = entry->line;
	}
	l->section = POLICY_SECTION_TIER;
	return 0;
}

/* The tier may stand further down, or in a later file: check_tier sees what never came. */
static int begin_state(struct loader *l, const char *name, const struct ini_entry *entry)
{
	struct policy_action *action;
	int r = get_tier(l, name);

	if (r < 0)
		return r;
	action = &l->set->tiers[l->tier].rules.state[l->state];
	ini_copy_file(action->file, sizeof(action->file), entry->file);
	action->line = entry->line;
	l->section = POLICY_SECTION_STATE;
	return 0;
}

static int begin_scope(struct loader *l, const char *name, const struct ini_entry *entry)
{
	struct policy_set *set = l->set;
	struct policy_scope *scope;
	void *grown;
	int r;

	l->section = POLICY_SECTION_SCOPE;
	for (l->scope = 0; l->scope < set->n_scopes; l->scope++)
		if (!strcmp(set->scopes[l->scope].name, name))
			return 0;
	l->section = POLICY_SECTION_NONE;
	r = grow(set->scopes, set->n_scopes, POLICY_SCOPES_MAX, sizeof(*set->scopes), &grown);
	if (r < 0)
		return r;
	set->scopes = grown;
	scope = &set->scopes[set->n_scopes++];
	*scope = (struct policy_scope){ .mode = MODE_UNSET, .line = entry->line };
	text_copy(scope->name, sizeof(scope->name), name);
	ini_copy_file(scope->file, sizeof(scope->file), entry->file);
	l->section = POLICY_SECTION_SCOPE;
	return 0;
}

static int begin_share(struct loader *l, const char *name, const struct ini_entry *entry)
{
	struct policy_set *set = l->set;
	struct policy_share *share;
	void *grown;
	int r;

	l->section = POLICY_SECTION_SHARE;
	for (l->share = 0; l->share < set->n_shares; l->share++)
		if (!strcmp(set->shares[l->share].name, name))
			return 0;
	l->section = POLICY_SECTION_NONE;
	r = grow(set->shares, set->n_shares, POLICY_SHARES_MAX, sizeof(*set->shares), &grown);
	if (r < 0)
		return r;
	set->shares = grown;
	share = &set->shares[set->n_shares++];
	*share = (struct policy_share){ .line = entry->line };
	text_copy(share->name, sizeof(share->name), name);
	ini_copy_file(share->file, sizeof(share->file), entry->file);
	l->section = POLICY_SECTION_SHARE;
	return 0;
}

/* What is wrong with the section's name, in @ret; NULL for a name that is right. */
static const char *split_section(struct loader *l, const char *section,
				 enum policy_section *ret_kind, char name[INI_NAME_BYTES_MAX + 1])
{
	static const struct {
		const char *word;
		enum policy_section kind;
	} named[] = {
		{ "tier ", POLICY_SECTION_TIER },
		{ "scope ", POLICY_SECTION_SCOPE },
		{ "namespace-share ", POLICY_SECTION_SHARE },
	};
	const char *dot = strrchr(section, '.');

	*ret_kind = POLICY_SECTION_NONE;
	text_copy(name, INI_NAME_BYTES_MAX + 1, section);
	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		const size_t len = strlen(named[i].word);

		if (!strncmp(section, named[i].word, len)) {
			*ret_kind = named[i].kind;
			text_copy(name, INI_NAME_BYTES_MAX + 1, section + len);
		}
	}
	if (*ret_kind == POLICY_SECTION_NONE && dot) {
		*ret_kind = POLICY_SECTION_STATE;
		name[dot - section] = '\0';
		if (policy_state_parse(dot + 1, &l->state) < 0)
			return "no such state; write calm, pressed, emergency, tight or hot behind "
			       "the dot";
	} else if (*ret_kind == POLICY_SECTION_NONE) {
		return "no such section; write [tier NAME], [scope NAME], [namespace-share NAME] "
		       "or [TIER.STATE]";
	}
	if (!is_name(name))
		return "not a name; at most 39 letters, digits, '_' and '-'";
	return NULL;
}

static void begin_section(struct loader *l, const struct ini_entry *entry,
			  struct ini_report *report)
{
	static int (*const begin[])(struct loader *, const char *, const struct ini_entry *) = {
		[POLICY_SECTION_TIER] = begin_tier,
		[POLICY_SECTION_SCOPE] = begin_scope,
		[POLICY_SECTION_STATE] = begin_state,
		[POLICY_SECTION_SHARE] = begin_share,
	};
	char name[INI_NAME_BYTES_MAX + 1];
	enum policy_section kind;
	const char *wrong;
	int r;

	l->section = POLICY_SECTION_NONE;
	wrong = split_section(l, entry->section, &kind, name);
	if (wrong) {
		ini_report_add(report, entry->file, entry->line, true, "[%s]: %s", entry->section,
			       wrong);
		return;
	}
	r = begin[kind](l, name, entry);
	if (r == -ENOSPC)
		ini_report_add(report, entry->file, entry->line, true,
			       "[%s]: more than %d tiers, scopes or shares; merge some",
			       entry->section, POLICY_TIERS_MAX);
	else if (r < 0)
		l->error = r;
}

static void *section_base(const struct loader *l)
{
	if (l->section == POLICY_SECTION_TIER)
		return &l->set->tiers[l->tier];
	if (l->section == POLICY_SECTION_SCOPE)
		return &l->set->scopes[l->scope];
	if (l->section == POLICY_SECTION_SHARE)
		return &l->set->shares[l->share];
	return &l->set->tiers[l->tier].rules.state[l->state];
}

static void take_entry(void *userdata, const struct ini_entry *entry, struct ini_report *report)
{
	struct loader *l = userdata;

	if (l->error < 0)
		return;
	if (!entry->key)
		begin_section(l, entry, report);
	else if (l->section != POLICY_SECTION_NONE)
		policy_key_set(l->section, l->state, section_base(l), entry, report);
}

static void loader_done(struct loader *l)
{
	policy_set_free(l->set);
}

static int loader_init(struct loader *l, struct ini_report *report)
{
	*l = (struct loader){ .report = report, .set = calloc(1, sizeof(*l->set)) };
	return l->set ? 0 : -ENOMEM;
}

static int loader_finish(struct loader *l, struct policy_set **ret)
{
	policy_check(l->set, l->report);
	if (l->report->errors)
		return -EINVAL;
	*ret = TAKE_PTR(l->set);
	return 0;
}

/* Every file is read, whatever the one before was like: one run tells all that is wrong. */
static int read_one(struct loader *l, const char *file)
{
	int r = ini_read_file(file, take_entry, l, l->report);

	if (r == -ENOMEM || l->error < 0)
		return -ENOMEM;
	if (r < 0)
		ini_report_unreadable(l->report, file, r);
	return 0;
}

int policy_load(char *const *files, int n, struct ini_report *report, struct policy_set **ret)
{
	_cleanup_(loader_done) struct loader l = { 0 };
	int r = loader_init(&l, report);

	for (int i = 0; r == 0 && i < n; i++)
		r = read_one(&l, files[i]);
	return r < 0 ? r : loader_finish(&l, ret);
}

const char *policy_directory(size_t i)
{
	return i < ARRAY_SIZE(directories) ? directories[i] : NULL;
}

int policy_load_host(const char *root, struct ini_report *report, struct policy_set **ret)
{
	char **files = NULL;
	int n = ini_list_dropins(root, directories, ARRAY_SIZE(directories), &files), r;

	if (n < 0) {
		ini_report_add(report, directories[0], 0, true,
			       "and its like in /run and /usr/lib cannot be listed: %s",
			       n == -E2BIG ? "more than 256 files; merge some" : strerror(-n));
		return n;
	}
	r = policy_load(files, n, report, ret);
	ini_free_list(files, n);
	return r;
}

int policy_load_text(const char *file, const char *text, size_t len, struct ini_report *report,
		     struct policy_set **ret)
{
	_cleanup_(loader_done) struct loader l = { 0 };
	int r = loader_init(&l, report);

	if (r == 0)
		r = ini_read_text(file, text, len, take_entry, &l, report);
	if (r == 0)
		r = l.error;
	return r < 0 ? r : loader_finish(&l, ret);
}
