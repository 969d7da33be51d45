/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the process that talks to the API server (host/kube_api.h) tells the daemon: one message each, plain data of fixed
 * size. Names, labels and annotations are words of whoever may write the object.
 */
enum kube_resource {
	KUBE_PODS, /* of this node */
	KUBE_NAMESPACES,
	KUBE_RESOURCE_MAX_,
};

enum kube_record_kind {
	KUBE_RECORD_PUT,     /* it is there, as follows */
	KUBE_RECORD_GONE,    /* of it uid, space and name alone */
	KUBE_RECORD_LISTING, /* all that there are follow ... */
	KUBE_RECORD_LISTED,  /* ... were told: what was not is gone */
	KUBE_RECORD_STATE,   /* how the last request went: outcome, status */
	KUBE_RECORD_KIND_MAX_,
};

/* How a request went; the words are in gomemctl(1). */
enum kube_outcome {
	KUBE_OK,
	KUBE_UNREACHABLE,
	KUBE_UNVERIFIED, /* no TLS, or a certificate that the CA file does not prove */
	KUBE_TIMEOUT,
	KUBE_STATUS, /* an answer, and not 200 */
	KUBE_GARBLED,
	KUBE_TOO_LARGE,
	KUBE_NO_TOKEN, /* that file, or the CA file, cannot be read or holds none */
	KUBE_NO_LIBRARY,
	KUBE_FAILED, /* for a reason of this machine's */
	KUBE_OUTCOME_MAX_,
};

const char *kube_outcome_name(uint32_t outcome);

enum {
	KUBE_UID_BYTES = 40,
	KUBE_SPACE_BYTES = 64,
	KUBE_NAME_BYTES = 254,
	KUBE_KIND_BYTES = 64,
	KUBE_LABELS_BYTES = 6 * 1024,
	KUBE_ANNOTATIONS_BYTES = 2 * 1024,
	KUBE_PAIR_BYTES = 640, /* KEY=VALUE */
	KUBE_CONTAINERS_MAX = 32,
	KUBE_UNKNOWN = -1, /* of a request or a limit: none */
};

/* The one label and annotation that gomemd has a meaning for, and where the annotations begin that are told at all. */
#define KUBE_MODE_KEY	       "gomemd.io/mode"
#define KUBE_ANNOTATION_PREFIX "gomemd.io/"

struct kube_container {
	char name[KUBE_SPACE_BYTES];
	int64_t cpu_request, cpu_limit;	      /* thousandths of a CPU, KUBE_UNKNOWN */
	int64_t memory_request, memory_limit; /* bytes, KUBE_UNKNOWN */
};

struct kube_record {
	uint32_t kind, resource; /* enum kube_record_kind, kube_resource */
	uint32_t outcome;	 /* enum kube_outcome, of STATE */
	uint32_t status;	 /* of HTTP, of STATE */
	uint32_t
		left_out; /* labels, annotations, containers without room or form; of LISTED and STATE: objects */
	uint32_t n_containers;
	char uid[KUBE_UID_BYTES];
	char space[KUBE_SPACE_BYTES]; /* "" of a namespace */
	char name[KUBE_NAME_BYTES];
	char owner_kind[KUBE_KIND_BYTES], owner[KUBE_NAME_BYTES]; /* its controller; "" */
	char labels[KUBE_LABELS_BYTES];		  /* KEY=VALUE, each ended by a newline */
	char annotations[KUBE_ANNOTATIONS_BYTES]; /* the same */
	struct kube_container containers[KUBE_CONTAINERS_MAX];
};

/*
 * Is it whole, and all that it tells of the form that the API server holds names to? Every text ends within its room. For
 * the daemon, which believes no helper, and the helper itself.
 */
bool kube_record_is_valid(const struct kube_record *r);

/* Is @name that of an object of @resource? */
bool kube_is_object_name(enum kube_resource resource, const char *name);
bool kube_is_uid(const char *s);
bool kube_is_kind(const char *s);

/* Appends KEY=VALUE to pairs of @size bytes. False where it is of no form (an annotation's value: printable ASCII) or has no room. */
bool kube_pairs_add(char *pairs, size_t size, bool label, const char *key, const char *value);

/* The pair that begins at @pairs, into @buf without its newline. Returns the next, NULL at the end. */
const char *kube_pairs_next(const char *pairs, char buf[KUBE_PAIR_BYTES]);

/* The value of @key, into @buf. False where there is none. */
bool kube_pairs_get(const char *pairs, const char *key, char buf[KUBE_PAIR_BYTES]);
