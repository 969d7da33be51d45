/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "host/throttle.h"

/* gomemd-throttle: started by gomemd and gomemctl, who are at the other end of standard input. */
int main(void)
{
	throttle_serve(STDIN_FILENO);
}
