/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "escape/gate.h"

/*
 * What a gate has found, for those that show it in CI. Any bytes may stand in what the compiler printed: what is not
 * valid UTF-8, or not allowed in XML, is replaced. Files are relative to @root (an absolute path without a slash at
 * its end), as both want; those outside of it stay absolute.
 */

/* SARIF 2.1.0, as GitHub's code scanning takes it. Returns 0 or -EIO. */
int escape_write_sarif(FILE *f, const struct escape_findings *found, const char *root);

/* JUnit: a test case for each finding; those that fail the gate are failures. Returns 0 or -EIO. */
int escape_write_junit(FILE *f, const struct escape_findings *found, const char *root);
