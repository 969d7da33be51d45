/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/kube_api.h"

/* What one request needs: asked for by one byte over the keeper's socket, comes with a socket that is being connected. */
struct kube_grant {
	uint32_t outcome; /* enum kube_outcome; but for KUBE_OK the socket is none */
	uint32_t ca_bytes;
	char token[KUBE_TOKEN_BYTES];
	char ca[KUBE_CA_BYTES];
};

/* The process without rights that lists and watches @resource. @keeper grants, @owner is told. Never returns. */
_Noreturn void kube_follow(int keeper, int owner, const struct kube_api *api,
			   enum kube_resource resource);
