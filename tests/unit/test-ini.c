/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "policy/ini.h"

/* What a handler was told, as text: "[section]@line" and "key=value@line(section)" with a blank between. */
struct heard {
	char text[2048];
	size_t len;
};

static void hear(void *userdata, const struct ini_entry *e, struct ini_report *report)
{
	struct heard *h = userdata;
	char *at = h->text + h->len;
	size_t room = sizeof(h->text) - h->len;
	int n;

	(void)report;
	assert_string_equal(e->file, "x.ini");
	if (e->key)
		n = snprintf(at, room, "%s=%s@%u([%s]@%u) ", e->key, e->value, e->line, e->section,
			     e->section_line);
	else
		n = snprintf(at, room, "[%s]@%u ", e->section, e->line);
	h->len += MIN((size_t)n, room - 1);
}

#define TEN	"0123456789"
#define FIFTY	TEN TEN TEN TEN TEN
#define SPAN(s) s, sizeof(s) - 1

struct text_case {
	const char *name, *text;
	size_t len;
	const char *heard, *report;
};

static const struct text_case texts[] = {
	{ "an empty file says nothing", SPAN(""), "", "" },
	{ "sections and keys come with their lines", SPAN("[a]\nk = v\n\n# c\n[b]\nl=w\n"),
	  "[a]@1 k=v@2([a]@1) [b]@5 l=w@6([b]@5) ", "" },
	{ "a section without keys is announced", SPAN("[a]\n[b]\n"), "[a]@1 [b]@2 ", "" },
	{ "CR LF is a line's end", SPAN("[a]\r\nk = v\r\n"), "[a]@1 k=v@2([a]@1) ", "" },
	{ "the last line needs no end", SPAN("[a]\nk = v"), "[a]@1 k=v@2([a]@1) ", "" },
	{ "a byte order mark is passed over", SPAN("\xef\xbb\xbf[a]\nk=v\n"), "[a]@1 k=v@2([a]@1) ",
	  "" },
	{ "a value may have '=' and ':'", SPAN("[a]\nk = v=w:x\n"), "[a]@1 k=v=w:x@2([a]@1) ", "" },
	{ "a value may be empty", SPAN("[a]\nk =\n"), "[a]@1 k=@2([a]@1) ", "" },
	{ "'#' behind a value belongs to it", SPAN("[a]\nk = v # w\n"), "[a]@1 k=v # w@2([a]@1) ",
	  "" },
	{ "';' behind white space begins a comment", SPAN("[a]\nk = v ; w\n"),
	  "[a]@1 k=v@2([a]@1) ", "" },
	{ "an indented comment is a comment", SPAN("[a]\nk = v\n  # c\n"), "[a]@1 k=v@2([a]@1) ",
	  "" },
	{ "a comment may be long", SPAN("# " FIFTY FIFTY FIFTY FIFTY FIFTY "\n[a]\n"), "[a]@2 ",
	  "" },
	{ "a comment may follow a section", SPAN("[a] # c\nk=v\n"), "[a]@1 k=v@2([a]@1) ", "" },
	{ "197 bytes are a line", SPAN("[a]\nk=" FIFTY FIFTY FIFTY TEN TEN TEN TEN "01234\n"),
	  "[a]@1 k=" FIFTY FIFTY FIFTY TEN TEN TEN TEN "01234@2([a]@1) ", "" },
	{ "198 bytes are refused",
	  SPAN("[a]\nk=" FIFTY FIFTY FIFTY TEN TEN TEN TEN "012345\nl=w\n"), "[a]@1 l=w@3([a]@1) ",
	  "x.ini:2: a line of 198 bytes; at most 197, split long lists over repeated keys\n" },
	{ "49 bytes are a section", SPAN("[" TEN TEN TEN TEN "012345678]\n"),
	  "[" TEN TEN TEN TEN "012345678]@1 ", "" },
	{ "50 bytes of section are refused, with its keys",
	  SPAN("[a]\nj=u\n[" FIFTY "]\nk=v\n[b]\nl=w\n"), "[a]@1 j=u@2([a]@1) [b]@5 l=w@6([b]@5) ",
	  "x.ini:3: a section's name of 50 bytes; at most 49, use a shorter name\n" },
	{ "49 bytes are a key", SPAN("[a]\n" TEN TEN TEN TEN "012345678 = v\n"),
	  "[a]@1 " TEN TEN TEN TEN "012345678=v@2([a]@1) ", "" },
	{ "50 bytes of key are refused", SPAN("[a]\n" FIFTY " = v\n"), "[a]@1 ",
	  "x.ini:2: a key of 50 bytes; at most 49, no known key is longer\n" },
	{ "':' before '=' is refused", SPAN("[a]\nk: v\nk:v=w\n"), "[a]@1 ",
	  "x.ini:2: ':' stands before '='; write KEY = VALUE\n"
	  "x.ini:3: ':' stands before '='; write KEY = VALUE\n" },
	{ "an indented line is refused", SPAN("[a]\nk = v\n  w\n"), "[a]@1 k=v@2([a]@1) ",
	  "x.ini:3: an indented line, which would continue the one above; begin it at the "
	  "margin\n" },
	{ "an indented section is refused, with its keys", SPAN("[a]\nk=v\n [b]\nl=w\n"),
	  "[a]@1 k=v@2([a]@1) ",
	  "x.ini:3: an indented line, which would continue the one above; begin it at the "
	  "margin\n" },
	{ "a NUL byte is refused", SPAN("[a]\nk = v\0w\nl=w\n"), "[a]@1 l=w@3([a]@1) ",
	  "x.ini:2: a NUL byte; write a text file\n" },
	{ "a NUL byte in a section refuses its keys", SPAN("[a]\n[b\0]\nl=w\n"), "[a]@1 ",
	  "x.ini:2: a NUL byte; write a text file\n" },
	{ "a key outside a section is refused", SPAN("k = v\n[a]\n"), "[a]@2 ",
	  "x.ini:1: a key outside a section; put it below a line [SECTION]\n" },
	{ "a line without '=' is refused", SPAN("[a]\nk v\n"), "[a]@1 ",
	  "x.ini:2: neither [SECTION] nor KEY = VALUE; begin a comment with '#'\n" },
	{ "'=' within a comment is none", SPAN("[a]\nk ; = v\n"), "[a]@1 ",
	  "x.ini:2: neither [SECTION] nor KEY = VALUE; begin a comment with '#'\n" },
	{ "a value without a key is refused", SPAN("[a]\n= v\n"), "[a]@1 ",
	  "x.ini:2: a value without a key; write KEY = VALUE\n" },
	{ "'[' without ']' is refused", SPAN("[a\nk=v\n"), "",
	  "x.ini:1: '[' without ']'; a section is written [NAME]\n" },
	{ "a section without a name is refused", SPAN("[]\nk=v\n"), "",
	  "x.ini:1: a section without a name; write [NAME]\n" },
	{ "text behind ']' is refused", SPAN("[a] k = v\n"), "",
	  "x.ini:1: text behind ']'; put it on a line of its own\n" },
	{ "control bytes are escaped in the report", SPAN("[a]\n\033[2J\n"), "[a]@1 ",
	  "x.ini:2: neither [SECTION] nor KEY = VALUE; begin a comment with '#'\n" },
};

