/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/*
 * What names of Kubernetes' may be made of. Source: apimachinery/pkg/util/validation and pkg/api/validation (RFC 1123, qualified
 * names). All of them are printable ASCII without blanks and '='.
 */
bool kube_is_label_name(const char *s);	 /* namespaces, containers: at most 63 bytes */
bool kube_is_subdomain(const char *s);	 /* pods, nodes: at most 253 */
bool kube_is_key(const char *s);	 /* [SUBDOMAIN/]NAME of labels and annotations */
bool kube_is_label_value(const char *s); /* at most 63 bytes; "" is one */
