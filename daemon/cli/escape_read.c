/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/util.h"
#include "cli/escape.h"
#include "policy/ini.h"

enum {
	CHUNK_BYTES = 256 << 10,
	DEPTH_MAX = 4, /* DIR/PACKAGE/FILE, and what tools put around it */
	FILES_MAX = 100000,
};

struct walk {
	struct escape_report *report;
	size_t files;
	unsigned int depth;
};

int escape_unusable(const char *path, const char *why)
{
	char name[512];

	text_escape(name, sizeof(name), path);
	fprintf(stderr, "gomemctl: %s: %s\n", name, why);
	return EXIT_UNUSABLE;
}

static int unusable(const char *path, int error)
{
	return escape_unusable(path, strerror(-error));
}

static int push_file(struct escape_report *report, int fd)
{
	_cleanup_(freep) char *chunk = malloc(CHUNK_BYTES);

	if (!chunk)
		return -ENOMEM;
	for (;;) {
		const ssize_t n = read(fd, chunk, CHUNK_BYTES);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return escape_report_end(report);
		r = escape_report_push(report, chunk, (size_t)n);
		if (r < 0)
			return r;
	}
}

static int push_directory(struct walk *w, int dirfd);

/* Files and directories; links, sockets and what else lies there is passed over. */
static int push_entry(struct walk *w, int dirfd, const char *name)
{
	_cleanup_(closep) int fd =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;
	int r;

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO || errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode))
		return ++w->files > FILES_MAX ? -EFBIG : push_file(w->report, fd);
	if (!S_ISDIR(st.st_mode) || w->depth >= DEPTH_MAX)
		return 0;
	w->depth++;
	r = push_directory(w, fd);
	w->depth--;
	return r;
}

static int push_directory(struct walk *w, int dirfd)
{
	struct dirent **names = NULL;
	const int n = scandirat(dirfd, ".", &names, NULL, alphasort);
	int r = n < 0 ? -errno : 0;

	for (int i = 0; i < n; i++) {
		if (r == 0 && names[i]->d_name[0] != '.')
			r = push_entry(w, dirfd, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return r;
}

static int push_path(struct escape_report *report, const char *path)
{
	_cleanup_(closep) int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) :
						       fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	struct walk w = { .report = report };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? push_directory(&w, fd) : push_file(report, fd);
}

/* Lines that tell of escapes, in whatever way. */
static uint64_t lines_of_analysis(const struct escape_stats *stats)
{
	uint64_t n = 0;

	for (enum escape_line_kind k = LINE_ESCAPES; k <= LINE_LEAKING; k++)
		n += stats->kinds[k];
	return n;
}

static int check_read(const char *path, const struct escape_report *report)
{
	const struct escape_stats *stats = escape_report_stats(report);
	char name[512];

	if (lines_of_analysis(stats) > 0)
		return EXIT_DONE;
	text_escape(name, sizeof(name), path);
	if (!stats->bytes)
		fprintf(stderr,
			"gomemctl: %s: is empty; the compiler prints to standard error: go build "
			"-gcflags=-m=2 ./... 2>FILE\n",
			name);
	else
		fprintf(stderr,
			"gomemctl: %s: no line of it is of the compiler's escape analysis; it is made by "
			"go build -gcflags=-m=2 ./... 2>FILE (with -json=0,DIR nothing is written for "
			"what comes from the build cache: go build -a)\n",
			name);
	/* Of a build that failed they are what the compiler said. */
	escape_warn_unknown(report);
	return EXIT_UNUSABLE;
}

int escape_read(const char *path, escape_site_handler handler, void *userdata,
		struct escape_report **ret)
{
	_cleanup_(escape_report_freep) struct escape_report *report = NULL;
	int r = escape_report_new(handler, userdata, &report);

	if (r == 0)
		r = push_path(report, path);
	if (r < 0)
		return unusable(path, r);
	r = check_read(path, report);
	if (r != EXIT_DONE)
		return r;
	*ret = TAKE_PTR(report);
	return EXIT_DONE;
}

static int add_site(void *userdata, const struct escape_site *site)
{
	char buf[BASELINE_FUNCTION_MAX];
	const struct escape_key key = escape_key_of(site, buf);

	return escape_baseline_add(userdata, &key, 1);
}

static bool is_baseline(const char *path)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char head[64];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	n = read(fd, head, sizeof(head));
	return n > 0 && escape_baseline_is(span_of(head, (size_t)n));
}

static int read_baseline_file(const char *path, struct escape_baseline **ret)
{
	_cleanup_(freep) char *text = NULL;
	const char *why = NULL;
	char name[512];
	uint64_t line = 0;
	size_t len = 0;
	int r = fd_read_alloc(AT_FDCWD, path, BASELINE_FILE_MAX, &text, &len);

	if (r == 0)
		r = escape_baseline_read(span_of(text, len), ret, &line, &why);
	if (r == -EBADMSG) {
		text_escape(name, sizeof(name), path);
		fprintf(stderr, "gomemctl: %s:%" PRIu64 ": %s\n", name, line, why);
		return EXIT_UNUSABLE;
	}
	return r < 0 ? unusable(path, r) : EXIT_DONE;
}

