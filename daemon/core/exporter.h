/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/manager.h"
#include "report/metrics.h"

/* figures.c: what the daemon knows, as the figures that are scraped. With @by_cgroup it is named by its cgroup. */
void figures_of_workload(const struct workload *w, bool by_cgroup, struct metrics_workload *f);
/* All but what only the exporter knows. */
void figures_of_daemon(const struct manager *m, struct metrics_daemon *d);

/* notices.c: those of what is sent. */
void notices_figures(const struct manager *m, struct metrics_daemon *d);

/* kubernetes.c: those of its client. */
void kubernetes_figures(const struct manager *m, struct metrics_daemon *d);
