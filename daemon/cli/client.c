/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/cli.h"

#define SOCKET_PATH    "/run/gomemd/control.sock"
#define ANSWER_MAX     (64 * MIB)
#define ANSWER_SECONDS 15

static int connect_daemon(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!text_copy(addr.sun_path, sizeof(addr.sun_path), path))
		return -ENAMETOOLONG;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int receive_all(int fd, char **ret, size_t *ret_len)
{
	_cleanup_(freep) char *buf = NULL;
	size_t len = 0, room = 0;

	for (;;) {
		ssize_t n;

		if (len == room) {
			char *grown;

			room = room ? 2 * room : 65536;
			grown = room > ANSWER_MAX ? NULL : realloc(buf, room);
			if (!grown)
				return -EFBIG;
			buf = grown;
		}
		n = read(fd, buf + len, room - len);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret = TAKE_PTR(buf);
	*ret_len = len;
	return 0;
}

static void say_candidates(json_object *answer)
{
	json_object *list;

	if (!json_object_object_get_ex(answer, "candidates", &list))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		fprintf(stderr, "  %s\n",
			json_object_get_string(json_object_array_get_idx(list, i)));
}

int client_ask(const struct options *o, const struct control_request *req, json_object **ret)
{
	const char *path = o->socket ? o->socket : SOCKET_PATH;
	_cleanup_(closep) int fd = connect_daemon(path);
	_cleanup_(freep) char *request = control_format(req), *text = NULL;
	json_tokener *tok = json_tokener_new();
	json_object *answer;
	size_t len = 0;
	int r = fd < 0 ? fd : 0;

	if (r == 0)
		r = fd_write_all(fd, request, strlen(request));
	if (r == 0)
		r = receive_all(fd, &text, &len);
	if (r < 0) {
		fprintf(stderr, "gomemctl: cannot talk to the daemon at %s: %s%s\n", path,
			strerror(-r),
			r == -EACCES ? " (be root or in the group gomemd)" :
				       " (systemctl start gomemd)");
		json_tokener_free(tok);
		return EXIT_REFUSED;
	}
	answer = json_tokener_parse_ex(tok, text, (int)len);
	json_tokener_free(tok);
	if (!answer) {
		fprintf(stderr, "gomemctl: the daemon's answer is cut off\n");
		return EXIT_REFUSED;
	}
	if (json_object_object_get_ex(answer, "error", NULL)) {
		if (o->json)
			print_json(answer);
		fprintf(stderr, "gomemctl: %s\n", member_text(answer, "error"));
		say_candidates(answer);
		json_object_put(answer);
		return EXIT_REFUSED;
	}
	*ret = answer;
	return EXIT_DONE;
}
