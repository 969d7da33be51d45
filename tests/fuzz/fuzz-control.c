/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "wire/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct control_request *a, const struct control_request *b)
{
	return a->verb == b->verb && !strcmp(a->workload, b->workload) &&
	       a->has_gogc == b->has_gogc && a->gogc == b->gogc &&
	       a->has_memory_limit == b->has_memory_limit &&
	       a->memory_limit_bytes == b->memory_limit_bytes && a->for_usec == b->for_usec &&
	       a->force == b->force && a->dry_run == b->dry_run;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request req, again;
	_cleanup_(freep) char *text = NULL;
	const char *why = NULL;

	if (control_parse((const char *)data, size, &req, &why) < 0) {
		if (!why || !*why)
			abort();
		return 0;
	}
	if (req.verb >= CONTROL_VERB_MAX_ || strnlen(req.workload, sizeof(req.workload)) >= 512)
		abort();
	/* What was understood can be said again, on one line, and is understood the same. */
	text = control_format(&req);
	if (!text || strcspn(text, "\n") != strlen(text) - 1)
		abort();
	if (control_parse(text, strlen(text), &again, &why) < 0 || !same(&req, &again))
		abort();
	return 0;
}
