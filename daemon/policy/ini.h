/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * INI files by inih, within its limits: inih (55) gives the handler no line number, cuts lines at 200 bytes and
 * names at 49, takes ':' as '=', and joins an indented line to the value above. What it would cut or bend is
 * refused here with file and line.
 */

/*
 * Collects what is wrong with a file, for a person: "FILE:LINE: what; what would be right", escaped for terminals.
 * At most INI_REPORT_LINES_MAX lines, of which half may be warnings; the last line counts what fell out.
 */
struct ini_report {
	char *text; /* lines; NULL where there is nothing; freed by ini_report_done */
	size_t len;
	unsigned int errors;   /* the file cannot be used */
	unsigned int warnings; /* an unknown key, say */
	unsigned int lines;    /* that are in text, without the last that counts */
	size_t kept;	       /* bytes of these lines */
};

enum {
	INI_REPORT_LINES_MAX = 64,
	INI_LINE_BYTES_MAX =
		197, /* inih's 200 less CR, LF and the terminator; comments may be longer */
	INI_NAME_BYTES_MAX = 49, /* of a section, of a key */
	INI_FILE_BYTES_MAX = 256 * 1024,
	INI_DROPINS_MAX = 256,
};

void ini_report_done(struct ini_report *report);
/* @line 0: the file as a whole. */
void ini_report_add(struct ini_report *report, const char *file, uint32_t line, bool error,
		    const char *format, ...) __attribute__((format(printf, 5, 6)));

struct ini_entry {
	const char *file;
	uint32_t line;
	uint32_t section_line;
	const char *section, *key,
		*value; /* valid during the call; key and value NULL at a section's head */
};

/* Warns of a key that is none of @names and tells the nearest of them; all of them where none is near. */
void ini_report_unknown(struct ini_report *report, const struct ini_entry *entry,
			const char *const *names, size_t n);
/* The errno of ini_read_file in words, with the mend. */
void ini_report_unreadable(struct ini_report *report, const char *file, int error);

/*
 * Called per section and per key in the order of the file. Says what is wrong through the report. (inih has a type
 * named ini_handler.)
 */
typedef void (*ini_entry_handler)(void *userdata, const struct ini_entry *entry,
				  struct ini_report *report);

/*
 * Reads @text (of @len bytes, from @file) and calls @handler. Errors go into @report; nothing is thrown away
 * silently. Returns 0, or -ENOMEM.
 */
int ini_read_text(const char *file, const char *text, size_t len, ini_entry_handler handler,
		  void *userdata, struct ini_report *report);

/*
 * The same for a file of at most INI_FILE_BYTES_MAX: a regular file, no symbolic link out of its directory. -errno
 * where it cannot be read (-ENOTSUP: not a regular file); the report says nothing of that.
 */
int ini_read_file(const char *file, ini_entry_handler handler, void *userdata,
		  struct ini_report *report);

/* Copies a path, cut at the left. */
void ini_copy_file(char *buf, size_t size, const char *file);

/*
 * The drop-in files *.ini of {etc,run,usr/lib}-like directories: sorted by name over all directories, a name in
 * an earlier directory replaces the same one in a later, a link to /dev/null masks it. @root is "" for the host.
 * Returns how many files, or -errno (-E2BIG over INI_DROPINS_MAX); *ret is an array of paths, each and the array
 * itself to be freed.
 */
int ini_list_dropins(const char *root, const char *const *directories, size_t n, char ***ret);
void ini_free_list(char **paths, int n);
