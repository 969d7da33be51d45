/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "cli/culprits.h"
#include "cli/output.h"

static double number(json_object *o, const char *key)
{
	return json_object_get_double(json_object_object_get(o, key));
}

static bool is_true(json_object *o, const char *key)
{
	return json_object_get_boolean(json_object_object_get(o, key));
}

static bool has_text(json_object *o, const char *key)
{
	return json_object_is_type(json_object_object_get(o, key), json_type_string);
}

static bool has_figure(json_object *o, const char *key)
{
	return json_object_object_get(o, key);
}

static void print_head(json_object *process)
{
	const double span = (double)member_int(process, "span_usec", 0) / (double)USEC_SEC;
	const char *report = member_text(process, "report");

	printf("process %" PRId64 " %s %s: ", member_int(process, "pid", 0),
	       member_text(process, "exe"), member_text(process, "go_version"));
	if (!has_figure(process, "points"))
		printf("nothing of its heap, which is not sampled (heap_profile = on would), or not yet; of its goroutines:\n");
	else if (!strcmp(member_text(process, "source"), "spans"))
		printf("spans that it took in %.1f s\n", span);
	else
		printf("%" PRId64 " profiles over %" PRId64 " collections in %.1f s\n",
		       member_int(process, "points", 0), member_int(process, "cycles", 0), span);
	if (is_true(process, "ended"))
		printf("it ended, or could not be read any more, before the time was over\n");
	if (is_true(process, "guarded"))
		printf("it allocated faster than probes are allowed to be hit: they were taken away, and the rest was not heard\n");
	if (member_int(process, "lost", 0))
		printf("%" PRId64 " samples were lost\n", member_int(process, "lost", 0));
	if (!strcmp(report, "none"))
		printf("no compiler's report is filed for this build (gomemctl escape build): classes are by the runtime's functions\n");
	else if (strcmp(report, "matches") != 0)
		printf("the compiler's report that is filed for this build %s: gomemctl escape import it again\n",
		       !strcmp(report, "unusable") ? "cannot be used" : report);
}

static void print_allocated(json_object *c)
{
	char rate[24];

	if (is_true(c, "since_start"))
		printf("%.1f %% of what was allocated since the start",
		       100 * number(c, "alloc_share"));
	else if (member_int(c, "points", 0) < 2)
		printf("seen in one profile alone");
	else
		printf("allocates %s a second (%.1f %%)",
		       member_bytes(c, "alloc_bytes_per_sec", rate),
		       100 * number(c, "alloc_share"));
}

static void print_figures(json_object *c)
{
	char inuse[24], grown[24];

	printf("   ");
	if (!strcmp(member_text(c, "kind"), "goroutines")) {
		printf("%" PRId64 " goroutines with %s of stack", member_int(c, "inuse_objects", 0),
		       member_bytes(c, "inuse_bytes", inuse));
	} else if (!has_figure(c, "inuse_bytes")) {
		print_allocated(c);
	} else {
		print_allocated(c);
		printf(", %s in use (%.1f %%)", member_bytes(c, "inuse_bytes", inuse),
		       100 * number(c, "inuse_share"));
		if (has_figure(c, "lifetime_cycles"))
			printf(", lives through %.1f collections", number(c, "lifetime_cycles"));
	}
	if (is_true(c, "suspect"))
		printf("; grows by %s a minute: more in %" PRId64 " profiles, less in %" PRId64,
		       member_bytes(c, "slope_bytes_per_min", grown), member_int(c, "rises", 0),
		       member_int(c, "falls", 0));
	putchar('\n');
}

/* "most of it (63 %) " where there is more than one site. */
static void print_site(json_object *site)
{
	const double share = number(site, "share");

	printf("   allocated in %s, %s:%" PRId64, member_text(site, "function"),
	       member_text(site, "file"), member_int(site, "line", 0));
	if (share < 0.995)
		printf(" (%.0f %% of it; the rest elsewhere)", 100 * share);
	if (has_text(site, "expression"))
		printf(": %s, class %s", member_text(site, "expression"),
		       member_text(site, "class"));
	putchar('\n');
}

static void print_where(json_object *c)
{
	json_object *site = json_object_object_get(c, "site");
	json_object *by = json_object_object_get(c, "decided_by");

	if (site && (strcmp(member_text(site, "function"), member_text(c, "function")) != 0 ||
		     member_int(site, "line", 0) != member_int(c, "line", 0)))
		print_site(site);
	if (has_text(c, "expression") && strcmp(member_text(c, "class_from"), "site") != 0)
		printf("   the compiler: %s%s%s\n", member_text(c, "expression"),
		       has_text(c, "reason") ? ", by " : "",
		       has_text(c, "reason") ? member_text(c, "reason") : "");
	if (by)
		printf("   decided by %s at %s:%" PRId64 "\n", member_text(by, "expression"),
		       member_text(by, "file"), member_int(by, "line", 0));
}

/* The one number, in words. */
static void print_impact(json_object *c)
{
	const char *by = member_text(c, "impact_by");

	if (!strcmp(by, "growth"))
		printf("   impact %.0f %%: so much of what is in use now it adds if it goes on\n",
		       100 * number(c, "impact"));
	else
		printf("   impact %.1f %%: so much less collecting would cost without it, most for what it %s\n",
		       100 * number(c, "impact"), !strcmp(by, "allocated") ? "allocates" : "holds");
}

static void print_class(json_object *c)
{
	const char *from = member_text(c, "class_from");

	printf("   class %s (%s): %s\n", member_text(c, "class"),
	       !strcmp(from, "report") ? "by the report" :
	       !strcmp(from, "site")   ? "by the report, of the line that allocates" :
					 "by the runtime's function",
	       member_text(c, "about"));
}

static void print_one(json_object *c, size_t rank)
{
	printf("\n%zu. %s:%" PRId64 " %s\n", rank, member_text(c, "file"), member_int(c, "line", 0),
	       member_text(c, "function"));
	print_impact(c);
	print_figures(c);
	print_class(c);
	print_where(c);
	printf("   %s\n", member_text(c, "advice"));
}

void culprits_print(json_object *process, size_t top)
{
	json_object *list = json_object_object_get(process, "culprits");

	print_head(process);
	for (size_t i = 0; i < MIN(json_object_array_length(list), top); i++)
		print_one(json_object_array_get_idx(list, i), i + 1);
}
