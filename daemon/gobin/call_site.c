/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "gobin/call_site.h"
#include "gobin/go_name.h"

void call_site_of(struct go_frame *frame, struct call_site *ret)
{
	ret->line = frame->line;
	go_symbols_fold_type_arguments(frame->function);
	text_copy(ret->function, sizeof(ret->function), frame->function);
	text_copy(ret->file, sizeof(ret->file), frame->file);
}

void call_site_unnamed(uint64_t pc, struct call_site *ret)
{
	*ret = (struct call_site){ .file = "?" };
	snprintf(ret->function, sizeof(ret->function), "0x%" PRIx64, pc);
}

bool call_site_is_runtime(const struct call_site *call)
{
	return go_function_is_runtime(call->function);
}

uint64_t call_site_key(const struct call_site *call)
{
	return text_hash(text_hash(TEXT_HASH_START ^ call->line, call->function), call->file);
}
