/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "base/util.h"
#include "report/journal.h"

enum {
	WAITING_MAX = 256,
};

struct datagram {
	size_t len;
	char *text;
};

struct journal {
	int fd;
	struct sockaddr_un addr;
	uint64_t lost;
	size_t first, n; /* ring */
	struct datagram waiting[WAITING_MAX];
};

int journal_open(const char *path, struct journal **ret)
{
	_cleanup_(journal_closep) struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->addr.sun_family = AF_UNIX;
	j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (j->fd < 0)
		return -errno;
	if (!text_copy(j->addr.sun_path, sizeof(j->addr.sun_path), path))
		return -ENAMETOOLONG;
	*ret = TAKE_PTR(j);
	return 0;
}

/* By address each time: a journald that was restarted listens on another socket of the same name. */
static int send_one(struct journal *j, const struct datagram *d)
{
	if (sendto(j->fd, d->text, d->len, MSG_NOSIGNAL | MSG_DONTWAIT,
		   (const struct sockaddr *)&j->addr, sizeof(j->addr)) < 0)
		return -errno;
	return 0;
}

static void drop_first(struct journal *j)
{
	free(j->waiting[j->first].text);
	j->waiting[j->first] = (struct datagram){ 0 };
	j->first = (j->first + 1) % WAITING_MAX;
	j->n--;
}

size_t journal_flush(struct journal *j)
{
	int r = 0;

	while (j && j->n > 0) {
		r = send_one(j, &j->waiting[j->first]);
		/* One that is too long never gets through, and must not hold up the others. */
		if (r < 0 && r != -EMSGSIZE)
			break;
		j->lost += r < 0;
		drop_first(j);
	}
	return j ? j->n : 0;
}

struct journal *journal_close(struct journal *j)
{
	if (!j)
		return NULL;
	journal_flush(j);
	while (j->n > 0)
		drop_first(j);
	if (j->fd >= 0)
		close(j->fd);
	free(j);
	return NULL;
}

static int datagram_make(struct datagram *d, const struct iovec *fields, size_t n)
{
	size_t at = 0;

	d->len = n;
	for (size_t i = 0; i < n; i++)
		d->len += fields[i].iov_len;
	if (!d->len)
		return -EINVAL;
	d->text = malloc(d->len);
	if (!d->text)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		memcpy(d->text + at, fields[i].iov_base, fields[i].iov_len);
		at += fields[i].iov_len;
		d->text[at++] = '\n';
	}
	return 0;
}

void journal_send(struct journal *j, const struct iovec *fields, size_t n)
{
	struct datagram *d;

	if (!j)
		return;
	journal_flush(j);
	if (j->n == WAITING_MAX) {
		j->lost++;
		return;
	}
	d = &j->waiting[(j->first + j->n) % WAITING_MAX];
	if (datagram_make(d, fields, n) < 0) {
		j->lost++;
		return;
	}
	j->n++;
	journal_flush(j);
}

uint64_t journal_lost(const struct journal *j)
{
	return j ? j->lost : 0;
}
