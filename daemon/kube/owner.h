/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * What a pod's name tells of its owner: controllers add what tells one pod from the next (a hash and five characters of a
 * ReplicaSet, five of a DaemonSet or a Job, a number of a StatefulSet). A guess, without the API: good for remembering
 * figures by, for nothing that gives rights. Cut to @size.
 * Source: Kubernetes apimachinery/pkg/util/rand (the characters), pkg/controller/{replicaset,statefulset}.
 */
void pod_owner_of(const char *pod, char *buf, size_t size);
