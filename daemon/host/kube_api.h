/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kube/record.h"
#include "wire/endpoint.h"

/*
 * A client of the Kubernetes API, by a program of its own (gomemd-kube) in three processes. One keeps the user, and no
 * capability: it reads the token's and the CA's file anew for each request and opens sockets, and reads nothing of what
 * comes over them. Two have libcurl and no rights (host/curl_library.h), one for the pods of this node and one for the
 * namespaces with a label gomemd.io/mode: each lists by pages, then watches from there with bookmarks; where what it
 * would go on from is too old (410) it lists again, and after a failure it waits, ever longer and never all nodes at once.
 *
 * In the role "post" the second process is one, which sends what the owner has for the server (host/post.h).
 *
 * What they tell the owner are messages of struct kube_record over the standard input that the program was given; it
 * ends with that, and where one of its processes does.
 *
 * TLS always, by the CA file alone; the certificate has to be for the address. No redirect, no proxy, no name to resolve.
 */
enum {
	KUBE_FILE_BYTES = 256,
	KUBE_TOKEN_BYTES = 16 * 1024,
	KUBE_CA_BYTES = 32 * 1024,
};

struct kube_api {
	struct endpoint server; /* https; its path is not used */
	char node[KUBE_NAME_BYTES];
	char token_file[KUBE_FILE_BYTES], ca_file[KUBE_FILE_BYTES]; /* absolute */
};

/* False where one of these is not as it must be. */
bool kube_api_parse(const char *server, const char *node, const char *token_file,
		    const char *ca_file, struct kube_api *ret);

bool kube_api_is_same(const struct kube_api *a, const struct kube_api *b);

/* The first argument of gomemd-kube in that role. */
#define KUBE_ROLE_POST "post"

/* The helper's side: serves the owner at the other end of @fd, as one who follows or one who sends. Never returns. */
_Noreturn void kube_serve(int fd, const struct kube_api *api, bool posts);
