/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/module.h"

/*
 * A type of a Go program by the address of its descriptor, as allocation sites and the profiler see it. Source: Go
 * src/internal/abi/type.go (to 1.20 src/runtime/type.go), struct Type, the same from 1.19 to 1.27.
 */
enum {
	GO_TYPE_NAME_MAX = 256,
};

/* Outcomes above 0. */
enum {
	GO_TYPE_NONE =
		49, /* no type of the program's own: outside of its types (package reflect makes such at run time), or no descriptor */
};

struct go_type {
	uint64_t address, size_bytes;
	uint8_t kind; /* reflect.Kind, 1 to 26 */
	bool cut;     /* the name was longer than its room */
	char name
		[GO_TYPE_NAME_MAX]; /* as fmt's %T writes it, but for the package: its name, not its path */
};

/* Returns 0, GO_TYPE_NONE, or -errno. */
int go_type_read(struct memory_pages *p, const struct go_module *module, uint64_t address,
		 struct go_type *ret);