static void test_text(void **state)
{
	const struct text_case *c = *state;
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	/* A copy of the exact length, so that the sanitizer sees a read beyond it. */
	_cleanup_(freep) char *text = malloc(c->len + !c->len);
	struct heard heard = { 0 };

	assert_non_null(text);
	memcpy(text, c->text, c->len);
	assert_int_equal(ini_read_text("x.ini", text, c->len, hear, &heard, &report), 0);
	assert_string_equal(heard.text, c->heard);
	assert_string_equal(report.text ? report.text : "", c->report);
	assert_int_equal(report.errors > 0, *c->report != '\0');
}

static unsigned int count_lines(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void test_report_cap(void **state)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };

	(void)state;
	for (uint32_t i = 1; i <= 100; i++)
		ini_report_add(&report, "x.ini", i, false, "odd");
	for (uint32_t i = 101; i <= 200; i++)
		ini_report_add(&report, "x.ini", i, true, "bad");
	assert_int_equal(report.errors, 100);
	assert_int_equal(report.warnings, 100);
	assert_int_equal(count_lines(report.text), INI_REPORT_LINES_MAX + 1);
	assert_non_null(strstr(report.text, "x.ini:32: odd\nx.ini:101: bad\n"));
	assert_non_null(strstr(report.text, "x.ini:132: bad\n(136 more not shown)\n"));
	assert_int_equal(report.len, strlen(report.text));
}

static void test_report_escape(void **state)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };

	(void)state;
	ini_report_add(&report, "a\nb.ini", 0, true, "%s", "x\033[2J");
	assert_string_equal(report.text, "a\\x0ab.ini: x\\x1b[2J\n");
}

static void test_copy_file(void **state)
{
	char buf[12];

	(void)state;
	ini_copy_file(buf, sizeof(buf), "/etc/a.ini");
	assert_string_equal(buf, "/etc/a.ini");
	ini_copy_file(buf, sizeof(buf), "/etc/b/c/d.ini");
	assert_string_equal(buf, ".../c/d.ini");
}

static char dir[64];

