/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "escape/class.h"
#include "escape/line.h"

/*
 * From lines to sites: collects a package's lines, leads explanations that end at another place of storage on to the
 * one of that place, and hands out one site for each thing that the compiler says is on the heap. Memory is bounded:
 * where a package needs more than the caps, what is there is handed out first (`early`), and a way may end there.
 */
enum escape_kind {
	ESCAPE_VALUE,	 /* "escapes to heap" */
	ESCAPE_VARIABLE, /* "moved to heap" */
	ESCAPE_WRAPPER, /* explained and without a line of its own: what go and defer are wrapped in */
	ESCAPE_LEAK,	/* "leaking param" */
	ESCAPE_CONTENT, /* "leaking param content" */
	ESCAPE_MAX_,
};

/* "value", "variable", "wrapper", "leak", "leak-content" */
const char *escape_kind_name(enum escape_kind kind);
/* True where the site itself is an allocation, which a parameter is not. */
bool escape_kind_allocates(enum escape_kind kind);

struct escape_site {
	enum escape_kind kind;
	enum escape_class class;
	const char *package; /* "" where no line named one */
	const char *
		function; /* the declared function, without closures and type arguments; "" where the report does not tell */
	const char *text; /* the variable or expression */
	const char *file; /* as printed, without a leading "./" */
	uint32_t line, column;
	struct escape_path path; /* from the source to where it stays */
	size_t cause;		 /* the step of the path that decides the class; n_steps for none */
};

/* Texts are valid during the call. Below 0 ends the reading with that result. */
typedef int (*escape_site_handler)(void *userdata, const struct escape_site *site);

struct escape_sites_stats {
	uint64_t sites[ESCAPE_MAX_];
	uint64_t early;	      /* packages handed out in parts, for the caps */
	uint64_t cut;	      /* explanations longer than ESCAPE_STEPS_MAX */
	uint64_t stray;	      /* lines of an explanation without its head */
	uint64_t unexplained; /* sites without an explanation in a report that has some */
};

enum {
	ESCAPE_STEPS_MAX = 512,	    /* of one explanation */
	ESCAPE_LINKS_MAX = 16,	    /* explanations in a row */
	ESCAPE_TEXT_MAX = 24 << 20, /* bytes of text of a package */
	ESCAPE_ITEMS_MAX =
		1 << 18, /* blocks, flows, sites of a package; four times as many steps */
};

struct escape_sites;

int escape_sites_new(escape_site_handler handler, void *userdata, struct escape_sites **ret);
/* Takes one line. Returns 0, -ENOMEM, or what the handler returned. */
int escape_sites_take(struct escape_sites *s, const struct escape_line *line);
/* Hands out what is collected: at the end, or where a package ends. */
int escape_sites_flush(struct escape_sites *s);
const struct escape_sites_stats *escape_sites_stats(const struct escape_sites *s);
void escape_sites_free(struct escape_sites *s);

static inline void escape_sites_freep(struct escape_sites **s)
{
	escape_sites_free(*s);
}
