/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "kube/api_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is told of is what the daemon takes. */
static void check(void *userdata, const struct kube_record *r)
{
	size_t *told = userdata;

	(*told)++;
	if (!kube_record_is_valid(r) || r->kind > KUBE_RECORD_GONE)
		abort();
}

/* The first byte chooses what it is, and of which resource. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kube_event event;
	struct kube_page page = { 0 };
	enum kube_resource resource;
	struct span text;
	size_t told = 0;

	if (!size)
		return 0;
	resource = data[0] & 1 ? KUBE_NAMESPACES : KUBE_PODS;
	text = span_of(data + 1, size - 1);
	if (data[0] & 2) {
		if (kube_event_read(text, resource, &event) == 0 && event.type == KUBE_EVENT_OBJECT)
			check(&told, &event.record);
		return 0;
	}
	if (data[0] & 4) {
		(void)kube_page_skip(text, resource, &page);
		return 0;
	}
	if (kube_page_read(text, resource, check, &told, &page) == 0 &&
	    (!memchr(page.version, '\0', sizeof(page.version)) || !page.version[0] ||
	     !memchr(page.next, '\0', sizeof(page.next))))
		abort();
	return 0;
}
