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

const char *client_socket(const struct options *o)
{
	return o->socket ? o->socket : CLIENT_SOCKET;
}

static void say_failed(const struct options *o, int r)
{
	fprintf(stderr, "gomemctl: cannot talk to the daemon at %s: %s%s\n", client_socket(o),
		strerror(-r),
		r == -EACCES ? " (be root or in the group gomemd)" : " (systemctl start gomemd)");
}

static int send_request(const struct options *o, const struct control_request *req)
{
	_cleanup_(freep) char *request = control_format(req);
	_cleanup_(closep) int fd = request ? connect_daemon(client_socket(o)) : -ENOMEM;
	const int r = fd < 0 ? fd : fd_write_all(fd, request, strlen(request));

	return r < 0 ? r : TAKE_FD(fd);
}

int client_connect(const struct options *o, const struct control_request *req)
{
	const int fd = send_request(o, req);

	if (fd < 0)
		say_failed(o, fd);
	return fd;
}

int client_fetch(const struct options *o, const struct control_request *req, json_object **ret)
{
	_cleanup_(closep) int fd = send_request(o, req);
	_cleanup_(freep) char *text = NULL;
	json_tokener *tok;
	json_object *answer;
	size_t len = 0;
	int r = fd < 0 ? fd : receive_all(fd, &text, &len);

	if (r < 0)
		return r;
	tok = json_tokener_new();
	answer = tok ? json_tokener_parse_ex(tok, text ? text : "", (int)len) : NULL;
	json_tokener_free(tok);
	if (!answer)
		return -EBADMSG;
	*ret = answer;
	return 0;
}

int client_ask(const struct options *o, const struct control_request *req, json_object **ret)
{
	json_object *answer;
	const int r = client_fetch(o, req, &answer);

	if (r == -EBADMSG)
		fprintf(stderr, "gomemctl: the daemon's answer is cut off\n");
	else if (r < 0)
		say_failed(o, r);
	if (r < 0)
		return EXIT_REFUSED;
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

int client_show(const struct options *o, const struct control_request *req,
		void (*print)(json_object *answer))
{
	json_object *answer;
	int r = client_ask(o, req, &answer);

	if (r != EXIT_DONE)
		return r;
	if (o->json)
		print_json(answer);
	else
		print(answer);
	json_object_put(answer);
	return EXIT_DONE;
}

int client_name_workload(const struct options *o, struct control_request *req)
{
	if (!o->operand || text_copy(req->workload, sizeof(req->workload), o->operand))
		return EXIT_DONE;
	fprintf(stderr, "gomemctl: a workload's name has at most %zu bytes\n",
		sizeof(req->workload) - 1);
	return EXIT_UNUSABLE;
}
