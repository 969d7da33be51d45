/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <syslog.h>

#include "base/util.h"

/*
 * One line to standard error; under systemd with the journal's priority prefix. Bytes that are not printable
 * leave as \xNN, since names in a message are often a tenant's. Not for audit records: those are report/'s.
 */
void log_line(int priority, const char *format, ...) _printf_(2, 3);

/* Highest priority number (LOG_*) that is still written; LOG_INFO from the start. */
void log_set_max_level(int priority);

#define log_error(...)	 log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_DEBUG, __VA_ARGS__)
