/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "report/metrics_families.h"
#include "report/metrics_receivers.h"

enum {
	MICRO = 6, /* decimals of microseconds as seconds, of millionths as a ratio */
	MILLI = 3,
	NANO = 9,
	PAUSE_STEP =
		4, /* every fourth bucket, of two a doubling: each is four times the one before */
};

/* One of several states: 1 for the one that holds, 0 for the others. */
static void write_states(struct metrics_series *s, int32_t now, int32_t n,
			 const char *(*name)(int32_t))
{
	for (int32_t i = 0; i < n && now >= 0; i++) {
		series_begin(s, "");
		series_label(s, s->family->labels, name(i));
		series_end(s, i == now, 0);
	}
}

static const char *state_name(int32_t state)
{
	return policy_state_name((enum policy_state)state);
}

static void write_state(struct metrics_series *s, const void *of)
{
	write_states(s, ((const struct metrics_workload *)of)->state, STATE_MAX_, state_name);
}

static void write_alert(struct metrics_series *s, const void *of)
{
	write_states(s, ((const struct metrics_workload *)of)->alert, ALERT_MAX_,
		     decide_alert_name);
}

static void write_forecast(struct metrics_series *s, const void *of)
{
	write_states(s, ((const struct metrics_workload *)of)->forecast, FORECAST_KIND_MAX_,
		     forecast_kind_name);
}

static void write_info(struct metrics_series *s, const void *of)
{
	const struct metrics_workload *w = of;

	series_begin(s, "_info");
	series_label(s, "cgroup", w->cgroup);
	series_label(s, "unit", w->unit);
	series_label(s, "tier", w->tier);
	series_label(s, "mode", w->mode);
	series_label(s, "go_version", w->go_version);
	series_end(s, 1, 0);
}

static void write_labelled(struct metrics_series *s, const char *label, int64_t value,
			   unsigned int decimals)
{
	if (value == METRICS_ABSENT)
		return;
	series_begin(s, s->family->type == METRICS_COUNTER ? "_total" : "");
	series_label(s, s->family->labels, label);
	series_end(s, value, decimals);
}

static void write_events(struct metrics_series *s, const void *of)
{
	const struct metrics_workload *w = of;

	write_labelled(s, "high", w->events_high, 0);
	write_labelled(s, "max", w->events_max, 0);
	write_labelled(s, "oom", w->events_oom, 0);
	write_labelled(s, "oom_kill", w->events_oom_kill, 0);
}

static void write_stalls(struct metrics_series *s, const void *of)
{
	const struct metrics_workload *w = of;

	write_labelled(s, "some", w->stalled_some_usec, MICRO);
	write_labelled(s, "full", w->stalled_full_usec, MICRO);
}

static void write_total(struct metrics_series *s, uint64_t value, unsigned int decimals)
{
	series_begin(s, "_total");
	series_end(s, (int64_t)MIN(value, (uint64_t)INT64_MAX - 1), decimals);
}

static const struct totals *totals_of(const void *of)
{
	return ((const struct metrics_workload *)of)->totals;
}

static void write_gc_cycles(struct metrics_series *s, const void *of)
{
	if (totals_of(of))
		write_total(s, totals_of(of)->gc_cycles, 0);
}

static void write_gc_cpu(struct metrics_series *s, const void *of)
{
	if (totals_of(of))
		write_total(s, totals_of(of)->gc_cpu_ns, NANO);
}

static void write_allocated(struct metrics_series *s, const void *of)
{
	if (totals_of(of))
		write_total(s, totals_of(of)->alloc_bytes, 0);
}

static void write_created(struct metrics_series *s, const void *of)
{
	if (totals_of(of))
		write_total(s, totals_of(of)->goroutines_created, 0);
}

static void write_missed(struct metrics_series *s, const void *of)
{
	if (totals_of(of))
		write_total(s, totals_of(of)->pauses_missed, 0);
}

/* A nanosecond as seconds, for the label `le`. */
static void write_bound(struct metrics_series *s, uint64_t ns)
{
	char digits[] = "0.000000000";

	for (size_t i = sizeof(digits) - 2; ns && i > 1; i--, ns /= 10)
		digits[i] = (char)('0' + ns % 10);
	series_label(s, "le", digits);
}

