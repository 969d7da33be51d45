/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/uio.h>

#include "report/audit.h"

/* One record on its way to the journal: fields are collected here, each cut and escaped on its way in. */
enum {
	FIELDS_MAX = 48,
	FIELD_BYTES = 1536,
};

struct record {
	size_t n;
	struct iovec iov[FIELDS_MAX];
	char text[FIELDS_MAX][FIELD_BYTES];
};

void record_start(struct record *r, const char *id, int priority);
void record_add(struct record *r, const char *name, const char *format, ...) _printf_(3, 4);
/* JSON that this room made holds no control bytes, but backslashes that must stay. */
void record_add_json(struct record *r, const char *name, const char *json);
void record_add_subject(struct record *r, const struct audit_subject *s);
void record_send(struct record *r, struct journal *j);
