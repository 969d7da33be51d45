/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "policy/load.h"
#include "policy/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_action(const struct policy_action *action)
{
	struct policy_trigger again = action->when;
	char buf[POLICY_TRIGGER_TEXT_MAX];

	if (strlen(policy_trigger_text(buf, &again)) + 1 >= sizeof(buf))
		abort();
	if (action->gogc != POLICY_UNSET && (action->gogc < 1 || action->gogc > 10000))
		abort();
	if (action->when.set && !action->when.permille == !action->when.bytes)
		abort();
}

static void check_tier(const struct policy_tier *tier)
{
	if (!tier->rules.line || tier->limit_from >= tier->limit_to)
		abort();
	for (size_t i = 0; i < STATE_MAX_; i++)
		check_action(&tier->rules.state[i]);
	if (tier->rules.state[STATE_PRESSED].line && !tier->rules.state[STATE_PRESSED].when.set)
		abort();
}

static const char *first_of(const struct policy_patterns *patterns)
{
	return patterns->n ? patterns->pattern[0] : "x";
}

/* A workload made of the tier's own words, which are as hostile as the rest of the input. */
static void check_match(const struct policy_set *set, size_t i)
{
	const struct policy_tier *tier = &set->tiers[i];
	const struct policy_subject subject = {
		.limit_bytes = tier->unlimited ? BYTES_UNLIMITED : tier->limit_from,
		.cgroup = first_of(&tier->place.cgroup),
		.space = first_of(&tier->place.space),
		.pod = first_of(&tier->place.pod),
		.container = first_of(&tier->place.container),
		.qos = first_of(&tier->place.qos),
		.owner = first_of(&tier->owner),
		.exe = first_of(&tier->exe),
		.module = first_of(&tier->module),
	};
	enum policy_why why[POLICY_TIERS_MAX];
	int found = policy_match(set, &subject, why);

	if (found < -1 || found >= (int)set->n_tiers)
		abort();
	for (size_t j = 0; j < set->n_tiers; j++)
		if ((why[j] == WHY_MATCHED) != ((int)j == found))
			abort();
	policy_mode_of(set, found, &subject, MODE_OBSERVE, NULL);
	policy_names_exactly(set, &subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	_cleanup_(policy_set_freep) struct policy_set *set = NULL;
	int r = policy_load_text("fuzz.ini", (const char *)data, size, &report, &set);

	if ((r == 0) != (set != NULL) || (r == 0) != (report.errors == 0))
		abort();
	for (size_t i = 0; set && i < set->n_tiers; i++) {
		check_tier(&set->tiers[i]);
		if (i && set->tiers[i - 1].priority < set->tiers[i].priority)
			abort();
		check_match(set, i);
	}
	return 0;
}
