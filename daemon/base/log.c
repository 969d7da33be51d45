/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"

static int max_level = LOG_INFO;

void log_set_max_level(int priority)
{
	max_level = priority;
}

void log_line(int priority, const char *format, ...)
{
	char raw[1024], clean[4096];
	va_list ap;

	if (priority > max_level)
		return;
	va_start(ap, format);
	vsnprintf(raw, sizeof(raw), format, ap);
	va_end(ap);
	text_escape(clean, sizeof(clean), raw);
	/* The journal sets JOURNAL_STREAM for whoever's stderr it reads (systemd.exec(5)). */
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", priority, clean);
	else
		fprintf(stderr, "gomemd: %s\n", clean);
}
