/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "escape/sites.h"

/*
 * What the lines of one package have said and nobody has been told yet. Texts are offsets into one of two pools: files
 * and functions into `names`, which lives as long as the package, all else into `texts`, which is emptied with the
 * rest. Offset 0 is "".
 */
struct escape_pool {
	char *p;
	uint32_t n, room, max;
};

/*
 * Control characters become '?', as do bytes that are no UTF-8: a name with the end of a line in it, which JSON can hold,
 * would be two lines wherever it is written, and one that is no text would be no JSON. Returns 0, -ENOMEM, -EFBIG at the cap.
 */
int escape_pool_add(struct escape_pool *pool, struct span text, uint32_t *ret);
const char *escape_pool_text(const struct escape_pool *pool, uint32_t offset);

struct escape_place {
	uint32_t file, line, column; /* file is in names */
};

struct escape_item_step {
	uint32_t text, reason_text; /* reason_text is in names */
	uint32_t flow;
	struct escape_place at;
	enum escape_reason reason;
};

struct escape_item_flow {
	uint32_t to;
};

struct escape_item_block {
	uint64_t name; /* hash of the text, by which others lead here */
	uint32_t text, function;
	struct escape_place at;
	uint32_t first_flow, n_flows, first_step, n_steps;
	bool leak, told;
};

/* A line that says what is on the heap. */
struct escape_item_note {
	enum escape_kind kind;
	uint64_t name;
	uint32_t text;
	struct escape_place at;
};

struct escape_item_function {
	uint32_t name;
	struct escape_place at;
};

#define ESCAPE_LIST(type)                                                                          \
	struct {                                                                                   \
		type *p;                                                                           \
		size_t n, room;                                                                    \
	}

struct escape_package {
	uint32_t package;
	struct escape_pool names, texts;
	uint32_t *interned; /* open addressing over names; a power of two */
	size_t n_interned, room_interned;
	uint32_t recent[32]; /* of interned, by a few bytes of the text */
	ESCAPE_LIST(struct escape_item_step) steps;
	ESCAPE_LIST(struct escape_item_flow) flows;
	ESCAPE_LIST(struct escape_item_block) blocks;
	ESCAPE_LIST(struct escape_item_note) notes;
	ESCAPE_LIST(struct escape_item_function) functions; /* as declared, without closures */
	bool all_functions;				    /* -m=2 has told of each */
	bool open;					    /* the last of `blocks` takes flows */
	uint64_t stray, cut;
};

int escape_package_new(struct escape_package **ret);
void escape_package_free(struct escape_package *p);

static inline void escape_package_freep(struct escape_package **p)
{
	escape_package_free(*p);
}

/* Another package: all of the old one is forgotten. */
int escape_package_begin(struct escape_package *p, struct span name);
/* Forgets what has been handed out, but not names and functions. */
void escape_package_empty(struct escape_package *p);

/* Takes a line that is of a package. Returns 0, -ENOMEM, or -EFBIG: hand out what is there, and give it again. */
int escape_package_take(struct escape_package *p, const struct escape_line *line);

/* The text by which a place of storage is known: "append" for every append(...), since its own line says no more. */
uint64_t escape_package_name(struct span text);
/* The declared function: without type arguments, and without the closures inside it. */
struct span escape_package_function(struct span name, char *buf, size_t size);
