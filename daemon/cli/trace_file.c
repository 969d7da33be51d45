/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/trace_file.h"

static void filep(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* The next line without its end: its length, 0 for one that is too long (it is passed over), -1 at the end of the file. */
static ssize_t next_line(FILE *f, char *buf)
{
	size_t len;
	int c;

	if (!fgets(buf, TRACE_LINE_MAX, f))
		return -1;
	len = strcspn(buf, "\n");
	if (buf[len] == '\n' || feof(f)) {
		buf[len] = '\0';
		return (ssize_t)len;
	}
	while ((c = fgetc(f)) != '\n' && c != EOF)
		;
	return 0;
}

static int read_looks(FILE *f, char *line,
		      void (*each)(void *userdata, const struct trace_look *look), void *userdata,
		      struct trace_counts *ret)
{
	_cleanup_(freep) struct trace_look *look = malloc(sizeof(*look));
	uint64_t bytes = 0;
	ssize_t len;

	if (!look)
		return -ENOMEM;
	while ((len = next_line(f, line)) >= 0) {
		bytes += (uint64_t)len + 1;
		if (bytes > TRACE_FILE_MAX)
			return -EFBIG;
		if (trace_look_parse(line, (size_t)len, look) < 0) {
			ret->bad++;
			continue;
		}
		ret->looks++;
		ret->lost = MAX(ret->lost, look->lost);
		each(userdata, look);
	}
	return 0;
}

int trace_file_read(const char *path, struct trace_head *ret_head,
		    void (*each)(void *userdata, const struct trace_look *look), void *userdata,
		    struct trace_counts *ret)
{
	_cleanup_(filep) FILE *f = fopen(path, "re");
	_cleanup_(freep) char *line = malloc(TRACE_LINE_MAX);
	ssize_t len;
	int r;

	*ret = (struct trace_counts){ 0 };
	if (!f)
		return -errno;
	if (!line)
		return -ENOMEM;
	len = next_line(f, line);
	r = len < 0 ? -EBADMSG : trace_head_parse(line, (size_t)len, ret_head);
	return r < 0 ? r : read_looks(f, line, each, userdata, ret);
}
