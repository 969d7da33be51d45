/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/util.h"
#include "policy/config.h"

#ifndef POLICIES_DIR
#define POLICIES_DIR "policies"
#endif

/* @path below the source tree. */
static char *read_source(const char *path)
{
	const char *dir = getenv("GOMEMD_POLICIES_DIR");
	char full[512], *text = NULL;
	int r;

	snprintf(full, sizeof(full), "%s/../%s", dir ? dir : POLICIES_DIR, path);
	r = fd_read_alloc(AT_FDCWD, full, 1 << 20, &text, NULL);
	if (r < 0)
		fail_msg("%s: %s", full, strerror(-r));
	return text;
}

/* A file's text, the report, and one row of show-config as it is afterwards. */
struct load_case {
	const char *name, *text, *report, *key, *value;
};

#define D "[daemon]\n"

static const struct load_case loads[] = {
	{ "an empty file is the defaults", "", "", "mode", "recommend" },
	{ "mode = enforce", D "mode = enforce\n", "", "mode", "enforce" },
	{ "a duration", D "look_min = 0.25s\n", "", "look_min", "250ms" },
	{ "a bare duration is seconds", D "interval = 90\n", "", "interval", "90s" },
	{ "a long duration", D "look_max = 2min\n", "", "look_max", "2min" },
	{ "a size", D "record_bytes = 1536Ki\n", "", "record_bytes", "1536K" },
	{ "a count", D "workloads_max = 17\n", "", "workloads_max", "17" },
	{ "a switch", D "probes = off\n", "", "probes", "no" },
	{ "a switch that knows more words", D "process_events = off\n", "", "process_events",
	  "no" },
	{ "one of those words", D "process_events = bpf\n", "", "process_events", "bpf" },
	{ "an address to listen on", D "metrics_listen = [::1]:9477\n", "", "metrics_listen",
	  "[::1]:9477" },
	{ "nowhere, in another word", D "metrics_listen = off\n", "", "metrics_listen", "no" },
	{ "an address that is left out does not mean all of them", D "metrics_listen = :9477\n",
	  "x.conf:2: metrics_listen = :9477 is not understood; write no, ADDRESS:PORT as "
	  "127.0.0.1:9477 or [::1]:9477, or the path of a socket\n",
	  "metrics_listen", "-" },
	{ "an Alertmanager", D "alert_alertmanager = http://[::1]:9093/am\n", "",
	  "alert_alertmanager", "http://[::1]:9093/am" },
	{ "no Alertmanager, in another word", D "alert_alertmanager = off\n", "",
	  "alert_alertmanager", "no" },
	{ "an Alertmanager has no query", D "alert_alertmanager = http://h/?a\n",
	  "x.conf:2: alert_alertmanager has a query; write the address and the path before "
	  "/api/v2/alerts alone\n",
	  "alert_alertmanager", "-" },
	{ "a webhook with a path and a query", D "alert_webhook = https://h/a?b=c\n", "",
	  "alert_webhook", "https://h/a?b=c" },
	{ "a password is for a file", D "alert_webhook = https://a:b@h/\n",
	  "x.conf:2: alert_webhook = ... is not understood; write no, or "
	  "http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH] without a password\n",
	  "alert_webhook", "-" },
	{ "a token over https", D "alert_token_file = /t\nalert_webhook = https://h\n", "",
	  "alert_token_file", "/t" },
	{ "a token that does not leave the host",
	  D "alert_token_file = /t\nalert_webhook = http://127.0.0.2\n", "", "alert_token_file",
	  "/t" },
	{ "a token in the clear", D "alert_alertmanager = http://h\nalert_token_file = /t\n",
	  "x.conf:3: alert_token_file would be sent in the clear; write https:// for receivers "
	  "that are not on this host\n",
	  "alert_token_file", "-" },
	{ "a log level", D "log_level = debug\n", "", "log_level", "debug" },
	{ "the last one of a key holds", D "mode = enforce\nmode = observe\n", "", "mode",
	  "observe" },
	{ "an unknown key is a warning with the nearest", D "look_mim = 1s\nmode = observe\n",
	  "x.conf:2: unknown key 'look_mim' in [daemon], ignoring; the nearest known one is "
	  "'look_min'\n",
	  "mode", "observe" },
	{ "an unknown section is a warning, its keys are passed over",
	  "[demon]\nmode = enforce\n" D "interval = 1s\n",
	  "x.conf:1: unknown section [demon], ignoring; the only one is [daemon]\n", "mode",
	  "recommend" },
	{ "a bad mode is an error and changes nothing", D "interval = 1s\nmode = on\n",
	  "x.conf:3: mode = on is not understood; write observe, recommend or enforce\n",
	  "interval", "-" },
	{ "a duration out of range", D "look_min = 1us\n",
	  "x.conf:2: look_min = 1us is out of range; write a duration from 10ms to 10s\n",
	  "look_min", "-" },
	{ "a count of none is out of range", D "processes_max = 0\n",
	  "x.conf:2: processes_max = 0 is out of range; write a number from 1 to 1000000\n",
	  "processes_max", "-" },
	{ "a size beyond 64 bits", D "record_bytes = 99999999999999999999\n",
	  "x.conf:2: record_bytes = 99999999999999999999 is out of range; write a size from 64K to "
	  "16G\n",
	  "record_bytes", "-" },
	{ "an empty value is an error", D "log_level =\n",
	  "x.conf:2: log_level =  is not understood; write emerg, alert, crit, err, warning, "
	  "notice, info or debug\n",
	  "log_level", "-" },
	{ "look_min over look_max", D "look_max = 1s\nlook_min = 2s\n",
	  "x.conf:3: look_min is longer than look_max; write the shorter one as look_min\n",
	  "look_min", "-" },
	{ "what the INI reader refuses is an error", "mode = enforce\n",
	  "x.conf:1: a key outside a section; put it below a line [SECTION]\n", "mode", "-" },
};

