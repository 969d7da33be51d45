// SPDX-License-Identifier: Apache-2.0
/*
 * fuse-block: a file whose reads never end, for a process whose image or mapping blocks whoever
 * looks at it.
 *
 *	fuse-block serve MOUNTPOINT [FILE]	serves MOUNTPOINT/file until it is killed
 *	fuse-block map PATH			maps PATH as an image is mapped, and waits
 *
 * Without FILE, no read of the file is ever answered. With FILE, its bytes are served, so that it
 * can be executed from there, until the server gets SIGUSR1: from then on no read is answered.
 * "ready" is printed when the file system is mounted, or the file mapped. When the server ends, all
 * who wait get an error; what is left of the mount goes with `umount -l`.
 */
#define FUSE_USE_VERSION 34
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EMPTY_SIZE (1024 * 1024)

enum { ROOT_INODE = 1, FILE_INODE = 2 };

static volatile sig_atomic_t blocked = 1;
static int source_fd = -1;

static void block(int sig)
{
	(void)sig;
	blocked = 1;
}

static struct stat attributes(fuse_ino_t inode)
{
	struct stat st = { .st_ino = inode, .st_mode = S_IFDIR | 0755, .st_nlink = 2 };

	if (inode == FILE_INODE) {
		st.st_mode = S_IFREG | 0755;
		st.st_nlink = 1;
		st.st_size = EMPTY_SIZE;
		if (source_fd >= 0)
			st.st_size = lseek(source_fd, 0, SEEK_END);
	}
	return st;
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = { .ino = FILE_INODE, .attr = attributes(FILE_INODE) };

	if (parent != ROOT_INODE || strcmp(name, "file") != 0)
		fuse_reply_err(request, ENOENT);
	else
		fuse_reply_entry(request, &entry);
}

static void on_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	struct stat st = attributes(inode);

	(void)info;
	fuse_reply_attr(request, &st, 0);
}

static void on_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
	(void)inode;
	info->keep_cache = 0;
	fuse_reply_open(request, info);
}

static void on_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
		    struct fuse_file_info *info)
{
	char *bytes;
	ssize_t n;

	(void)inode;
	(void)info;
	if (blocked)
		return; /* without a reply: this is what the program is for */
	bytes = malloc(size);
	n = bytes ? pread(source_fd, bytes, size, offset) : -1;
	if (n < 0)
		fuse_reply_err(request, EIO);
	else
		fuse_reply_buf(request, bytes, (size_t)n);
	free(bytes);
}

static const struct fuse_lowlevel_ops operations = {
	.lookup = on_lookup,
	.getattr = on_getattr,
	.open = on_open,
	.read = on_read,
};

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int serve(const char *mountpoint, const char *source)
{
	char *options[] = { "fuse-block", "-o",
			    "default_permissions,allow_other,fsname=fuse-block" };
	struct fuse_args args = FUSE_ARGS_INIT(3, options);
	struct sigaction on_usr1 = { .sa_handler = block, .sa_flags = SA_RESTART };
	struct fuse_session *session;
	int result;

	if (source) {
		source_fd = open(source, O_RDONLY | O_CLOEXEC);
		if (source_fd < 0)
			return fail(source);
		blocked = 0;
	}
	session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
	if (!session || fuse_session_mount(session, mountpoint) < 0)
		return fail(mountpoint);
	if (sigaction(SIGUSR1, &on_usr1, NULL) < 0 || fuse_set_signal_handlers(session) < 0)
		return fail("signals");
	puts("ready");
	fflush(stdout);
	result = fuse_session_loop(session);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	return result != 0;
}

static int map(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(path);
	if (mmap(NULL, EMPTY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		return fail("mmap");
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "map"))
		return map(argv[2]);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "serve"))
		return serve(argv[2], argv[3]);
	fprintf(stderr, "usage: fuse-block serve MOUNTPOINT [FILE] | map PATH\n");
	return 2;
}
