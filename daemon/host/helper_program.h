/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

enum {
	HELPER_CHILD = 1,
};

/*
 * Forks a helper that is joined to its owner by a pair of sockets, which keep messages apart; *ret_fd is one's own end.
 * Returns 0 to the owner, who has *ret_pid; HELPER_CHILD in the helper, which still has every descriptor of its owner's,
 * and no signal blocked; -errno.
 */
int helper_fork(pid_t *ret_pid, int *ret_fd);

/*
 * Starts a helper that is a program of its own (gomemd-listen, gomemd-throttle): the one beside this program in a build
 * tree, else where it is installed. It keeps one end of a pair of sockets as its standard input and nothing else of its
 * owner's; *ret_fd is the other end, which keeps messages apart. @argv begins with the program's name.
 *
 * Returns 0 or -errno. One that cannot be executed ends at once: nothing but the end of file comes from it.
 */
int helper_program_start(char *const *argv, pid_t *ret_pid, int *ret_fd);

/* Kills it and closes the descriptor; both become -1. Whoever starts helpers has SIGCHLD ignored, or loses a zombie each. */
void helper_program_stop(pid_t *pid, int *fd);