/* The last longest one stands at the bucket that it is in. */
static void write_bucket(struct metrics_series *s, const struct totals *t, uint64_t n, bool is_its)
{
	const struct metrics_exemplar e = { .label = "num_gc",
					    .value = "",
					    .figure = (int64_t)MIN(t->last.longest_ns,
								   (uint64_t)INT64_MAX - 1),
					    .decimals = NANO,
					    .wall_usec = t->last.wall_usec };
	struct metrics_exemplar its = e;
	struct buffer text = { .max = 32 };

	if (is_its) {
		buffer_i64(&text, t->last.num_gc);
		buffer_add(&text, "", 1);
		its.value = text.full ? "" : text.text;
	}
	series_end_with(s, (int64_t)n, &its);
	buffer_done(&text);
}

/* All of a bucket are below its bound, and a label says what they do not exceed. */
static void write_pauses(struct metrics_series *s, const void *of)
{
	const struct totals *t = totals_of(of);
	uint64_t n = 0;
	size_t its;
	bool told = false;

	if (!t)
		return;
	its = t->last.pid ? histogram_bucket(t->last.longest_ns) : HISTOGRAM_BUCKETS;
	for (size_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		n += t->pause[i];
		if (i % PAUSE_STEP)
			continue;
		series_begin(s, "_bucket");
		write_bound(s, histogram_below_ns(i) - 1);
		write_bucket(s, t, n, !told && its <= i);
		told |= its <= i;
	}
	n += t->pause[HISTOGRAM_BUCKETS - 1];
	series_begin(s, "_bucket");
	series_label(s, "le", "+Inf");
	write_bucket(s, t, n, !told && its < HISTOGRAM_BUCKETS);
	series_begin(s, "_sum");
	series_end(s, (int64_t)MIN(t->pause_ns, (uint64_t)INT64_MAX - 1), NANO);
	series_begin(s, "_count");
	series_end(s, (int64_t)n, 0);
}

static void write_adjustments(struct metrics_series *s, const void *of)
{
	const struct tally *t = ((const struct metrics_workload *)of)->tally;

	for (uint32_t i = 0; i < t->n; i++) {
		const struct tally_row *r = &t->rows[i];
		const struct metrics_exemplar e = { .label = "decision_id",
						    .value = r->decision_id,
						    .figure = 1,
						    .wall_usec = r->wall_usec };

		series_begin(s, "_total");
		series_label(s, "lever", tally_lever_name(r->lever));
		series_label(s, "reason", decide_reason_name(r->reason));
		series_label(s, "outcome", r->outcome);
		series_end_with(s, (int64_t)r->n, &e);
	}
}

/* Each from the beginning, so that the first one is a rise from 0. */
static void write_alerts(struct metrics_series *s, const void *of)
{
	const struct tally *t = ((const struct metrics_workload *)of)->tally;

	for (int32_t i = ALERT_NONE + 1; i < ALERT_MAX_; i++)
		write_labelled(s, decide_alert_name(i), (int64_t)t->alerts[i], 0);
}

static void write_rolled_back(struct metrics_series *s, const void *of)
{
	write_total(s, ((const struct metrics_workload *)of)->tally->rolled_back, 0);
}

static void write_failed(struct metrics_series *s, const void *of)
{
	write_total(s, ((const struct metrics_workload *)of)->tally->failed, 0);
}

static void write_build(struct metrics_series *s, const void *of)
{
	const struct metrics_daemon *d = of;

	series_begin(s, "_info");
	series_label(s, "version", d->version);
	series_label(s, "mode", d->mode);
	series_label(s, "rights", d->rights);
	series_end(s, 1, 0);
}

static void write_features(struct metrics_series *s, const void *of)
{
	const struct features *f = ((const struct metrics_daemon *)of)->features;

	for (enum feature i = 0; i < FEATURE_MAX_; i++)
		if (f->of[i].tried)
			write_labelled(s, feature_info(i)->name, f->of[i].error == 0, 0);
}

#define WORKLOAD(name, type, unit, decimals, field, help)                                          \
	{                                                                                          \
		name, METRICS_##type, unit, "", help, offsetof(struct metrics_workload, field),    \
			decimals, NULL                                                             \
	}
