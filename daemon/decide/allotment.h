/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A limit that several workloads share, such as a pod's over its containers: how much of it each may be promised. The
 * figures are the kernel's and our own; what a tenant says of itself can only lower what it needs. Bytes.
 */
struct allotment_member {
	uint64_t used; /* what the limit counts of it */
	uint64_t
		needs; /* what of that it cannot do without: not more than @used; the rest is garbage that can be collected */
	uint64_t cap;  /* what its other limits leave it, its use included; BYTES_UNLIMITED: all */
	uint64_t
		promised; /* what it is held to by now: its soft limits and its non-Go share; 0: it is not */
};

struct allotment {
	uint64_t fair; /* its part as things are */
	uint64_t
		allotted; /* what it may be told now: more than before only as far as others have made room */
};

/*
 * The part of member @i of the @n. Each keeps what it needs. Of what is left (@limit without @others_used, which belongs to
 * nobody that can be told, and without what members need) everyone may grow as far as to twice its need before anyone gets
 * more, the small before the large (max-min fair): a neighbour of many gigabytes does not hold a small one down. Where each
 * is held to what it was allotted, the sum of @used or @promised, whichever is larger, never rises above @limit.
 */
void allotment_decide(uint64_t limit, uint64_t others_used, const struct allotment_member *members,
		      size_t n, size_t i, struct allotment *ret);
