/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/fetch_message.h"
#include "host/kube_follow.h"
#include "host/kube_post.h"
#include "host/post_http.h"

/* Where the keeper has none to give there is no socket either, but something in its place. */
static int ask_keeper(int keeper, struct kube_grant *grant, int *ret_sock)
{
	const char please = 0;

	if (send(keeper, &please, 1, MSG_NOSIGNAL) != 1 ||
	    fetch_message_receive(keeper, grant, sizeof(*grant), ret_sock) < 0)
		_exit(0);
	if (grant->outcome == KUBE_OK)
		return POST_ANSWERED;
	close(*ret_sock);
	return grant->outcome == KUBE_NO_TOKEN ? POST_NO_TOKEN : POST_REFUSED;
}

static void post_one(const struct curl_library *lib, int keeper, const struct post_request *req,
		     struct post_reply *ret)
{
	static struct kube_grant grant;
	const usec_t until = clock_now() + POST_PATIENCE;
	int sock, r;

	ret->outcome = ask_keeper(keeper, &grant, &sock);
	if (ret->outcome != POST_ANSWERED)
		return;
	r = curl_library_await(sock, until);
	if (r < 0) {
		close(sock);
		ret->outcome = r == -ETIMEDOUT ? POST_TIMEOUT : POST_REFUSED;
		return;
	}
	post_http(lib,
		  &(struct post_http){ .req = req,
				       .token = grant.token,
				       .authorities = grant.ca,
				       .authorities_bytes = grant.ca_bytes,
				       .until = until },
		  sock, ret);
}

void kube_post(int keeper, int owner)
{
	static struct curl_library lib;
	static struct post_request req;
	bool lacks;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gomemd-kubeapi");
	signal(SIGPIPE, SIG_IGN);
	lacks = !curl_library_load(&lib);
	if (!curl_library_confine())
		_exit(1);
	while (recv(owner, &req, sizeof(req), 0) == (ssize_t)sizeof(req)) {
		struct post_reply reply = { .outcome = POST_NO_LIBRARY };

		req.url[sizeof(req.url) - 1] = '\0';
		req.len = MIN(req.len, (uint32_t)POST_BODY_MAX);
		if (!lacks)
			post_one(&lib, keeper, &req, &reply);
		if (send(owner, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
