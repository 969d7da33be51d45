/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What profiles need to know of a release, as data. Offsets in bytes: struct g of src/runtime/runtime2.go, struct
 * memRecordCycle of src/runtime/mprof.go; the number of FuncIDWrapper: src/internal/abi/symtab.go (to 1.20
 * src/runtime/symtab.go).
 */
struct go_profile_layout {
	uint16_t minor_from, minor_to;
	uint16_t g_status;  /* atomicstatus; goid is 8 behind it, waitsince 24, waitreason 32 */
	uint16_t g_startpc; /* gopc is 16 before it; 0: not proved for this release */
	uint8_t wrapper_id;
	bool counts_bytes; /* each profile cycle has sums of bytes too; else they are count x size */
};

/* NULL for a release that is not known. */
const struct go_profile_layout *go_profile_layout_of(int minor);
