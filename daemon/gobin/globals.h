/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gobin/functions.h"
#include "gobin/runtime.h"

/* One instruction of a function that names an address in the image's data, RIP-relative. */
struct code_ref {
	uint64_t target;
	uint32_t offset; /* of the opcode, from the function's entry */
	uint8_t opcode;
	uint8_t reg; /* ModRM.reg: an opcode extension, or a register */
	bool wide;   /* REX.W: 64 bits */
	int8_t imm;  /* an 8-bit immediate behind the address, where the opcode has one */
};

/*
 * The references in @code, which lies at @entry, to [data, enddata). Bytes are not disassembled: a pattern inside
 * another instruction is as good as a real one, and callers vote or check values. Returns how many (at most @max).
 */
size_t code_refs(const uint8_t *code, size_t len, uint64_t entry, const struct go_image *image,
		 struct code_ref *ret, size_t max);

/*
 * Finds the runtime's globals by how its own functions use them, and the fingerprint of gcControllerState; fills
 * @rt's global, last_goal_offset and the gates GC_CONTROLLER and LAYOUT. Returns 0, an outcome of runtime.h, or -errno.
 */
int globals_locate(const struct memory *m, const struct go_image *image,
		   const struct function_list *functions, struct go_runtime *rt);
