/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/manager.h"

#define CONFIG_FILE "/etc/gomemd/gomemd.conf"

/* sysexits.h EX_CONFIG: the unit does not restart after it. */
#define EXIT_CONFIG 78

enum action {
	ACTION_RUN,
	ACTION_RESTORE,
	ACTION_CHECK,
};

static void usage(void)
{
	printf("gomemd [--config FILE] [--restore | --check-config]\n"
	       "Governs the memory of Go programs; see gomemd(8).\n\n"
	       "  --config FILE   instead of " CONFIG_FILE "\n"
	       "  --restore       give back what an earlier run left changed, and end\n"
	       "  --check-config  check configuration and policies, and end\n"
	       "  --version       version and features\n");
}

static int restore(void)
{
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(journal_closep) struct journal *journal = NULL;
	struct hostroot host = HOSTROOT_NONE;
	const char *state = getenv("STATE_DIRECTORY"), *fault = getenv("GOMEMD_FAULT");
	const char *root = getenv("GOMEMD_ROOT");
	int r;

	/* A fault that is to kill the daemon must not kill what mends it; restore's own points are obeyed. */
	if (fault && strncmp(fault, "restore-", strlen("restore-")) != 0)
		unsetenv("GOMEMD_FAULT");
	r = store_open(state && *state ? state : "/var/lib/gomemd", &store);

	if (r == 0)
		r = hostroot_open(root ? root : "", &host);
	if (r == 0)
		r = journal_open(JOURNAL_SOCKET, &journal);
	if (r == 0)
		r = restore_all(&host, store, journal, 2 * USEC_SEC);
	hostroot_close(&host);
	if (r == -EBUSY)
		log_error(
			"A gomemd runs, and gives back when it stops; while it runs, gomemctl stop-writes does");
	else if (r < 0)
		log_error("Cannot give settings back: %s", strerror(-r));
	return r < 0;
}

static int check(const char *config_file)
{
	_cleanup_(ini_report_done) struct ini_report report = { 0 };
	_cleanup_(policy_set_freep) struct policy_set *policy = NULL;
	struct config config;
	int r, p;

	config_default(&config);
	r = config_load(config_file, &report, &config);
	p = policy_load_host("", &report, &policy);
	if (report.text)
		fputs(report.text, stderr);
	return r < 0 || p < 0 ? EXIT_CONFIG : 0;
}

static int run(const char *config_file)
{
	_cleanup_(manager_freep) struct manager *m = NULL;
	int r = manager_new(config_file, &m);

	if (r == -EINVAL)
		return EXIT_CONFIG;
	if (r == 0)
		r = manager_run(m);
	if (r < 0)
		log_error("Stopped: %s", strerror(-r));
	return r < 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "restore", no_argument, NULL, 'r' },
		{ "check-config", no_argument, NULL, 'k' }, { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },	    { 0 },
	};
	const char *config_file = CONFIG_FILE;
	enum action action = ACTION_RUN;
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) >= 0)
		switch (c) {
		case 'c':
			config_file = optarg;
			break;
		case 'r':
			action = ACTION_RESTORE;
			break;
		case 'k':
			action = ACTION_CHECK;
			break;
		case 'v':
			printf("gomemd %s\n+amd64 +go1.19..go1.27 +journal +dbus\n",
			       GOMEMD_VERSION);
			return 0;
		case 'h':
			usage();
			return 0;
		default:
			usage();
			return 2;
		}
	switch (action) {
	case ACTION_RESTORE:
		return restore();
	case ACTION_CHECK:
		return check(config_file);
	default:
		return run(config_file);
	}
}
