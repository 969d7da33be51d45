/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * Records on their way to journald, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). sd_journal_sendv
 * waits for a journald that has stopped reading, and with it the daemon would: here such records wait instead, up to
 * a cap, and go out in their order when it reads again. What does not fit any more is counted.
 */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal;

/*
 * @path is copied. A journald that is not there (yet) is no error: records wait for it. Returns 0, -ENAMETOOLONG or
 * -ENOMEM.
 */
int journal_open(const char *path, struct journal **ret);

/* Sends what can be sent at once; the rest is lost. */
struct journal *journal_close(struct journal *j);

static inline void journal_closep(struct journal **j)
{
	journal_close(*j);
}

/* One record of @n fields "NAME=value", none with a newline in it. With @j NULL nothing happens. */
void journal_send(struct journal *j, const struct iovec *fields, size_t n);

/* Tries again what waits. Returns how many records still do. */
size_t journal_flush(struct journal *j);

/* Records that fell out of the queue, since the start. */
uint64_t journal_lost(const struct journal *j);
