/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/text.h"
#include "base/util.h"
#include "kube/names.h"
#include "policy/config.h"
#include "policy/config_kind.h"

static const char *const level_names[] = {
	[LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",	  [LOG_CRIT] = "crit",
	[LOG_ERR] = "err",     [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
	[LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};
_Static_assert(ARRAY_SIZE(level_names) == LOG_DEBUG + 1, "a log level without a name");

static int parse_mode(const char *value, void *field)
{
	return policy_mode_parse(value, field);
}

static int parse_duration(const char *value, void *field)
{
	return text_parse_duration(value, field);
}

static int parse_bytes(const char *value, void *field)
{
	return text_parse_bytes(value, field);
}

static int parse_count(const char *value, void *field)
{
	return text_parse_u64(value, field);
}

static int parse_bool(const char *value, void *field)
{
	return text_parse_bool(value, field);
}

static int parse_level(const char *value, void *field)
{
	for (int32_t i = 0; i < (int32_t)ARRAY_SIZE(level_names); i++)
		if (!strcmp(level_names[i], value)) {
			*(int32_t *)field = i;
			return 0;
		}
	return -EINVAL;
}

static const char *const event_names[] = {
	[PROCESS_EVENTS_NO] = "no",
	[PROCESS_EVENTS_YES] = "yes",
	[PROCESS_EVENTS_CONNECTOR] = "connector",
	[PROCESS_EVENTS_BPF] = "bpf",
};
_Static_assert(ARRAY_SIZE(event_names) == PROCESS_EVENTS_MAX_, "a name for each");

/* A switch, or the name of one way. */
static int parse_events(const char *value, void *field)
{
	int32_t *ret = field;
	bool yes;

	for (int32_t i = 0; i < PROCESS_EVENTS_MAX_; i++)
		if (!strcmp(event_names[i], value)) {
			*ret = i;
			return 0;
		}
	if (text_parse_bool(value, &yes) < 0)
		return -EINVAL;
	*ret = yes ? PROCESS_EVENTS_YES : PROCESS_EVENTS_NO;
	return 0;
}

/* Any spelling of no is the one. */
static int parse_listen(const char *value, void *field)
{
	struct address address;
	bool yes;

	if (text_parse_bool(value, &yes) == 0) {
		text_copy(field, ADDRESS_TEXT_MAX, CONFIG_NONE);
		return yes ? -EINVAL : 0;
	}
	if (address_parse(value, &address) < 0 || !text_copy(field, ADDRESS_TEXT_MAX, value))
		return -EINVAL;
	return 0;
}

static int parse_none(const char *value, void *field)
{
	bool yes;

	if (text_parse_bool(value, &yes) < 0 || yes)
		return -EINVAL;
	text_copy(field, URL_TEXT_MAX, CONFIG_NONE);
	return 0;
}

static int parse_url(const char *value, void *field)
{
	struct url url;

	if (parse_none(value, field) == 0)
		return 0;
	return url_parse(value, &url) == 0 && text_copy(field, URL_TEXT_MAX, value) ? 0 : -EINVAL;
}

static int parse_file(const char *value, void *field)
{
	if (parse_none(value, field) == 0)
		return 0;
	return value[0] == '/' && text_copy(field, URL_TEXT_MAX, value) ? 0 : -EINVAL;
}

static int copy_value(const char *value, bool good, void *field)
{
	return good && text_copy(field, CONFIG_TEXT_MAX, value) ? 0 : -EINVAL;
}

/* Any spelling of no is off. */
static int parse_server(const char *value, void *field)
{
	struct endpoint at;
	bool yes;

	if (text_parse_bool(value, &yes) == 0)
		return copy_value(CONFIG_KUBE_OFF, !yes, field);
	return copy_value(value,
			  !strcmp(value, CONFIG_KUBE_IN_CLUSTER) ||
				  (endpoint_parse(value, &at) == 0 && at.tls &&
				   at.family != ENDPOINT_UNIX && !strcmp(at.path, "/")),
			  field);
}

static int parse_node(const char *value, void *field)
{
	return copy_value(value, kube_is_subdomain(value), field);
}

static int parse_path(const char *value, void *field)
{
	return copy_value(value, value[0] == '/', field);
}

/* The largest unit that divides it: what is shown can go back into the file. */
static void format_scaled(char *buf, size_t size, uint64_t v, enum config_kind kind)
{
	static const struct {
		enum config_kind kind;
		uint64_t factor;
		const char *suffix;
	} units[] = {
		{ KIND_DURATION, 60 * USEC_MIN, "h" },
		{ KIND_DURATION, USEC_MIN, "min" },
		{ KIND_DURATION, USEC_SEC, "s" },
		{ KIND_DURATION, USEC_MSEC, "ms" },
		{ KIND_DURATION, 1, "us" },
		{ KIND_BYTES, GIB, "G" },
		{ KIND_BYTES, MIB, "M" },
		{ KIND_BYTES, KIB, "K" },
		{ KIND_BYTES, 1, "" },
		{ KIND_COUNT, 1, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (units[i].kind == kind && v % units[i].factor == 0) {
			snprintf(buf, size, "%" PRIu64 "%s", v / units[i].factor, units[i].suffix);
			return;
		}
}

static void format_mode(char *buf, size_t size, const void *field, enum config_kind kind)
{
	(void)kind;
	snprintf(buf, size, "%s", policy_mode_name(*(const int32_t *)field));
}

static void format_number(char *buf, size_t size, const void *field, enum config_kind kind)
{
	format_scaled(buf, size, *(const uint64_t *)field, kind);
}

static void format_bool(char *buf, size_t size, const void *field, enum config_kind kind)
{
	(void)kind;
	snprintf(buf, size, "%s", *(const bool *)field ? "yes" : "no");
}

static void format_level(char *buf, size_t size, const void *field, enum config_kind kind)
{
	int32_t level = *(const int32_t *)field;

	(void)kind;
	snprintf(buf, size, "%s", level >= 0 && level <= LOG_DEBUG ? level_names[level] : "?");
}

static void format_events(char *buf, size_t size, const void *field, enum config_kind kind)
{
	(void)kind;
	snprintf(buf, size, "%s", event_names[*(const int32_t *)field]);
}

static void format_text(char *buf, size_t size, const void *field, enum config_kind kind)
{
	(void)kind;
	snprintf(buf, size, "%s", (const char *)field);
}

static const struct {
	int (*parse)(const char *value, void *field);
	void (*format)(char *buf, size_t size, const void *field, enum config_kind kind);
	size_t size;
} kinds[] = {
	[KIND_MODE] = { parse_mode, format_mode, sizeof(int32_t) },
	[KIND_DURATION] = { parse_duration, format_number, sizeof(usec_t) },
	[KIND_BYTES] = { parse_bytes, format_number, sizeof(uint64_t) },
	[KIND_COUNT] = { parse_count, format_number, sizeof(uint64_t) },
	[KIND_BOOL] = { parse_bool, format_bool, sizeof(bool) },
	[KIND_LEVEL] = { parse_level, format_level, sizeof(int32_t) },
	[KIND_EVENTS] = { parse_events, format_events, sizeof(int32_t) },
	[KIND_LISTEN] = { parse_listen, format_text, ADDRESS_TEXT_MAX },
	[KIND_URL] = { parse_url, format_text, URL_TEXT_MAX },
	[KIND_FILE] = { parse_file, format_text, URL_TEXT_MAX },
	[KIND_SERVER] = { parse_server, format_text, CONFIG_TEXT_MAX },
	[KIND_NODE] = { parse_node, format_text, CONFIG_TEXT_MAX },
	[KIND_PATH] = { parse_path, format_text, CONFIG_TEXT_MAX },
};
_Static_assert(ARRAY_SIZE(kinds) == KIND_MAX_, "a kind without its functions");

int config_kind_parse(enum config_kind kind, const char *value, void *field)
{
	return kinds[kind].parse(value, field);
}

void config_kind_format(enum config_kind kind, char *buf, size_t size, const void *field)
{
	kinds[kind].format(buf, size, field, kind);
}

size_t config_kind_size(enum config_kind kind)
{
	return kinds[kind].size;
}
