/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "sense/culprits_json.h"

#define OF(h, g) (&(const struct culprit_sources){ .heap = (h), .goroutines = (g) })
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PROFILE_HEADER =
		10, /* number of the cycle, time, how many figures, whether they are to_tell */
};

static void check(const struct heap_series *s)
{
	static struct heap_growth g[HEAP_SERIES_CAUSES];
	const size_t n = heap_series_growth(s, g);
	struct heap_series_info info;

	heap_series_info(s, &info);
	if (n != info.causes || n > HEAP_SERIES_CAUSES || info.points > HEAP_SERIES_POINTS)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!g[i].points || g[i].points > info.points ||
		    g[i].rises + g[i].falls >= g[i].points ||
		    (g[i].cause && strlen(g[i].cause->function) >= GO_NAME_MAX) ||
		    (i > 0 && g[i].slope_bytes_per_min > g[i - 1].slope_bytes_per_min))
			abort();
}

/* The ranking of both, and what is told of it. */
static void check_culprits(const struct heap_series *heap, const struct heap_series *goroutines)
{
	static struct culprit ranked[CULPRITS_MAX];
	static struct heap_growth g[HEAP_SERIES_CAUSES];
	const size_t n = culprits_rank(OF(heap, goroutines), ranked);
	json_object *told = culprits_json(OF(heap, goroutines), CULPRITS_MAX);
	size_t to_tell = 0;

	if (n != heap_series_growth(heap, g) + heap_series_growth(goroutines, g))
		abort();
	for (size_t i = 0; i < n; i++) {
		const struct culprit *c = &ranked[i];

		to_tell += c->growth.cause && c->impact_permille;
		if (c->gc_permille > 1000 || c->impact_permille < c->gc_permille ||
		    c->impact_by >= IMPACT_MAX_ || (c->growth_permille && !c->suspect) ||
		    (c->suspect && c->growth.grown_bytes <= 0) || c->lifetime_millicycles < -1 ||
		    !*culprit_advice(c) ||
		    (i > 0 && c->impact_permille > ranked[i - 1].impact_permille))
			abort();
	}
	/* What has no name yet, or no impact, is not told of. */
	if (json_object_array_length(told) != to_tell ||
	    strlen(json_object_to_json_string(told)) < 2 * to_tell)
		abort();
	json_object_put(told);
}

/* Truths are such in what comes over the socket as well: all else is left as it is. */
static void mend_truths(struct cause_row *row)
{
	const bool truth = *(const uint8_t *)row % 2;

	row->cause.in_module = row->cause.at.inlined = row->cause.site.inlined = truth;
	row->told.at.ambiguous = row->told.site.ambiguous = truth;
}

/* One profile from the input: as it would come from a helper that a tenant has taken over. */
static size_t feed(struct heap_series *s, const uint8_t *data, size_t size)
{
	struct profile_figures figures[PROFILE_FIGURES_MAX + 8] = { 0 };
	struct heap_series_profile profile = { .figures = figures };
	struct cause_row name;
	uint32_t at;
	size_t used = PROFILE_HEADER;

	memcpy(&profile.num_gc, data, sizeof(profile.num_gc));
	memcpy(&at, data + 4, sizeof(at));
	profile.at = at;
	profile.n = data[8] % ARRAY_SIZE(figures);
	for (size_t i = 0; i < profile.n && used < size; i++) {
		const size_t len = MIN(sizeof(figures[i]), size - used);

		memcpy(&figures[i], data + used, len);
		/* Few causes, so that they come again. */
		figures[i].cause &= 0x7f;
		used += len;
	}
	memcpy(&profile.total, data + used, MIN(sizeof(profile.total), size - used));
	memset(&name, data[9], sizeof(name));
	memcpy(&name, data + used, MIN(sizeof(name), size - used));
	mend_truths(&name);
	if (data[9] % 2) {
		struct cause cut = name.cause;

		cut.at.call.function[GO_NAME_MAX - 1] = cut.at.call.file[GO_NAME_MAX - 1] = '\0';
		figures[0].cause = cause_key(&cut);
	}
	(void)heap_series_add(s, &profile);
	if (heap_series_wants_name(s, figures[0].cause))
		(void)heap_series_name(s, figures[0].cause, &name);
	return used;
}

/* Each profile is of the heap or, by a bit of its header, of goroutines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heap_series *s[2] = { heap_series_new(), heap_series_new() };

	while (s[0] && s[1] && size > PROFILE_HEADER) {
		struct heap_series *to = s[data[8] >> 7];
		const size_t used = feed(to, data, size);

		data += used;
		size -= used;
		check(to);
		check_culprits(s[0], s[1]);
	}
	heap_series_free(s[0]);
	heap_series_free(s[1]);
	return 0;
}