#define DAEMON(name, type, unit, decimals, field, help)                                            \
	{                                                                                          \
		name, METRICS_##type, unit, "", help, offsetof(struct metrics_daemon, field),      \
			decimals, NULL                                                             \
	}
#define WRITTEN(name, type, unit, labels, write, help)                                             \
	{                                                                                          \
		name, METRICS_##type, unit, labels, help, 0, 0, write                              \
	}

/* A row, and below it what it means. */
/* clang-format off */
static const struct metrics_family of_workload[] = {
	WRITTEN("gomemd_workload", INFO, "", "cgroup,unit,tier,mode,go_version", write_info,
		"What a workload is: its cgroup, systemd unit, policy tier, mode, and the Go release of its largest process."),
	WORKLOAD("gomemd_workload_heap_alloc_ratio", GAUGE, "ratio", MICRO, heap_alloc_ppm,
		"Part of the heap memory taken from the system that objects fill, garbage not yet swept included (HeapAlloc / HeapSys)."),
	WORKLOAD("gomemd_workload_heap_alloc_bytes", GAUGE, "bytes", 0, heap_alloc,
		"Bytes in heap objects, garbage not yet swept included (MemStats.HeapAlloc); of all Go processes."),
	WORKLOAD("gomemd_workload_heap_sys_bytes", GAUGE, "bytes", 0, heap_sys,
		"Heap address space taken from the system, returned pages included (MemStats.HeapSys); of all Go processes."),
	WORKLOAD("gomemd_workload_heap_live_bytes", GAUGE, "bytes", 0, heap_live,
		"Heap that the last collection found in use; of all Go processes."),
	WORKLOAD("gomemd_workload_heap_goal_bytes", GAUGE, "bytes", 0, heap_goal,
		"Heap size at which the next collection is to end, by GOGC and the soft limit (MemStats.NextGC); of all Go processes."),
	WORKLOAD("gomemd_workload_mapped_ready_bytes", GAUGE, "bytes", 0, mapped_ready,
		"Memory that the Go runtimes have ready: what the soft limit counts."),
	WORKLOAD("gomemd_workload_memory_limit_bytes", GAUGE, "bytes", 0, soft_limit,
		"Soft limit in force (GOMEMLIMIT), the sum over all Go processes; absent where one of them has none."),
	WORKLOAD("gomemd_workload_memory_limit_floor_bytes", GAUGE, "bytes", 0, soft_limit_floor,
		"Least soft limit that leaves the collectors room: below it they run all the time; of all Go processes."),
	WORKLOAD("gomemd_workload_gogc_percent", GAUGE, "percent", 0, gogc,
		"GOGC in force, +Inf where it is off; the lowest of all Go processes."),
	WORKLOAD("gomemd_workload_effective_gogc_percent", GAUGE, "percent", 0, effective_gogc,
		"Room that the heap goal leaves above the live heap, in percent of what must be marked; below 10 is a death spiral. The lowest of all Go processes."),
	WORKLOAD("gomemd_workload_limit_bytes", GAUGE, "bytes", 0, limit,
		"Lowest memory.max of the cgroup and those above it; absent where there is none."),
	WORKLOAD("gomemd_workload_room_bytes", GAUGE, "bytes", 0, room,
		"What the workload could use before it is killed, with others below the same limits at what they use now; absent where there is no limit."),
	WORKLOAD("gomemd_workload_memory_high_bytes", GAUGE, "bytes", 0, high,
		"The cgroup's memory.high; absent where it is max."),
	WORKLOAD("gomemd_workload_usage_bytes", GAUGE, "bytes", 0, usage,
		"Memory that can get the workload killed: anonymous, shared and unreclaimable kernel memory, no page cache, no lazily freed pages."),
	WORKLOAD("gomemd_workload_memory_current_bytes", GAUGE, "bytes", 0, current,
		"The cgroup's memory.current, page cache included."),
	WORKLOAD("gomemd_workload_anon_bytes", GAUGE, "bytes", 0, anon,
		"Anonymous memory of the cgroup, by its memory.stat."),
	WORKLOAD("gomemd_workload_nongo_bytes", GAUGE, "bytes", 0, nongo,
		"Memory of the workload that no Go runtime has ready, as it is reckoned with: a high quantile of what was seen."),
	WORKLOAD("gomemd_workload_swap_bytes", GAUGE, "bytes", 0, swap,
		"The cgroup's memory.swap.current."),
	WORKLOAD("gomemd_workload_processes", GAUGE, "", 0, processes,
		"Go processes of the workload."),
	WORKLOAD("gomemd_workload_processes_proved", GAUGE, "", 0, proved,
		"Those of them whose figures are believed, since all gates hold."),
	WORKLOAD("gomemd_workload_processes_heard", GAUGE, "", 0, heard,
		"Those of them whose runtime is listened to by eBPF."),
	WORKLOAD("gomemd_workload_endpoints", GAUGE, "", 0, endpoints,
		"Those of them that are asked over HTTP what they say of themselves; absent where none is."),
	WORKLOAD("gomemd_workload_endpoints_answering", GAUGE, "", 0, answering,
		"Those of them whose last answer had figures."),
	WORKLOAD("gomemd_workload_endpoints_contradicted", GAUGE, "", 0, contradicted,
		"Those of them whose figures cannot have been true, by their memory, when they were compared last."),
	WORKLOAD("gomemd_workload_goroutines", GAUGE, "", 0, goroutines,
		"Goroutines of all Go processes that tell."),
	WORKLOAD("gomemd_workload_gc_cpu_ratio", GAUGE, "ratio", MILLI, gc_cpu_permille,
		"Part of the CPU time used by the Go processes that went into collecting garbage, over the last minute."),
	WORKLOAD("gomemd_workload_allocated_bytes_per_second", GAUGE, "", 0, alloc_bytes_per_second,
		"Heap bytes allocated a second over the last ten seconds; of all Go processes."),
	WRITTEN("gomemd_workload_state", GAUGE, "", "state", write_state,
		"1 for the state that the workload is in, 0 for the others; absent where it is only observed."),
	WRITTEN("gomemd_workload_alert", GAUGE, "", "alert", write_alert,
		"1 for the alert that stands (or for none), 0 for the others; absent where the workload is only observed."),
	WRITTEN("gomemd_workload_forecast", GAUGE, "", "kind", write_forecast,
		"1 for what brings the end of memory in sight: garbage, growth, too-large, non-go, or none; absent where the workload is only observed."),
	WORKLOAD("gomemd_workload_time_to_oom_seconds", GAUGE, "seconds", MICRO, to_oom_usec,
		"Time until the kernel kills the workload if it goes on like this; absent where that is not in sight."),
	WORKLOAD("gomemd_workload_time_to_distress_seconds", GAUGE, "seconds", MICRO, to_distress_usec,
		"Time until the collector has no room left if it goes on like this; absent where that is not in sight."),
	WORKLOAD("gomemd_workload_forecast_confidence_ratio", GAUGE, "ratio", MILLI, confidence_permille,
		"How sure the forecast is; absent where the workload is only observed."),
	WORKLOAD("gomemd_workload_go_growth_bytes_per_second", GAUGE, "", 0, go_growth_per_second,
		"Trend of what the Go runtimes hold without garbage, bytes a second; absent where there is none."),
	WORKLOAD("gomemd_workload_nongo_growth_bytes_per_second", GAUGE, "", 0, nongo_growth_per_second,
		"Trend of what is not Go's, bytes a second; absent where there is none."),
	WORKLOAD("gomemd_workload_recommended_limit_bytes", GAUGE, "bytes", 0, recommended_limit,
		"memory.max that would fit; absent where none is to be recommended."),
	WORKLOAD("gomemd_workload_look_age_seconds", GAUGE, "seconds", MICRO, age_usec,
		"Age of the workload's figures."),
	WRITTEN("gomemd_workload_gc_cycles", COUNTER, "", "", write_gc_cycles,
		"Collections that ended since gomemd watches; of all Go processes."),
	WRITTEN("gomemd_workload_gc_cpu_seconds", COUNTER, "seconds", "", write_gc_cpu,
		"CPU time of collections since gomemd watches, idle marking left out; of all Go processes."),
	WRITTEN("gomemd_workload_gc_pause_seconds", HISTOGRAM, "seconds", "le", write_pauses,
		"How long each collection stopped the world, all its pauses together, since gomemd watches; of all Go processes."),
	WRITTEN("gomemd_workload_gc_pauses_missed", COUNTER, "", "", write_missed,
		"Collections whose pauses the runtime had forgotten by the next look, and that are in no bucket."),
	WRITTEN("gomemd_workload_allocated_bytes", COUNTER, "bytes", "", write_allocated,
		"Heap bytes allocated since gomemd watches; of all Go processes."),
	WRITTEN("gomemd_workload_goroutines_created", COUNTER, "", "", write_created,
		"Goroutines made since gomemd watches; of all Go processes that tell."),
	WRITTEN("gomemd_workload_memory_events", COUNTER, "", "event", write_events,
		"The cgroup's memory.events: high, max, oom, oom_kill."),
	WRITTEN("gomemd_workload_memory_stalled_seconds", COUNTER, "seconds", "kind", write_stalls,
		"Time that some, or all, threads of the cgroup were stalled for memory, by its memory.pressure."),
	WORKLOAD("gomemd_workload_cpu_throttled_seconds", COUNTER, "seconds", MICRO, throttled_usec,
		"Time that the CPU quota held the cgroup up, by its cpu.stat."),
	WORKLOAD("gomemd_workload_swapped_in_bytes", COUNTER, "bytes", 0, swapped_in,
		"Anonymous memory read back from swap."),
	WORKLOAD("gomemd_workload_swapped_out_bytes", COUNTER, "bytes", 0, swapped_out,
		"Anonymous memory written to swap; absent where the kernel does not count it."),
	WRITTEN("gomemd_workload_adjustments", COUNTER, "", "lever,reason,outcome", write_adjustments,
		"Changes of a lever by why and by what came of them; outcome recommended: it was only said."),
	WRITTEN("gomemd_workload_changes_rolled_back", COUNTER, "", "", write_rolled_back,
		"Changes that were taken back since they cost more than they gained; from 0 on."),
	WRITTEN("gomemd_workload_changes_failed", COUNTER, "", "", write_failed,
		"Changes that did not land, or of which that is not known; from 0 on."),
	WRITTEN("gomemd_workload_alerts", COUNTER, "", "alert", write_alerts,
		"Alerts that were raised, by their kind."),
};

