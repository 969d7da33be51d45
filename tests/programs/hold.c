/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: hold MIB
 *
 * A neighbour that is not Go's: takes so much memory, says "ready", and keeps it until SIGTERM.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	char *end = NULL, *memory;
	size_t bytes;
	sigset_t set;
	int number;

	bytes = argc == 2 ? (size_t)strtoul(argv[1], &end, 10) << 20 : 0;
	if (!bytes || *end)
		return EXIT_FAILURE;
	memory = malloc(bytes);
	if (!memory)
		return EXIT_FAILURE;
	memset(memory, 1, bytes);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	fflush(stdout);
	sigwait(&set, &number);
	/* Used to the end, so that it is not left out. */
	return memory[bytes - 1] == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