static const char *value_of(const struct config *config, const char *key)
{
	static struct config_row row;

	for (size_t i = 0; i < config_rows_max(); i++) {
		config_get_row(config, i, &row);
		if (!strcmp(row.key, key))
			return row.value;
	}
	fail_msg("no key %s", key);
	return NULL;
}

static void test_load(void **state)
{
	const struct load_case *c = *state;
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	struct config config, before;
	bool refused = !strcmp(c->value, "-");

	memset(&config, 0x5a, sizeof(config));
	before = config;
	assert_int_equal(config_load_text("x.conf", c->text, strlen(c->text), &report, &config),
			 refused ? -EINVAL : 0);
	assert_string_equal(report.text ? report.text : "", c->report);
	if (refused)
		assert_memory_equal(&config, &before, sizeof(config));
	else
		assert_string_equal(value_of(&config, c->key), c->value);
}

static void test_defaults(void **state)
{
	struct config config;
	struct config_row row;

	(void)state;
	config_default(&config);
	for (size_t i = 0; i < config_rows_max(); i++) {
		config_get_row(&config, i, &row);
		assert_string_equal(row.value, row.default_text);
	}
	assert_int_equal(config.mode, MODE_RECOMMEND);
	assert_true(config.look_min == 50 * USEC_MSEC && config.look_max == 10 * USEC_SEC);
	assert_true(config.interval == 5 * USEC_SEC && config.helper_deadline == 2 * USEC_SEC);
	assert_true(config.workloads_max == 4096 && config.processes_max == 8192);
	assert_true(config.record_bytes == 16 * MIB && config.audit_burst == 20);
	assert_true(config.audit_interval == 10 * USEC_SEC &&
		    config.process_events == PROCESS_EVENTS_YES);
	assert_int_equal(config.log_level, LOG_INFO);
}

static void test_file(void **state)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	char dir[] = "/tmp/gomemd-test-config.XXXXXX", path[64];
	struct config config = { .mode = 77 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/gomemd.conf", dir);
	assert_int_equal(config_load(path, &report, &config), 0);
	assert_int_equal(config.mode, MODE_RECOMMEND);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	config.mode = 77;
	assert_int_equal(config_load(path, &report, &config), -EINVAL);
	assert_int_equal(config.mode, 77);
	assert_non_null(strstr(report.text, "gomemd.conf: is a link that leaves its directory"));
	assert_int_equal(unlink(path) | rmdir(dir), 0);
}

/* The shipped file with every "#key = value" made a line of its own. */
static void test_shipped(void **state)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	_cleanup_(freep) char *text = read_source("config/gomemd.conf");
	struct config config, defaults;
	struct config_row row;
	char line[128];

	(void)state;
	config_default(&defaults);
	for (size_t i = 0; i < config_rows_max(); i++) {
		char *at;

		config_get_row(&defaults, i, &row);
		snprintf(line, sizeof(line), "\n#%s = %s\n", row.key, row.default_text);
		at = strstr(text, line);
		if (!at)
			fail_msg("config/gomemd.conf has no line %s", line);
		at[1] = ' ';
		memmove(at + 1, at + 2, strlen(at + 2) + 1);
	}
	assert_null(strstr(text, "\n#mode"));
	if (config_load_text("gomemd.conf", text, strlen(text), &report, &config) < 0)
		fail_msg("%s", report.text);
	assert_int_equal(report.warnings, 0);
	for (size_t i = 0; i < config_rows_max(); i++) {
		config_get_row(&config, i, &row);
		assert_string_equal(row.value, row.default_text);
	}
}

static void test_manual(void **state)
{
	_cleanup_(freep) char *manual = read_source("doc/gomemd.conf.5");
	struct config config;
	struct config_row row;
	char heading[64];

	(void)state;
	config_default(&config);
	for (size_t i = 0; i < config_rows_max(); i++) {
		config_get_row(&config, i, &row);
		snprintf(heading, sizeof(heading), "\n.TP\n.B %s\n", row.key);
		if (!strstr(manual, heading))
			fail_msg("gomemd.conf(5) does not name %s", row.key);
	}
}

static const struct CMUnitTest others[] = {
	{ "the defaults are those of the header", test_defaults, NULL, NULL, NULL },
	{ "a missing file is the defaults, a link elsewhere is refused", test_file, NULL, NULL,
	  NULL },
	{ "the shipped file has every key with its default", test_shipped, NULL, NULL, NULL },
	{ "the manual names every key", test_manual, NULL, NULL, NULL },
};

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(loads) + ARRAY_SIZE(others)];

	for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
		tests[i] = (struct CMUnitTest){
			.name = loads[i].name,
			.test_func = test_load,
			.initial_state = (void *)(uintptr_t)&loads[i],
		};
	memcpy(&tests[ARRAY_SIZE(loads)], others, sizeof(others));
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