int escape_read_baseline(const char *path, struct escape_baseline **ret)
{
	_cleanup_(escape_baseline_freep) struct escape_baseline *b = NULL;
	_cleanup_(escape_report_freep) struct escape_report *report = NULL;
	struct escape_make make;
	int r;

	if (strcmp(path, "-") != 0 && is_baseline(path))
		return read_baseline_file(path, ret);
	r = escape_baseline_new(&b);
	if (r < 0)
		return unusable(path, r);
	r = escape_read(path, add_site, b, &report);
	if (r != EXIT_DONE)
		return r;
	escape_make_of(escape_report_stats(report), &make);
	escape_baseline_set_make(b, &make);
	escape_warn(path, report);
	*ret = TAKE_PTR(b);
	return EXIT_DONE;
}

static void add_pattern(char (*patterns)[GATE_PATTERN_MAX], size_t *n, const struct ini_entry *e,
			struct ini_report *report)
{
	if (*n == GATE_PATTERNS_MAX)
		ini_report_add(report, e->file, e->line, true,
			       "more than %d patterns; split the rule in two", GATE_PATTERNS_MAX);
	else if (!*e->value || !text_copy(patterns[*n], GATE_PATTERN_MAX, e->value))
		ini_report_add(report, e->file, e->line, true,
			       "a pattern of 1 to %d bytes is wanted, as example.com/shop/**",
			       GATE_PATTERN_MAX - 1);
	else
		(*n)++;
}

/* Names with blanks between them; "5" stands for 5a and 5b. */
static void set_classes(struct escape_rule *rule, const struct ini_entry *e,
			struct ini_report *report)
{
	char value[INI_LINE_BYTES_MAX + 1], *save = NULL;

	text_copy(value, sizeof(value), e->value);
	/* No class at all would be every class. */
	if (!value[strspn(value, " ,")])
		ini_report_add(report, e->file, e->line, true,
			       "no class is named; without the key every class is meant");
	for (char *word = strtok_r(value, " ,", &save); word; word = strtok_r(NULL, " ,", &save)) {
		bool found = false;

		for (enum escape_class c = 0; c < CLASS_MAX_; c++) {
			const char *name = escape_class_name(c);

			if (strcmp(name, word) &&
			    (strlen(word) != 1 || strlen(name) != 2 || *name != *word))
				continue;
			rule->classes |= UINT32_C(1) << c;
			found = true;
		}
		if (!found)
			ini_report_add(
				report, e->file, e->line, true,
				"'%s' is no class; there are 0 to 6, 2a and the like, leak, unexplained",
				word);
	}
}

static void begin_rule(struct escape_rules *rules, const struct ini_entry *e,
		       struct ini_report *report)
{
	if (strncmp(e->section, "rule ", 5) != 0 || !e->section[5])
		ini_report_add(report, e->file, e->line, true,
			       "section [%s] is unknown; a rule is written [rule NAME]",
			       e->section);
	if (rules->n == GATE_RULES_MAX) {
		ini_report_add(report, e->file, e->line, true, "more than %d rules; join some",
			       GATE_RULES_MAX);
		return;
	}
	rules->rules[rules->n] = (struct escape_rule){ .level = ESCAPE_LOG };
	text_copy(rules->rules[rules->n].name, GATE_NAME_MAX,
		  strncmp(e->section, "rule ", 5) ? e->section : e->section + 5);
	rules->n++;
}

static void take_entry(void *userdata, const struct ini_entry *e, struct ini_report *report)
{
	static const char *const keys[] = { "package", "function", "class", "level" };
	struct escape_rules *rules = userdata;
	struct escape_rule *rule;

	if (!e->key) {
		begin_rule(rules, e, report);
		return;
	}
	rule = &rules->rules[rules->n - 1];
	if (!strcmp(e->key, "package"))
		add_pattern(rule->packages, &rule->n_packages, e, report);
	else if (!strcmp(e->key, "function"))
		add_pattern(rule->functions, &rule->n_functions, e, report);
	else if (!strcmp(e->key, "class"))
		set_classes(rule, e, report);
	else if (strcmp(e->key, "level"))
		ini_report_unknown(report, e, keys, ARRAY_SIZE(keys));
	else if (escape_level_parse(e->value, &rule->level) < 0)
		ini_report_add(report, e->file, e->line, true,
			       "'%s' is no level; there are ignore, log and fail", e->value);
}

int escape_read_rules(const char *path, struct escape_rules *ret)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	int r;

	ret->n = 0;
	r = ini_read_file(path, take_entry, ret, &report);
	if (r < 0)
		ini_report_unreadable(&report, path, r);
	if (report.text)
		fputs(report.text, stderr);
	return r < 0 || report.errors ? EXIT_UNUSABLE : EXIT_DONE;
}
