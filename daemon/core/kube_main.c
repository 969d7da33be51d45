/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "host/kube_api.h"

/* gomemd-kube SERVER NODE TOKEN-FILE CA-FILE: started by gomemd, who is at the other end of standard input. */
int main(int argc, char **argv)
{
	struct kube_api api;

	if (argc != 5 || !kube_api_parse(argv[1], argv[2], argv[3], argv[4], &api))
		return 2;
	kube_serve(STDIN_FILENO, &api);
}
