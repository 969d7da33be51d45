/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "host/curl_library.h"
#include "host/fetch_message.h"
#include "host/post_curl.h"
#include "host/post_http.h"

#define AUTHORITIES_MAX (4 * MIB)

/* Where distributions have the certificates of the authorities, in one file. */
static const char *const authority_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

struct authorities {
	char *text;
	size_t len;
};

/* Read before no file can be opened any more. */
static void read_authorities(struct authorities *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(authority_files) && !a->text; i++)
		if (fd_read_alloc(AT_FDCWD, authority_files[i], AUTHORITIES_MAX, &a->text,
				  &a->len) < 0)
			a->text = NULL;
}

void post_curl_serve(int fd)
{
	static struct curl_library lib;
	static struct post_task task;
	struct authorities trusted = { 0 };
	char lacks;
	int sock;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gomemd-http");
	signal(SIGPIPE, SIG_IGN);
	lacks = !curl_library_load(&lib);
	read_authorities(&trusted);
	if (!curl_library_confine() || send(fd, &lacks, 1, MSG_NOSIGNAL) != 1)
		_exit(1);
	while (!lacks && fetch_message_receive(fd, &task, sizeof(task), &sock) == 0) {
		struct post_reply reply = { 0 };

		post_http(&lib,
			  &(struct post_http){ .req = &task.req,
					       .token = task.req.token,
					       .authorities = trusted.text,
					       .authorities_bytes = trusted.len,
					       .until = task.until },
			  sock, &reply);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