static const struct metrics_family of_daemon[] = {
	WRITTEN("gomemd_build", INFO, "", "version,mode,rights", write_build,
		"The version that runs, its mode and rights."),
	DAEMON("gomemd_start_time_seconds", GAUGE, "seconds", MICRO, start_wall_usec,
		"When the daemon was started, since the epoch."),
	DAEMON("gomemd_cpu_seconds", COUNTER, "seconds", MICRO, cpu_usec,
		"CPU time of the daemon's own process."),
	DAEMON("gomemd_resident_memory_bytes", GAUGE, "bytes", 0, resident,
		"Resident memory of the daemon's own process."),
	DAEMON("gomemd_unit_cpu_seconds", COUNTER, "seconds", MICRO, unit_cpu_usec,
		"CPU time of the daemon's unit, helpers included; absent where it runs as none."),
	DAEMON("gomemd_unit_memory_bytes", GAUGE, "bytes", 0, memory,
		"memory.current of the daemon's unit, helpers included; absent where it runs as none."),
	DAEMON("gomemd_workloads", GAUGE, "", 0, workloads,
		"Workloads with a Go process that are known."),
	DAEMON("gomemd_processes", GAUGE, "", 0, processes,
		"Processes that the daemon keeps track of, those that are not Go's included."),
	DAEMON("gomemd_processes_refused", GAUGE, "", 0, refused,
		"Go processes that are not governed, since a gate refused them."),
	DAEMON("gomemd_quarantined", GAUGE, "", 0, quarantined,
		"Cgroups that are left alone, since they made a helper hang."),
	DAEMON("gomemd_goroutine_limits", GAUGE, "", 0, goroutine_limits,
		"Processes whose goroutine creation is limited."),
	DAEMON("gomemd_writes_stopped", GAUGE, "", 0, writes_stopped,
		"1 while an operator has stopped all writes (gomemctl stop-writes)."),
	DAEMON("gomemd_last_reload_successful", GAUGE, "", 0, reloaded,
		"1 where settings and policies are those of the files as last read, 0 where that was refused and older ones are in force."),
	WRITTEN("gomemd_feature_available", GAUGE, "", "feature", write_features,
		"1 where a feature of this machine works, 0 where it is missing; absent where it was not tried."),
	DAEMON("gomemd_looks", COUNTER, "", 0, looks,
		"Looks at workloads."),
	DAEMON("gomemd_changes", COUNTER, "", 0, changes,
		"Changes of levers that were tried, whatever came of them."),
	DAEMON("gomemd_oom_kills", COUNTER, "", 0, kills,
		"Processes of workloads that the kernel killed for memory, those of workloads that ended with it included."),
	DAEMON("gomemd_left_out", COUNTER, "", 0, left_out,
		"Processes, workloads and names that had no room in the daemon's tables."),
	DAEMON("gomemd_helpers_replaced", COUNTER, "", 0, helpers_replaced,
		"Helpers that did not answer in time, or died, and were replaced."),
	DAEMON("gomemd_hostile_processes", COUNTER, "", 0, hostile,
		"Processes that made a helper hang."),
	DAEMON("gomemd_records_lost", COUNTER, "", 0, records_lost,
		"Journal records that were lost, since journald did not read."),
	DAEMON("gomemd_bpf_events_lost", COUNTER, "", 0, events_lost,
		"Events of eBPF that did not fit into the ring; absent where nothing is listened to."),
	DAEMON("gomemd_heap_profiles", COUNTER, "", 0, profiles,
		"Heap profiles that were taken."),
	DAEMON("gomemd_heap_profile_cpu_seconds", COUNTER, "seconds", MICRO, profile_cpu_usec,
		"CPU time that taking them took."),
	DAEMON("gomemd_unit_reloads", COUNTER, "", 0, reloads,
		"Times that the service manager was made to read its units anew."),
	WRITTEN("gomemd_notifications", COUNTER, "", "receiver,outcome", metrics_write_notifications,
		"Alerts that a receiver has taken (sent), refused for good (rejected), and changes that had no room in its queue (dropped); requests that failed and are made again (failed)."),
	WRITTEN("gomemd_notifications_queued", GAUGE, "", "receiver", metrics_write_queued,
		"Changes of alerts that wait for a receiver."),
	WRITTEN("gomemd_receiver_up", GAUGE, "", "receiver", metrics_write_receivers,
		"1 where a receiver of alerts answered the last request, 0 where it did not; absent where it has not been told of any alert yet."),
	DAEMON("gomemd_alerts_firing", GAUGE, "", 0, alerts_firing,
		"Alerts that fire, of all workloads, as receivers are told; absent where alerts are sent nowhere."),
	DAEMON("gomemd_alerts_left_out", COUNTER, "", 0, alerts_left_out,
		"Alerts that had no room in the table of those that fire; they are in the journal alone."),
	DAEMON("gomemd_kube_api_up", GAUGE, "", 0, kube_up,
		"1 where the last requests to the Kubernetes API for pods and for namespaces were answered well, 0 where one was not, or none yet; absent where kube_api is off."),
	DAEMON("gomemd_kube_api_errors", COUNTER, "", 0, kube_errors,
		"Requests to the Kubernetes API that failed."),
	DAEMON("gomemd_kube_api_age_seconds", GAUGE, "seconds", MICRO, kube_age_usec,
		"Time since the Kubernetes API has told anything of pods, or of namespaces: of the two the longer; absent before it has told of both."),
	DAEMON("gomemd_scrapes", COUNTER, "", 0, scrapes,
		"Answers to scrapes before this one."),
	DAEMON("gomemd_scrape_cpu_seconds", COUNTER, "seconds", MICRO, scrape_usec,
		"CPU time that making them took."),
	DAEMON("gomemd_metrics_dropped", COUNTER, "", 0, dropped,
		"Series, and workloads with all of theirs, that had no room in an answer."),
};
/* clang-format on */

const struct metrics_family *metrics_family_of_workload(size_t i)
{
	return i < ARRAY_SIZE(of_workload) ? &of_workload[i] : NULL;
}

const struct metrics_family *metrics_family_of_daemon(size_t i)
{
	return i < ARRAY_SIZE(of_daemon) ? &of_daemon[i] : NULL;
}
