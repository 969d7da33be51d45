/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "host/helper_program.h"

static _Noreturn void exec_program(char *const *argv)
{
	const size_t name_bytes = strlen(argv[0]) + 1;
	char path[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - name_bytes);

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (slash) {
			memcpy(slash + 1, argv[0], name_bytes);
			execv(path, argv);
		}
	}
	snprintf(path, sizeof(path), "%s/%s", GOMEMD_LIBEXEC, argv[0]);
	execv(path, argv);
	_exit(127);
}

static void keep_only(int sock)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (dup2(sock, STDIN_FILENO) < 0 || null < 0)
		_exit(1);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	close_range(3, ~0u, 0);
}

int helper_fork(pid_t *ret_pid, int *ret_fd)
{
	int pair[2], r;
	sigset_t none;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		r = -errno;
		close(pair[0]);
		close(pair[1]);
		return r;
	}
	if (pid == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		*ret_fd = pair[1];
		return HELPER_CHILD;
	}
	close(pair[1]);
	*ret_pid = pid;
	*ret_fd = pair[0];
	return 0;
}

int helper_program_start(char *const *argv, pid_t *ret_pid, int *ret_fd)
{
	int r = helper_fork(ret_pid, ret_fd);

	if (r == HELPER_CHILD) {
		keep_only(*ret_fd);
		exec_program(argv);
	}
	return r;
}

void helper_program_stop(pid_t *pid, int *fd)
{
	closep(fd);
	*fd = -1;
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, WNOHANG);
	}
	*pid = -1;
}
