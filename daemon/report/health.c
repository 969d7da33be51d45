/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "base/util.h"
#include "report/health.h"

static void become(struct health *h, bool works, usec_t now)
{
	if (!h->known || h->works != works)
		h->since = now;
	h->known = true;
	h->works = works;
}

void health_works(struct health *h, usec_t now)
{
	become(h, true, now);
	h->told = MAX(now, UINT64_C(1));
}

void health_error(struct health *h, usec_t now, const char *why)
{
	if (why)
		text_copy(h->error, sizeof(h->error), why);
	h->failed = MAX(now, UINT64_C(1));
	h->errors = add_sat(h->errors, 1);
}

void health_fails(struct health *h, usec_t now, const char *why)
{
	become(h, false, now);
	health_error(h, now, why);
}
