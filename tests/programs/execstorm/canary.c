// SPDX-License-Identifier: Apache-2.0
/*
 * The other half of execstorm: a program whose data lie where the Go program has its own, and that
 * tells when somebody changes a word of them. See main.go.
 *
 *	canary turn MARKER IMAGE PROGRAM ARG...	watches for a while, then execs PROGRAM
 *	canary check MARKER IMAGE		watches for a while, then exits
 *
 * IMAGE is a file to wear in place of the pattern, or empty. The build puts the section .canary at
 * the address of the Go program's writable segment and makes it as long (CANARY_BYTES).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATTERN 0xc0deca7ab1e5eed5u
#define WORDS	(CANARY_BYTES / sizeof(uint64_t))
#define CHANGED 99

__attribute__((section(".canary"), aligned(4096))) static volatile uint64_t canary[WORDS] = {
	[0 ... WORDS - 1] = PATTERN,
};

/* What the words are compared with; NULL is the pattern. */
static const uint64_t *worn;
static size_t worn_words;

static void wear(const char *path)
{
	struct stat st;
	void *over;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0 || (size_t)st.st_size > CANARY_BYTES) {
		fprintf(stderr, "canary: cannot wear %s\n", path);
		exit(1);
	}
	worn_words = (size_t)st.st_size / sizeof(uint64_t);
	worn = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	over = mmap((void *)canary, (size_t)st.st_size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_FIXED, fd, 0);
	if (worn == MAP_FAILED || over == MAP_FAILED) {
		perror("canary: mmap");
		exit(1);
	}
	close(fd);
}

static void tell(const char *marker, size_t i, uint64_t was, uint64_t is)
{
	char text[200];
	int fd = open(marker, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int n = snprintf(text, sizeof(text),
			 "CANARY CHANGED pid %d address %p was %#" PRIx64 " is %#" PRIx64 "\n",
			 getpid(), (void *)&canary[i], was, is);

	if (write(STDERR_FILENO, text, (size_t)n) < 0 || fd < 0 || write(fd, text, (size_t)n) < 0)
		_exit(CHANGED + 1);
	_exit(CHANGED);
}

static void inspect(const char *marker)
{
	for (size_t i = 0; i < WORDS; i++) {
		uint64_t was = i < worn_words ? worn[i] : PATTERN;
		uint64_t is = canary[i];

		if (is != was)
			tell(marker, i, was, is);
	}
}

static unsigned int random_below(unsigned int n)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned int)(now.tv_nsec / 64) % n;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 1;
	if (argv[3][0])
		wear(argv[3]);
	for (unsigned int i = 0, n = 1 + random_below(20); i < n; i++) {
		inspect(argv[2]);
		usleep(100);
	}
	inspect(argv[2]);
	if (strcmp(argv[1], "turn") != 0 || argc < 5)
		return 0;
	execv(argv[4], argv + 4);
	perror("canary: exec");
	return 1;
}
