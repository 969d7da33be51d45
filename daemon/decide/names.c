/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "decide/decide.h"

static const char *const verdict_names[] = {
	[VERDICT_HOLD] = "hold",
	[VERDICT_SET] = "set",
	[VERDICT_RESTORE] = "restore",
};
_Static_assert(ARRAY_SIZE(verdict_names) == VERDICT_MAX_, "a name for each verdict");

static const char *const reason_names[] = {
	[REASON_NONE] = "none",
	[REASON_HEADROOM] = "headroom",
	[REASON_TRIGGER] = "trigger",
	[REASON_EMERGENCY] = "emergency",
	[REASON_TIGHT] = "tight",
	[REASON_DOES_NOT_FIT] = "does-not-fit",
	[REASON_HOT] = "hot",
	[REASON_BALANCE] = "balance",
	[REASON_IDLE] = "idle",
	[REASON_SWAP] = "swap",
	[REASON_THROTTLE] = "throttle",
	[REASON_STATE_LEFT] = "state-left",
	[REASON_HARM] = "harm",
	[REASON_PROFILE] = "profile",
	[REASON_OPERATOR] = "operator",
	[REASON_OWNER] = "owner",
	[REASON_MANUAL] = "manual",
	[REASON_RESTING] = "resting",
	[REASON_INTERVAL] = "interval",
	[REASON_STEP] = "step",
	[REASON_SMALL] = "small",
	[REASON_CPU_QUOTA] = "cpu-quota",
	[REASON_NO_GAIN] = "no-gain",
	[REASON_NO_ROOM] = "no-room",
	[REASON_NOT_PROVED] = "not-proved",
};
_Static_assert(ARRAY_SIZE(reason_names) == REASON_MAX_, "a name for each reason");

static const char *const alert_names[] = {
	[ALERT_NONE] = "none",
	[ALERT_EMERGENCY] = "emergency",
	[ALERT_DOES_NOT_FIT] = "does-not-fit",
	[ALERT_HOT] = "hot",
	[ALERT_GROWTH] = "growth",
	[ALERT_NONGO] = "non-go",
};
_Static_assert(ARRAY_SIZE(alert_names) == ALERT_MAX_, "a name for each alert");

static const char *const restart_names[] = {
	[RESTART_NONE] = "none",
	[RESTART_WAITING] = "waiting",
	[RESTART_DUE] = "due",
	[RESTART_NO_SERVICE] = "no-service",
	[RESTART_START_UNKNOWN] = "start-unknown",
	[RESTART_NO_GAIN] = "no-gain",
	[RESTART_TOO_SOON] = "too-soon",
};
_Static_assert(ARRAY_SIZE(restart_names) == RESTART_MAX_, "a name for each verdict on a restart");

const char *decide_restart_name(int32_t v)
{
	return v >= 0 && v < RESTART_MAX_ ? restart_names[v] : "unknown";
}

const char *decide_verdict_name(int32_t v)
{
	return v >= 0 && v < VERDICT_MAX_ ? verdict_names[v] : "unknown";
}

const char *decide_reason_name(int32_t v)
{
	return v >= 0 && v < REASON_MAX_ ? reason_names[v] : "unknown";
}

const char *decide_alert_name(int32_t v)
{
	return v >= 0 && v < ALERT_MAX_ ? alert_names[v] : "unknown";
}
