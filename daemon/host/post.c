/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "host/helper_program.h"
#include "host/kube_api.h"
#include "host/post.h"

/* What the helper needs beside the request itself: it is started, names are looked up, a busy machine keeps it waiting. */
#define SLACK (10 * USEC_SEC)

struct poster {
	bool to_kube;
	struct kube_api api;
	pid_t pid;
	int fd;
	unsigned int generation;
	usec_t deadline; /* 0: nothing is under way */
	post_done done;
	void *userdata;
};

static const char *const outcome_texts[] = {
	[POST_ANSWERED] = "answered",
	[POST_UNRESOLVED] = "its name has no address",
	[POST_REFUSED] = "nobody listens there, or it cannot be reached",
	[POST_FORBIDDEN] = "it may not be reached from here",
	[POST_TIMEOUT] = "no answer in time",
	[POST_GARBLED] = "what it says is no HTTP, or no TLS",
	[POST_UNTRUSTED] = "its certificate is not trusted",
	[POST_NO_LIBRARY] = "libcurl is not there: install libcurl4",
	[POST_NO_TOKEN] =
		"its token (kube_token_file), or kube_ca_file, cannot be read or holds none",
	[POST_HUNG] = "the helper that sends did not answer",
	[POST_FAILED] = "the helper that sends failed",
};
_Static_assert(ARRAY_SIZE(outcome_texts) == POST_OUTCOME_MAX_, "a text for each outcome");

const char *post_outcome_text(int32_t outcome)
{
	return outcome_texts[outcome >= 0 && outcome < POST_OUTCOME_MAX_ ? outcome : POST_FAILED];
}

int poster_new(const struct kube_api *api, post_done done, void *userdata, struct poster **ret)
{
	struct poster *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->pid = p->fd = -1;
	p->to_kube = api != NULL;
	if (api)
		p->api = *api;
	p->done = done;
	p->userdata = userdata;
	*ret = p;
	return 0;
}

struct poster *poster_free(struct poster *p)
{
	if (p)
		helper_program_stop(&p->pid, &p->fd);
	free(p);
	return NULL;
}

static int start(struct poster *p)
{
	char post[] = "gomemd-post", kube[] = "gomemd-kube", role[] = KUBE_ROLE_POST;
	char server[ENDPOINT_TEXT_MAX];
	char *to_any[] = { post, NULL };
	char *to_kube[] = {
		kube, role, server, p->api.node, p->api.token_file, p->api.ca_file, NULL
	};

	if (p->to_kube)
		endpoint_text(server, &p->api.server);
	return helper_program_start(p->to_kube ? to_kube : to_any, &p->pid, &p->fd);
}

int poster_request(struct poster *p, const struct post_request *req)
{
	if (p->deadline)
		return -EBUSY;
	if (p->fd < 0 && start(p) == 0)
		p->generation++;
	p->deadline = clock_now() + POST_PATIENCE + SLACK;
	/* One that cannot be started, or has ended, is found to have by the deadline or by its closed socket. */
	if (p->fd < 0 ||
	    send(p->fd, req, sizeof(*req), MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof(*req))
		p->deadline = clock_now();
	return 0;
}

static void finish(struct poster *p, const struct post_reply *reply)
{
	const bool asked = p->deadline != 0;

	p->deadline = 0;
	if (asked)
		p->done(p->userdata, reply);
}

static void give_up(struct poster *p, enum post_outcome outcome)
{
	helper_program_stop(&p->pid, &p->fd);
	p->generation++;
	finish(p, &(struct post_reply){ .outcome = (int32_t)outcome });
}

void poster_rest(struct poster *p)
{
	if (p->fd < 0 || p->deadline)
		return;
	helper_program_stop(&p->pid, &p->fd);
	p->generation++;
}

void poster_dispatch(struct poster *p)
{
	struct post_reply reply;
	ssize_t n = recv(p->fd, &reply, sizeof(reply), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(reply))
		give_up(p, POST_FAILED);
	else
		finish(p, &reply);
}

void poster_expire(struct poster *p, usec_t now)
{
	if (p->deadline && now >= p->deadline)
		give_up(p, POST_HUNG);
}

int poster_fd(const struct poster *p)
{
	return p->fd;
}

unsigned int poster_generation(const struct poster *p)
{
	return p->generation;
}

usec_t poster_deadline(const struct poster *p)
{
	return p->deadline;
}
