/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "decide/fit.h"
#include "decide/simulate.h"
#include "decide/trace.h"
#include "fixture/plant_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct trace_look look, again;
	struct history history;
	struct decision decision;
	struct fit fit;
	struct simulation simulation;
} * s;

/* What was read can be written and read again, and decided on: no figure of a trace leads astray. */
static void use_look(const struct policy_rules *rules)
{
	static const struct decide_settings settings = { .interval = 5 * USEC_SEC };
	json_object *o = trace_look_json(&s->look);
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);

	if (strlen(text) <= TRACE_LINE_MAX && trace_look_parse(text, strlen(text), &s->again) < 0)
		abort();
	json_object_put(o);
	history_observe(&s->history, &s->look.snapshot);
	decide(&settings, rules, &s->look.snapshot, &s->history, s->look.now, &s->decision);
	fit_add(&s->fit, &s->look.snapshot);
}

/* Not for long: what a trace says of time and rates may take any. */
static void use_fit(const struct policy_rules *rules)
{
	static const struct decide_settings settings = { .interval = 5 * USEC_SEC };
	static const struct rhythm rhythm = { .min = 50 * USEC_MSEC, .max = 10 * USEC_SEC };
	struct plant_setup setup;
	usec_t duration;

	if (!fit_setup(&s->fit, &setup, &duration))
		return;
	simulation_start(&s->simulation, &setup, rules, &settings, &rhythm);
	while (simulation_look(&s->simulation, MIN(duration, 2 * USEC_SEC), NULL, NULL))
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_rules rules;
	struct trace_head head;
	const char *line = (const char *)data, *end;

	if (!s)
		s = malloc(sizeof(*s));
	if (!s)
		return 0;
	memset(s, 0, sizeof(*s));
	plant_rules(&rules);
	for (size_t left = size; left; left -= (size_t)(end - line), line = end) {
		const char *newline = memchr(line, '\n', left);
		const size_t len = newline ? (size_t)(newline - line) : left;

		end = line + len + (newline != NULL);
		(void)trace_head_parse(line, len, &head);
		if (trace_look_parse(line, len, &s->look) == 0)
			use_look(&rules);
	}
	use_fit(&rules);
	return 0;
}
