/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "host/post.h"

/* gomemd-post: started by gomemd, who is at the other end of standard input. */
int main(void)
{
	post_serve(STDIN_FILENO);
}
