/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "host/kube_api.h"
#include "kube/names.h"

bool kube_api_parse(const char *server, const char *node, const char *token_file,
		    const char *ca_file, struct kube_api *ret)
{
	struct kube_api api;

	if (endpoint_parse(server, &api.server) < 0 || !api.server.tls ||
	    api.server.family == ENDPOINT_UNIX || !kube_is_subdomain(node) ||
	    token_file[0] != '/' || ca_file[0] != '/' ||
	    !text_copy(api.node, sizeof(api.node), node) ||
	    !text_copy(api.token_file, sizeof(api.token_file), token_file) ||
	    !text_copy(api.ca_file, sizeof(api.ca_file), ca_file))
		return false;
	*ret = api;
	return true;
}

bool kube_api_is_same(const struct kube_api *a, const struct kube_api *b)
{
	char x[ENDPOINT_TEXT_MAX], y[ENDPOINT_TEXT_MAX];

	return !strcmp(endpoint_text(x, &a->server), endpoint_text(y, &b->server)) &&
	       !strcmp(a->node, b->node) && !strcmp(a->token_file, b->token_file) &&
	       !strcmp(a->ca_file, b->ca_file);
}
