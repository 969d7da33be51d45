/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "policy/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint32_t line, section_line;
};

/* What the contract promises of every entry, whatever the bytes were. */
static void check_entry(void *userdata, const struct ini_entry *e, struct ini_report *report)
{
	struct seen *seen = userdata;

	(void)report;
	if (e->line <= seen->line || e->section_line > e->line || !e->section_line)
		abort();
	if (!*e->section || strlen(e->section) > INI_NAME_BYTES_MAX)
		abort();
	if (!e->key != !e->value || (!e->key && e->line != e->section_line))
		abort();
	if (e->key && (e->section_line != seen->section_line || !*e->key ||
		       strlen(e->key) > INI_NAME_BYTES_MAX ||
		       strlen(e->key) + strlen(e->value) >= INI_LINE_BYTES_MAX))
		abort();
	seen->line = e->line;
	seen->section_line = e->section_line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	struct seen seen = { 0 };

	if (ini_read_text("fuzz.ini", (const char *)data, size, check_entry, &seen, &report) < 0)
		abort();
	if (!report.text != !(report.errors + report.warnings) ||
	    report.lines > INI_REPORT_LINES_MAX)
		abort();
	if (report.text && strlen(report.text) != report.len)
		abort();
	return 0;
}
