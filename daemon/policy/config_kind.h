/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * What a setting's value may be: how it is read from gomemd.conf into a field of struct config, and shown as it could stand
 * there again.
 */
enum config_kind {
	KIND_MODE,
	KIND_DURATION,
	KIND_BYTES,
	KIND_COUNT,
	KIND_BOOL,
	KIND_LEVEL,
	KIND_EVENTS,
	KIND_LISTEN,
	KIND_URL,
	KIND_FILE,
	KIND_SERVER,
	KIND_NODE,
	KIND_PATH,
	KIND_MAX_,
};

/* Into a field of config_kind_size bytes, which is touched only on 0; or -EINVAL, -ERANGE. */
int config_kind_parse(enum config_kind kind, const char *value, void *field);

/* Cut to @size. */
void config_kind_format(enum config_kind kind, char *buf, size_t size, const void *field);

size_t config_kind_size(enum config_kind kind);
