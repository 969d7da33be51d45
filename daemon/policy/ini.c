/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"
#include "policy/ini.h"

/* What inih's reader and handler share. */
struct reader {
	const char *file;
	const char *at, *end;
	uint32_t line, section_line;
	bool section_refused; /* its keys belong to nothing, and the error is told */
	char section[INI_NAME_BYTES_MAX + 1];
	ini_entry_handler handler;
	void *userdata;
	struct ini_report *report;
};

/* One line of the text, without its end. */
struct line {
	const char *p, *end;
};

#define REFUSE(r, ...) ini_report_add((r)->report, (r)->file, (r)->line, true, __VA_ARGS__)

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	return p;
}

static bool is_blank_or_comment(const char *p, const char *end)
{
	p = skip_blanks(p, end);
	return p == end || *p == '#' || *p == ';';
}

/* Where inih will find one of @chars: a ';' behind white space begins a comment and ends its search. */
static const char *find_outside_comment(const char *p, const char *end, const char *chars)
{
	bool blank = false;

	for (; p < end; p++) {
		if (strchr(chars, *p))
			return p;
		if (blank && *p == ';')
			return NULL;
		blank = isspace((unsigned char)*p);
	}
	return NULL;
}

static size_t length_of_key(const char *p, const char *end)
{
	while (end > p && isspace((unsigned char)end[-1]))
		end--;
	return (size_t)(end - p);
}

static void announce_section(struct reader *r)
{
	const struct ini_entry entry = {
		.file = r->file,
		.line = r->line,
		.section_line = r->line,
		.section = r->section,
	};

	r->handler(r->userdata, &entry, r->report);
}

/* inih tells the handler nothing of a section's head, and a section without keys is nothing to it at all. */
static bool accept_section(struct reader *r, struct line line)
{
	const char *name = line.p + 1, *close = find_outside_comment(name, line.end, "]");
	size_t len = close ? (size_t)(close - name) : 0;

	r->section_refused = true;
	if (!close)
		REFUSE(r, "'[' without ']'; a section is written [NAME]");
	else if (!len)
		REFUSE(r, "a section without a name; write [NAME]");
	else if (len > INI_NAME_BYTES_MAX)
		REFUSE(r, "a section's name of %zu bytes; at most %d, use a shorter name", len,
		       INI_NAME_BYTES_MAX);
	else if (!is_blank_or_comment(close + 1, line.end))
		REFUSE(r, "text behind ']'; put it on a line of its own");
	else
		r->section_refused = false;
	if (r->section_refused)
		return false;
	memcpy(r->section, name, len);
	r->section[len] = '\0';
	r->section_line = r->line;
	announce_section(r);
	return true;
}

static bool accept_key(struct reader *r, struct line line)
{
	const char *separator = find_outside_comment(line.p, line.end, "=:");
	size_t len = separator ? length_of_key(line.p, separator) : 0;

	if (!separator)
		REFUSE(r, "neither [SECTION] nor KEY = VALUE; begin a comment with '#'");
	else if (*separator == ':')
		REFUSE(r, "':' stands before '='; write KEY = VALUE");
	else if (!len)
		REFUSE(r, "a value without a key; write KEY = VALUE");
	else if (len > INI_NAME_BYTES_MAX)
		REFUSE(r, "a key of %zu bytes; at most %d, no known key is longer", len,
		       INI_NAME_BYTES_MAX);
	else if (!r->section_line && !r->section_refused)
		REFUSE(r, "a key outside a section; put it below a line [SECTION]");
	else
		return !r->section_refused;
	return false;
}

/* False where inih is to see an empty line instead: it is one, it is a comment, or it was refused. */
static bool accept_line(struct reader *r, struct line line)
{
	const char *start = skip_blanks(line.p, line.end);
	size_t len = (size_t)(line.end - line.p);

	if (start < line.end && *start == '[')
		r->section_refused = true;
	if (memchr(line.p, '\0', len)) {
		REFUSE(r, "a NUL byte; write a text file");
		return false;
	}
	if (is_blank_or_comment(line.p, line.end))
		return false;
	if (len > INI_LINE_BYTES_MAX) {
		REFUSE(r, "a line of %zu bytes; at most %d, split long lists over repeated keys",
		       len, INI_LINE_BYTES_MAX);
		return false;
	}
	if (start > line.p) {
		REFUSE(r, "an indented line, which would continue the one above; begin it at the "
			  "margin");
		return false;
	}
	return *start == '[' ? accept_section(r, line) : accept_key(r, line);
}

