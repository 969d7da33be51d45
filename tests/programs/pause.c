/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: pause
 *
 * What keeps a pod's namespaces while its containers come and go: waits, and buries those whose parents have ended. Ends
 * on SIGTERM or SIGINT.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

int main(void)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	/* The first process of a namespace gets no signal that it does not ask for. */
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return EXIT_FAILURE;
	while (!sigwait(&set, &number)) {
		if (number != SIGCHLD)
			return EXIT_SUCCESS;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	return EXIT_FAILURE;
}
