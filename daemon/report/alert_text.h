/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decide/decide.h"

/* An alert in words, the same ones in the journal and in what is sent. The decision's alert is not ALERT_NONE. */
enum {
	ALERT_TEXT_MAX = 1024,
};

/* What is the matter, with the figures. Returns @buf. */
const char *alert_text(char buf[ALERT_TEXT_MAX], const char *workload, const struct decision *d);

/*
 * Of which kind it is, an enum forecast_kind but FORECAST_NONE: the alert's own where it has one, else the forecast's, else
 * by what most of the usage is.
 */
int32_t alert_kind(const struct decision *d);

/* What can be done about an alert of that kind, for a person. */
const char *alert_action(int32_t kind, uint64_t recommended_limit);
