/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * Text in and out. Parsers take the whole string or nothing: -EINVAL where it is not of the form, -ERANGE where
 * the value does not fit; *ret is touched only on 0.
 */
int text_parse_u64(const char *s, uint64_t *ret);
int text_parse_i64(const char *s, int64_t *ret);
/* yes, true, on, 1 and their opposites. */
int text_parse_bool(const char *s, bool *ret);
/* Bytes: a number, at most three decimals, and a suffix K M G T (1024-based, as in systemd) or Ki Mi Gi Ti. */
int text_parse_bytes(const char *s, uint64_t *ret);
/* A duration with us, ms, s, min, h, d; a bare number is seconds. */
int text_parse_duration(const char *s, usec_t *ret);

/*
 * The escaping for terminals, logs and journal fields: printable ASCII stays, everything else (control bytes,
 * the bytes of UTF-8, the backslash) becomes \xNN. Cut at @size, always terminated.
 */
void text_escape(char *buf, size_t size, const char *s);

/* Copies at most size - 1 bytes; returns false where it had to cut. */
bool text_copy(char *buf, size_t size, const char *s);

/*
 * Bytes of the character that @s begins with; 0 where it is no UTF-8, or a control character, or one that XML does not
 * take. @len is not 0.
 */
size_t text_character(const char *s, size_t len);

/* FNV-1a of the text and of the NUL that ends it, so that texts can be put in a row: @h is the hash of those before. */
#define TEXT_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t text_hash(uint64_t h, const char *s);

/* "118.4M": bytes for a person; "-" for BYTES_UNLIMITED. Returns @buf. */
#define TEXT_BYTES_MAX 24
const char *text_bytes(char buf[TEXT_BYTES_MAX], uint64_t bytes);

/* RFC 3339 in UTC with nanoseconds. Returns @buf. */
#define TEXT_TIME_MAX 40
const char *text_time_ns(char buf[TEXT_TIME_MAX], uint64_t wall_ns);

/*
 * Shell pattern over a cgroup path: `*` and `?` stop at a slash, `**` does not, and a trailing `/` + `**`
 * matches the path itself as well.
 */
bool text_match_path(const char *pattern, const char *path);
