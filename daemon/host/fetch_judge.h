/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/fetch.h"

/* What a whole body is, and its figures: fills source, figures, body_bytes and outcome. Pure. */
void fetch_judge(const void *body, size_t len, struct fetch_reply *ret);
