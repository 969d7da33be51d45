/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "host/kube_api.h"

/* gomemd-kube [post] SERVER NODE TOKEN-FILE CA-FILE: started by gomemd, who is at the other end of standard input. */
int main(int argc, char **argv)
{
	const bool posts = argc > 1 && !strcmp(argv[1], KUBE_ROLE_POST);
	char **of = argv + (posts ? 1 : 0);
	struct kube_api api;

	if (argc != (posts ? 6 : 5) || !kube_api_parse(of[1], of[2], of[3], of[4], &api))
		return 2;
	kube_serve(STDIN_FILENO, &api, posts);
}
