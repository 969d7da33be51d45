/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/address.h"
#include "base/clock.h"
#include "policy/ini.h"
#include "policy/policy.h"
#include "wire/url.h"

/*
 * gomemd.conf, section [daemon]. One row per key in config.c feeds the loader, `gomemctl show-config` and the check
 * that gomemd.conf(5) names every key.
 */
enum config_process_events {
	PROCESS_EVENTS_NO,
	PROCESS_EVENTS_YES, /* by what there is */
	PROCESS_EVENTS_CONNECTOR,
	PROCESS_EVENTS_BPF,
	PROCESS_EVENTS_MAX_,
};

enum {
	CONFIG_TEXT_MAX = 256,
};

struct config {
	int32_t mode; /* enum policy_mode; mode = recommend */
	usec_t look_min,
		look_max; /* bounds of the time between two looks at a workload; 50 ms, 10 s */
	usec_t interval;  /* at least this between two changes of one lever; 5 s */
	usec_t helper_deadline; /* a helper that has not answered by then is replaced; 2 s */
	usec_t reload_interval; /* at least this between two reloads of the service manager; 5 min */
	bool reload_on_change; /* settings and policies are read again when their files change; no */
	uint64_t workloads_max;	     /* 4096 */
	uint64_t processes_max;	     /* Go processes; 8192 */
	uint64_t record_bytes;	     /* size of the decision file; 16M */
	uint64_t postmortem_records; /* records of kills that are kept; 64, 0: none */
	uint64_t postmortem_bytes;   /* ... and their size in all; 4M */
	uint64_t audit_burst;	     /* audit records per workload in a row ... */
	usec_t audit_interval;	     /* ... and how long until one more; 20, 10 s */
	int32_t process_events;	     /* enum config_process_events: follow exec and exit; yes */
	bool probes;		     /* listen by eBPF; yes */
	char metrics_listen[ADDRESS_TEXT_MAX]; /* CONFIG_NONE, or what address_parse takes; no */
	char alert_alertmanager[URL_TEXT_MAX]; /* CONFIG_NONE, or what url_parse takes; no */
	char alert_webhook[URL_TEXT_MAX];      /* the same */
	bool alert_events;		       /* on pods, by the API server; no */
	char alert_token_file[URL_TEXT_MAX];   /* CONFIG_NONE, or an absolute path; no */
	usec_t alert_hold;    /* an alert has to be gone for so long to be resolved; 1 min */
	usec_t alert_repeat;  /* how often Alertmanager is told of what fires; 1 min */
	uint64_t alert_queue; /* changes that wait for a receiver; 256 */
	char kube_api[CONFIG_TEXT_MAX]; /* CONFIG_KUBE_OFF, CONFIG_KUBE_IN_CLUSTER, or a URL; off */
	char kube_node[CONFIG_TEXT_MAX]; /* this node's name, or CONFIG_KUBE_NODE_AUTO; auto */
	char kube_token_file[CONFIG_TEXT_MAX]; /* absolute; that of a pod's service account */
	char kube_ca_file[CONFIG_TEXT_MAX];    /* the same */
	int32_t log_level;		       /* emerg ... debug (syslog(3)); info */
};

#define CONFIG_NONE	       "no"
#define CONFIG_KUBE_OFF	       "off"
#define CONFIG_KUBE_IN_CLUSTER "in-cluster"
#define CONFIG_KUBE_NODE_AUTO  "auto"

void config_default(struct config *ret);

/*
 * Reads @file over the defaults. A missing file is no error. -EINVAL where the report has errors (a file that cannot
 * be read is one): nothing changes.
 */
int config_load(const char *file, struct ini_report *report, struct config *ret);
int config_load_text(const char *file, const char *text, size_t len, struct ini_report *report,
		     struct config *ret);

/* One row for show-config and the documentation check. */
struct config_row {
	const char *key, *default_text, *about;
	char value[CONFIG_TEXT_MAX];
};

size_t config_rows_max(void);
/* Row @i with the value in @config. */
void config_get_row(const struct config *config, size_t i, struct config_row *ret);
