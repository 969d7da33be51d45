/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Names of functions as Go binaries have them: "path/of/package.(*Type).Method[...]". */

/* The package, without the linker's escapes ("%2e" is "."; cmd/internal/objabi, PathToPrefix). Cut to @size. */
void go_package_of(const char *function, char *buf, size_t size);

/* One of the runtime's own? Its calls are how a program allocates, not where. */
bool go_function_is_runtime(const char *function);

/*
 * The same by the file as well: package runtime has functions for other packages of the standard library under their names
 * (reflect.unsafe_New, bytealg.MakeNoZero). A program's own may lie in a directory that is called like the runtime's.
 */
bool go_call_is_runtime(const char *function, const char *file);

/*
 * Is @package the program's own code: package main, or one of @module, what build information tells of the main module?
 * That may be the main package's path where a build had no modules: what is below the directory that has cmd/ is of the
 * module then. Vendored packages are not.
 */
bool go_package_is_main(const char *package, const char *module);

/*
 * Is this call the program's own code, which somebody could mend? Not the runtime's, nor what cmd/cgo and the compiler write
 * into package main.
 */
bool go_call_is_main(const char *function, const char *file, const char *module);

/* Is @package @module itself, or inside of it? */
bool go_package_in_module(const char *package, const char *module);
