/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * A quantity of Kubernetes' ("500m", "1.5Gi", "128e6", "2"), times @scale, rounded up as the API server does: with 1000 a CPU
 * is given in thousandths. Returns 0, -EINVAL where it is none (a negative one is none here), or -ERANGE.
 * Source: apimachinery/pkg/api/resource/quantity.go.
 */
int kube_quantity_parse(const char *s, unsigned int scale, int64_t *ret);
