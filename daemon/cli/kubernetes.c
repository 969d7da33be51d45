/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "cli/cli.h"
#include "cli/kubernetes.h"
#include "policy/match.h"

static json_object *member(json_object *o, const char *key)
{
	json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

static void print_pairs(const char *what, json_object *pairs)
{
	if (!pairs || !json_object_object_length(pairs))
		return;
	printf("%s:\n", what);
	json_object_object_foreach(pairs, key, value)
	{
		printf("  %s=%s\n", key, json_object_get_string(value));
	}
}

static void print_cpu(const char *what, json_object *r, const char *key)
{
	const int64_t v = member_int(r, key, -1);

	if (v >= 0)
		printf(", %s %" PRId64 "m", what, v);
}

static void print_resources(json_object *r)
{
	char request[24], limit[24];

	if (!r)
		return;
	printf("asked for: memory request %s, limit %s",
	       member_bytes(r, "memory_request_bytes", request),
	       member_bytes(r, "memory_limit_bytes", limit));
	print_cpu("CPU request", r, "cpu_request_millicores");
	print_cpu("CPU limit", r, "cpu_limit_millicores");
	printf("\n");
}

static void print_told(json_object *k)
{
	json_object *controller = member(k, "controller");

	if (controller)
		printf("controlled by %s %s\n", member_text(controller, "kind"),
		       member_text(controller, "name"));
	print_pairs("labels", member(k, "labels"));
	print_pairs("annotations", member(k, "annotations"));
	print_resources(member(k, "resources"));
	if (member_int(k, "left_out", 0))
		printf("%" PRId64 " labels, annotations or containers were left out\n",
		       member_int(k, "left_out", 0));
}

void kubernetes_print(json_object *k)
{
	if (!k)
		return;
	printf("pod %s in namespace %s, container %s; %s%s, owner %s%s\n", member_text(k, "pod"),
	       member_text(k, "namespace"), member_text(k, "container"), member_text(k, "qos"),
	       json_object_get_boolean(member(k, "static_pod")) ? ", static" : "",
	       member_text(k, "owner"), member(k, "controller") ? "" : " by its name");
	printf("pod uid %s, container id %s\n", member_text(k, "pod_uid"),
	       member_text(k, "container_id"));
	print_told(k);
}

void kubernetes_print_source(json_object *explain)
{
	json_object *k = member(explain, "kubernetes");
	const char *source = member_text(explain, "mode_source");
	const char *texts[SOURCE_MAX_] = {
		[SOURCE_DAEMON] = "by mode of gomemd.conf",
		[SOURCE_TIER] = "by its tier",
		[SOURCE_NAMESPACE] = "by the label gomemd.io/mode of its namespace",
		[SOURCE_POD] = "by the annotation gomemd.io/mode of its pod",
		[SOURCE_RIGHTS] = "since the daemon has not the rights to enforce",
	};

	for (enum policy_mode_source i = 0; i < SOURCE_MAX_; i++)
		if (texts[i] && !strcmp(source, policy_source_name(i)))
			printf("mode %s\n", texts[i]);
	if (!strcmp(source, policy_source_name(SOURCE_SCOPE)))
		printf("mode by the scope %s\n", member_text(explain, "scope"));
	if (k && member(k, "namespace_mode"))
		printf("its namespace says gomemd.io/mode=%s\n", member_text(k, "namespace_mode"));
}
