/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/table.h"
#include "kube/record.h"

/*
 * The pods of this node and the namespaces that have a word for gomemd, as the API server told last: by records that came in
 * the order of a list and what followed it. Pure; nothing goes but by a record that says so, so that a server that is gone
 * takes nothing away.
 */
enum {
	KUBE_PODS_MAX = 2048,
	KUBE_NAMESPACES_MAX = 8192,
};

/* Texts are the index's, as in struct kube_record. */
struct kube_object {
	char uid[KUBE_UID_BYTES], space[KUBE_SPACE_BYTES], name[KUBE_NAME_BYTES];
	char owner_kind[KUBE_KIND_BYTES], owner[KUBE_NAME_BYTES];
	char *labels, *annotations;
	struct kube_container *containers;
	uint32_t n_containers, left_out;
	uint64_t listing; /* in which it was told last */
};

/* Zeroed at first, but for the seed. */
struct kube_index {
	uint64_t seed; /* of its hashes: by chance, that nobody chooses names that hide another's */
	struct table of[KUBE_RESOURCE_MAX_]; /* pods by uid, namespaces by name */
	uint64_t listing[KUBE_RESOURCE_MAX_];
	bool listed[KUBE_RESOURCE_MAX_]; /* a whole list has come */
	uint64_t refused;		 /* records that are none */
	uint64_t left_out;		 /* objects that had no room, here or there */
};

enum kube_taken {
	KUBE_TAKEN_SAME,    /* nothing that is kept has changed */
	KUBE_TAKEN_CHANGED, /* what the record names has */
	KUBE_TAKEN_MANY,    /* a list has ended, and objects are gone that were in none of it */
};

void kube_index_done(struct kube_index *x);

/* Takes a record. Returns an enum kube_taken, -EBADMSG where it is none, -ENOMEM or -ENOSPC; the last three are counted. */
int kube_index_take(struct kube_index *x, const struct kube_record *r);

/* NULL where none is known. The pointers hold until the next record. */
const struct kube_object *kube_index_pod(const struct kube_index *x, const char *uid);
const struct kube_object *kube_index_namespace(const struct kube_index *x, const char *name);

/* What the pod says of the container, or NULL. */
const struct kube_container *kube_object_container(const struct kube_object *pod, const char *name);
