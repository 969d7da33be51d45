/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "host/listen.h"

/* gomemd-listen WHAT...: started by gomemd and gomemctl, who are at the other end of standard input. */
int main(int argc, char **argv)
{
	uint32_t what = 0;

	for (int i = 1; i < argc; i++)
		for (unsigned int k = 0; k < LISTEN_WORDS; k++)
			if (!strcmp(argv[i], listen_word(k)))
				what |= 1u << k;
	listen_serve(STDIN_FILENO, what);
}
