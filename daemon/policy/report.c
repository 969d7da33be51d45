/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "policy/ini.h"

void ini_report_done(struct ini_report *report)
{
	free(report->text);
	*report = (struct ini_report){ 0 };
}

void ini_copy_file(char *buf, size_t size, const char *file)
{
	size_t len = strlen(file);

	if (len < size)
		memcpy(buf, file, len + 1);
	else
		snprintf(buf, size, "...%s", file + len - (size - sizeof("...")));
}

/* Puts @line behind the lines that are kept. Without memory the counts still stand, and with them the verdict. */
static void report_put(struct ini_report *report, const char *line)
{
	size_t n = strlen(line);
	char *grown = realloc(report->text, report->kept + n + 2);

	if (!grown)
		return;
	memcpy(grown + report->kept, line, n);
	grown[report->kept + n] = '\n';
	grown[report->kept + n + 1] = '\0';
	report->text = grown;
	report->len = report->kept + n + 1;
}

void ini_report_add(struct ini_report *report, const char *file, uint32_t line, bool error,
		    const char *format, ...)
{
	char what[640], place[256], raw[sizeof(what) + sizeof(place) + 16], escaped[sizeof(raw)];
	unsigned int dropped;
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	ini_copy_file(place, sizeof(place), file);
	if (line)
		snprintf(raw, sizeof(raw), "%s:%u: %s", place, line, what);
	else
		snprintf(raw, sizeof(raw), "%s: %s", place, what);
	text_escape(escaped, sizeof(escaped), raw);
	if (error)
		report->errors++;
	else
		report->warnings++;
	/* Warnings get half, so that they cannot push out the error that a person looks for. */
	if (report->lines < INI_REPORT_LINES_MAX &&
	    (error || report->warnings <= INI_REPORT_LINES_MAX / 2)) {
		report_put(report, escaped);
		report->lines++;
		report->kept = report->len;
	}
	dropped = report->errors + report->warnings - report->lines;
	if (dropped) {
		snprintf(raw, sizeof(raw), "(%u more not shown)", dropped);
		report_put(report, raw);
	}
}

/* Levenshtein's distance; names are at most INI_NAME_BYTES_MAX, what is longer is compared by its head. */
static unsigned int word_distance(const char *a, const char *b)
{
	unsigned int row[INI_NAME_BYTES_MAX + 1];
	size_t n = strnlen(b, INI_NAME_BYTES_MAX);

	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i + 1;
		for (size_t j = 1; j <= n; j++) {
			unsigned int change = diagonal + (a[i] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

static const char *join(char *buf, size_t size, const char *const *words, size_t n)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? ", " : "", words[i]);
	return buf;
}

void ini_report_unknown(struct ini_report *report, const struct ini_entry *entry,
			const char *const *names, size_t n)
{
	const char *nearest = NULL;
	unsigned int best = UINT16_MAX;
	char known[256];

	for (size_t i = 0; i < n; i++) {
		unsigned int d = word_distance(entry->key, names[i]);

		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}
	if (2 * best <= strlen(entry->key))
		ini_report_add(report, entry->file, entry->line, false,
			       "unknown key '%s' in [%s], ignoring; the nearest known one is '%s'",
			       entry->key, entry->section, nearest);
	else
		ini_report_add(report, entry->file, entry->line, false,
			       "unknown key '%s' in [%s], ignoring; known ones are %s", entry->key,
			       entry->section, join(known, sizeof(known), names, n));
}

void ini_report_unreadable(struct ini_report *report, const char *file, int error)
{
	switch (error) {
	case -EXDEV:
	case -ELOOP:
		ini_report_add(report, file, 0, true,
			       "is a link that leaves its directory; put the file itself there");
		break;
	case -ENOTSUP:
		ini_report_add(report, file, 0, true, "is not a regular file; remove it");
		break;
	case -EFBIG:
		ini_report_add(report, file, 0, true,
			       "has more than %d bytes; split it over several files",
			       INI_FILE_BYTES_MAX);
		break;
	default:
		ini_report_add(report, file, 0, true, "cannot be read: %s", strerror(-error));
	}
}
