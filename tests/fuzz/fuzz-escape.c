/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "escape/ci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct escape_rules no_rules;

struct seen {
	struct escape_baseline *baseline, *none;
	struct escape_findings found;
	uint64_t sites, hash;
};

/* What the contract promises of every site, whatever the bytes were. */
static int check_site(void *userdata, const struct escape_site *site)
{
	struct seen *seen = userdata;
	char buf[BASELINE_FUNCTION_MAX];
	const struct escape_key key = escape_key_of(site, buf);

	if (site->kind >= ESCAPE_MAX_ || site->class >= CLASS_MAX_)
		abort();
	if (site->cause > site->path.n_steps || site->path.n_links > ESCAPE_LINKS_MAX)
		abort();
	if ((site->class == CLASS_LEAK) == escape_kind_allocates(site->kind))
		abort();
	for (size_t i = 0; i < site->path.n_links; i++)
		if (site->path.links[i].first + site->path.links[i].n > site->path.n_steps)
			abort();
	seen->sites++;
	seen->hash = seen->hash * 31 + strlen(site->text) + site->line + (uint64_t)site->class;
	if (escape_baseline_add(seen->baseline, &key, 1) < 0)
		abort();
	return escape_gate_take(seen->none, &no_rules, site, &seen->found);
}

/* The sites, pushed in pieces of @piece bytes. */
static void read_in_pieces(const uint8_t *data, size_t size, size_t piece, struct seen *seen)
{
	_cleanup_(escape_report_freep) struct escape_report *r = NULL;
	const struct escape_sites_stats *stats;
	uint64_t told = 0;

	if (escape_report_new(check_site, seen, &r) < 0)
		abort();
	for (size_t at = 0; at < size; at += piece)
		if (escape_report_push(r, data + at, MIN(piece, size - at)) < 0)
			abort();
	if (escape_report_end(r) < 0 || escape_report_stats(r)->bytes != size)
		abort();
	stats = escape_report_sites(r);
	for (size_t i = 0; i < ESCAPE_MAX_; i++)
		told += stats->sites[i];
	if (told != seen->sites)
		abort();
}

static void check_outputs(const struct seen *seen)
{
	_cleanup_(freep) char *text = NULL;
	struct escape_baseline *again = NULL;
	const char *why;
	uint64_t line;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f || escape_write_sarif(f, &seen->found, "/src") < 0 ||
	    escape_write_junit(f, &seen->found, "/src") < 0 || fclose(f))
		abort();
	free(TAKE_PTR(text));
	f = open_memstream(&text, &len);
	if (!f || escape_baseline_write(seen->baseline, f) < 0 || fclose(f))
		abort();
	/* Whatever names are in it, it can be read again. */
	if (escape_baseline_read(span_of(text, len), &again, &line, &why) != 0)
		abort();
	escape_baseline_free(again);
}

static void seen_start(struct seen *seen)
{
	*seen = (struct seen){ 0 };
	if (escape_baseline_new(&seen->baseline) < 0 || escape_baseline_new(&seen->none) < 0)
		abort();
}

static void seen_done(struct seen *seen)
{
	escape_baseline_free(seen->baseline);
	escape_baseline_free(seen->none);
	escape_findings_done(&seen->found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct escape_baseline *b = NULL;
	struct seen whole, pieces;
	const char *why = NULL;
	uint64_t line;

	seen_start(&whole);
	seen_start(&pieces);
	read_in_pieces(data, size, size ? size : 1, &whole);
	read_in_pieces(data, size, 3, &pieces);
	if (whole.sites != pieces.sites || whole.hash != pieces.hash)
		abort();
	check_outputs(&whole);
	seen_done(&whole);
	seen_done(&pieces);
	if (escape_baseline_read(span_of(data, size), &b, &line, &why) == 0)
		escape_baseline_free(b);
	else if (!why || !line)
		abort();
	return 0;
}
