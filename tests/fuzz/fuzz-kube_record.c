/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "kube/index.h"
#include "kube/told_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RECORDS_MAX = 64,
};

/* Where the bytes of each text go: short inputs reach all of them. */
static const struct {
	size_t offset, size;
} fields[] = {
#define FIELD(f)                                                                                   \
	{                                                                                          \
		offsetof(struct kube_record, f), sizeof(((struct kube_record *)NULL)->f)           \
	}
	FIELD(kind),	      FIELD(resource),	    FIELD(outcome), FIELD(left_out),
	FIELD(n_containers),  FIELD(uid),	    FIELD(space),   FIELD(name),
	FIELD(owner),	      FIELD(owner_kind),    FIELD(labels),  FIELD(annotations),
	FIELD(containers[0]), FIELD(containers[1]),
#undef FIELD
};

/* A list of field, length, bytes; a field that is none ends a record. */
static bool take_field(const uint8_t **data, size_t *size, struct kube_record *r)
{
	const size_t field = (*data)[0], len = (*data)[1];
	const size_t n = MIN(len, *size - 2);

	*data += 2;
	*size -= 2;
	if (field >= ARRAY_SIZE(fields))
		return false;
	memcpy((char *)r + fields[field].offset, *data, MIN(n, fields[field].size));
	*data += n;
	*size -= n;
	return true;
}

static void show(const struct kube_index *x, const struct kube_record *r)
{
	json_object *o = json_object_new_object();

	kube_told_json(o, kube_index_pod(x, r->uid), r->containers[0].name, "", "observe");
	if (!json_object_to_json_string(o))
		abort();
	json_object_put(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kube_record r;
	struct kube_index x = { 0 };

	memset(&r, 0, sizeof(r));
	for (size_t i = 0; i < RECORDS_MAX && size >= 2; i++) {
		int e;

		while (size >= 2 && take_field(&data, &size, &r))
			;
		e = kube_index_take(&x, &r);
		if (kube_record_is_valid(&r) != (e != -EBADMSG))
			abort();
		if (e != -EBADMSG && r.kind == KUBE_RECORD_PUT && r.resource == KUBE_PODS)
			show(&x, &r);
	}
	kube_index_done(&x);
	return 0;
}
