/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "cli/cli.h"

/* Prints the first @top culprits of one process, from the object that the daemon tells of it, or gomemctl itself. */
void culprits_print(json_object *process, size_t top);
