/* SPDX-License-Identifier: Apache-2.0 */

/*
 * chost [fork|fork-threads] LIBRARY...: a C program that holds Go runtimes, as c-shared libraries, and runs the first
 * one's main. With "fork", a child that never execs is made before, which says "ready PID" on standard error and waits
 * for its end; with "fork-threads" it has a thread more, as a worker of a server would.
 */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An exported function that comes back only when the runtime has started. */
static void (*open_library(const char *path))(void)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void (*run)(void) = NULL;
	void (*started)(void) = NULL;

	if (library) {
		/* As POSIX has it: an object's address for a function's. */
		*(void **)&run = dlsym(library, "GomemdTestMain");
		*(void **)&started = dlsym(library, "GomemdTestStarted");
	}
	if (!run || !started) {
		fprintf(stderr, "chost: %s\n", dlerror());
		exit(2);
	}
	started();
	return run;
}

static void *wait_forever(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

static void fork_child(bool threads)
{
	pthread_t thread;
	pid_t pid;

	/* What came before it is told from what came after it by the tick of the kernel's clock. */
	poll(NULL, 0, 200);
	pid = fork();
	if (pid < 0)
		exit(2);
	if (pid > 0)
		return;
	if (threads && pthread_create(&thread, NULL, wait_forever, NULL) != 0)
		exit(2);
	fprintf(stderr, "ready %d\n", (int)getpid());
	wait_forever(NULL);
}

int main(int argc, char **argv)
{
	const bool threads = argc > 1 && !strcmp(argv[1], "fork-threads");
	const bool forks = threads || (argc > 1 && !strcmp(argv[1], "fork"));
	const int first = forks ? 2 : 1;
	void (*run)(void) = NULL;

	if (argc <= first) {
		fprintf(stderr, "usage: chost [fork|fork-threads] LIBRARY...\n");
		return 2;
	}
	for (int i = argc - 1; i >= first; i--)
		run = open_library(argv[i]);
	if (forks)
		fork_child(threads);
	run();
	return 0;
}
