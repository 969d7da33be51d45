/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"
#include "report/metrics_receivers.h"

static void write_notification(struct metrics_series *s, int32_t receiver, const char *outcome,
			       uint64_t value)
{
	series_begin(s, "_total");
	series_label(s, "receiver", notify_receiver_name(receiver));
	series_label(s, "outcome", outcome);
	series_end(s, (int64_t)MIN(value, (uint64_t)INT64_MAX - 1), 0);
}

void metrics_write_notifications(struct metrics_series *s, const void *of)
{
	const struct metrics_daemon *d = of;

	for (int32_t i = 0; i < NOTIFY_RECEIVER_MAX_; i++) {
		const struct notify_stats *t = &d->notify[i];

		if (!t->on)
			continue;
		write_notification(s, i, "sent", t->sent);
		write_notification(s, i, "failed", t->failed);
		write_notification(s, i, "rejected", t->rejected);
		write_notification(s, i, "dropped", t->dropped);
	}
}

static void write_gauge(struct metrics_series *s, int32_t receiver, int64_t value)
{
	series_begin(s, "");
	series_label(s, "receiver", notify_receiver_name(receiver));
	series_end(s, value, 0);
}

void metrics_write_queued(struct metrics_series *s, const void *of)
{
	const struct metrics_daemon *d = of;

	for (int32_t i = 0; i < NOTIFY_RECEIVER_MAX_; i++)
		if (d->notify[i].on)
			write_gauge(s, i, (int64_t)d->notify[i].queued);
}

void metrics_write_receivers(struct metrics_series *s, const void *of)
{
	const struct metrics_daemon *d = of;

	for (int32_t i = 0; i < NOTIFY_RECEIVER_MAX_; i++)
		if (d->notify[i].on && d->notify[i].health.known)
			write_gauge(s, i, d->notify[i].health.works);
}
