/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "host/fetch.h"

/* gomemd-fetch: started by gomemd and gomemctl, who are at the other end of standard input. */
int main(void)
{
	fetch_serve(STDIN_FILENO);
}