static struct line take_line(struct reader *r)
{
	const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	struct line line = { .p = r->at, .end = newline ? newline : r->end };

	r->at = newline ? newline + 1 : r->end;
	r->line++;
	if (line.end > line.p && line.end[-1] == '\r')
		line.end--;
	if (r->line == 1 && line.end - line.p >= 3 && !memcmp(line.p, "\xef\xbb\xbf", 3))
		line.p += 3;
	return line;
}

/* In the place of fgets(3): it alone knows which line inih is at. */
static char *read_line(char *buf, int size, void *stream)
{
	struct reader *r = stream;
	struct line line;
	size_t len;

	if (r->at == r->end)
		return NULL;
	line = take_line(r);
	len = (size_t)(line.end - line.p);
	buf[0] = '\0';
	if (!accept_line(r, line))
		return buf;
	/* An inih that was built with a shorter line than its default. */
	if (len >= (size_t)size) {
		REFUSE(r, "a line of %zu bytes; this inih takes %d", len, size - 1);
		return buf;
	}
	memcpy(buf, line.p, len);
	buf[len] = '\0';
	return buf;
}

static int handle_pair(void *userdata, const char *section, const char *key, const char *value)
{
	struct reader *r = userdata;
	const struct ini_entry entry = {
		.file = r->file,
		.line = r->line,
		.section_line = r->section_line,
		.section = section,
		.key = key,
		.value = value,
	};

	r->handler(r->userdata, &entry, r->report);
	return 1;
}

int ini_read_text(const char *file, const char *text, size_t len, ini_entry_handler handler,
		  void *userdata, struct ini_report *report)
{
	struct reader r = {
		.file = file,
		.at = text,
		.end = text + len,
		.handler = handler,
		.userdata = userdata,
		.report = report,
	};
	int line = ini_parse_stream(read_line, &r, handle_pair, &r);

	if (line < 0)
		return -ENOMEM;
	/* What was accepted here and not there: never seen, and not to be passed over in silence. */
	if (line > 0)
		ini_report_add(report, file, (uint32_t)line, true, "is not understood by inih");
	return 0;
}

/* Links may lead about below the directory (a mounted ConfigMap consists of such), not out of it. */
static int open_beneath(const char *file)
{
	static const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	const struct open_how how = {
		.flags = (unsigned int)flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
	_cleanup_(freep) char *dir = slash ? strndup(file, (size_t)(name - file)) : strdup(".");
	_cleanup_(closep) int dirfd = -1;
	int fd;

	if (!dir)
		return -ENOMEM;
	dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
	/* A kernel before 5.6, or a container's filter that does not know the call: then no link at all. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(dirfd, name, flags | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int read_regular(int fd, char **ret, size_t *ret_len)
{
	_cleanup_(freep) char *buf = NULL;
	struct stat st;
	size_t len = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	buf = malloc(INI_FILE_BYTES_MAX + 1);
	if (!buf)
		return -ENOMEM;
	while (len <= INI_FILE_BYTES_MAX) {
		ssize_t n = read(fd, buf + len, INI_FILE_BYTES_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > INI_FILE_BYTES_MAX)
		return -EFBIG;
	*ret = TAKE_PTR(buf);
	*ret_len = len;
	return 0;
}

int ini_read_file(const char *file, ini_entry_handler handler, void *userdata,
		  struct ini_report *report)
{
	_cleanup_(closep) int fd = open_beneath(file);
	_cleanup_(freep) char *text = NULL;
	size_t len = 0;
	int r;

	if (fd < 0)
		return fd;
	r = read_regular(fd, &text, &len);
	if (r < 0)
		return r;
	return ini_read_text(file, text, len, handler, userdata, report);
}