static char *in_dir(const char *name)
{
	static char path[2][256];
	static size_t turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void put_file(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/gomemd-test-ini.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_dir(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void count_keys(void *userdata, const struct ini_entry *entry, struct ini_report *report)
{
	(void)report;
	*(int *)userdata += entry->key != NULL;
}

/* How many keys, or -errno. */
static int read_in_dir(const char *name)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	int keys = 0, r = ini_read_file(in_dir(name), count_keys, &keys, &report);

	return r < 0 ? r : keys;
}

static void test_file(void **state)
{
	(void)state;
	put_file("a.ini", "[a]\nk=v\nl=w\n");
	assert_int_equal(mkdir(in_dir("sub"), 0700), 0);
	assert_int_equal(symlink("a.ini", in_dir("inside.ini")), 0);
	assert_int_equal(symlink("../a.ini", in_dir("sub/outside.ini")), 0);
	assert_int_equal(symlink("/etc/passwd", in_dir("absolute.ini")), 0);
	assert_int_equal(symlink("loop.ini", in_dir("loop.ini")), 0);
	assert_int_equal(mkfifo(in_dir("fifo.ini"), 0600), 0);
	assert_int_equal(read_in_dir("a.ini"), 2);
	assert_int_equal(read_in_dir("inside.ini"), 2);
	assert_int_equal(read_in_dir("sub/outside.ini"), -EXDEV);
	assert_int_equal(read_in_dir("absolute.ini"), -EXDEV);
	assert_int_equal(read_in_dir("loop.ini"), -ELOOP);
	assert_int_equal(read_in_dir("fifo.ini"), -ENOTSUP);
	assert_int_equal(read_in_dir("sub"), -ENOTSUP);
	assert_int_equal(read_in_dir("absent.ini"), -ENOENT);
	assert_int_equal(read_in_dir("absent/a.ini"), -ENOENT);
}

static void test_file_size(void **state)
{
	_cleanup_(freep) char *text = malloc(INI_FILE_BYTES_MAX + 2);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', INI_FILE_BYTES_MAX + 1);
	text[INI_FILE_BYTES_MAX] = '\0';
	put_file("most.ini", text);
	assert_int_equal(read_in_dir("most.ini"), 0);
	text[INI_FILE_BYTES_MAX] = '\n';
	text[INI_FILE_BYTES_MAX + 1] = '\0';
	put_file("more.ini", text);
	assert_int_equal(read_in_dir("more.ini"), -EFBIG);
}

static void test_dropins(void **state)
{
	static const char *const dirs[] = { "/etc", "/run", "/lib" };
	static const char *const expected[] = { "/lib/10-a.ini", "/etc/20-b.ini", "/run/30-c.ini" };
	char **paths = NULL;
	int n;

	(void)state;
	assert_int_equal(mkdir(in_dir("etc"), 0700), 0);
	assert_int_equal(mkdir(in_dir("lib"), 0700), 0);
	assert_int_equal(mkdir(in_dir("run"), 0700), 0);
	put_file("lib/10-a.ini", "");
	put_file("lib/20-b.ini", "");
	put_file("etc/20-b.ini", "");
	put_file("run/30-c.ini", "");
	put_file("lib/40-masked.ini", "");
	assert_int_equal(symlink("/dev/null", in_dir("etc/40-masked.ini")), 0);
	put_file("etc/50-d.conf", "");
	put_file("etc/.60-e.ini", "");
	put_file("etc/.ini", "");
	n = ini_list_dropins(dir, dirs, ARRAY_SIZE(dirs), &paths);
	assert_int_equal(n, ARRAY_SIZE(expected));
	for (int i = 0; i < n; i++)
		assert_string_equal(paths[i] + strlen(dir), expected[i]);
	ini_free_list(paths, n);
}

static void test_dropins_cap(void **state)
{
	static const char *const dirs[] = { "/many", "/absent" };
	char **paths = NULL, name[32];
	int n;

	(void)state;
	assert_int_equal(mkdir(in_dir("many"), 0700), 0);
	for (int i = 0; i < INI_DROPINS_MAX; i++) {
		snprintf(name, sizeof(name), "many/%d.ini", i);
		put_file(name, "");
	}
	n = ini_list_dropins(dir, dirs, ARRAY_SIZE(dirs), &paths);
	assert_int_equal(n, INI_DROPINS_MAX);
	ini_free_list(paths, n);
	put_file("many/one-more.ini", "");
	assert_int_equal(ini_list_dropins(dir, dirs, ARRAY_SIZE(dirs), &paths), -E2BIG);
}

static const struct CMUnitTest others[] = {
	{ "a report is capped, and counts what fell out", test_report_cap, NULL, NULL, NULL },
	{ "a report is escaped", test_report_escape, NULL, NULL, NULL },
	{ "a file's name is cut at the left", test_copy_file, NULL, NULL, NULL },
	{ "only regular files, and no link out of the directory", test_file, make_dir, remove_dir,
	  NULL },
	{ "256 KiB are read, one byte more is not", test_file_size, make_dir, remove_dir, NULL },
	{ "drop-ins: by name, the first directory wins, /dev/null masks", test_dropins, make_dir,
	  remove_dir, NULL },
	{ "drop-ins are capped, a missing directory is none", test_dropins_cap, make_dir,
	  remove_dir, NULL },
};

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(texts) + ARRAY_SIZE(others)];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		tests[i] = (struct CMUnitTest){
			.name = texts[i].name,
			.test_func = test_text,
			.initial_state = (void *)(uintptr_t)&texts[i],
		};
	memcpy(&tests[ARRAY_SIZE(texts)], others, sizeof(others));
	return cmocka_run_group_tests_name("ini", tests, NULL, NULL);
}
