/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "host/fetch_judge.h"
#include "wire/expvar.h"
#include "wire/gzip.h"
#include "wire/prom_text.h"

void fetch_judge(const void *body, size_t len, struct fetch_reply *ret)
{
	const struct span bytes = span_of(body, len);
	int r;

	ret->body_bytes = len;
	if (gzip_is(&bytes)) {
		ret->source = FETCH_FROM_PROFILE;
		ret->outcome = FETCH_OK;
		return;
	}
	ret->source = FETCH_FROM_EXPVAR;
	r = expvar_read(bytes, &ret->figures);
	if (r == -EBADMSG) {
		ret->source = FETCH_FROM_PROMETHEUS;
		r = prom_text_read(bytes, &ret->figures);
	}
	ret->outcome = r == 0 ? FETCH_OK : r == -EFBIG ? FETCH_TOO_LARGE : FETCH_NOTHING;
	if (r < 0)
		ret->source = FETCH_FROM_NOTHING;
}
