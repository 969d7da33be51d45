/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture/suite.h"

#include <stdio.h>
#include <string.h>

#include "gobin/go_name.h"

struct package_case {
	const char *name, *function, *package;
};

static const struct package_case packages[] = {
	{ "a function's", "main.main", "main" },
	{ "a method's", "net/http.(*conn).serve", "net/http" },
	{ "a closure's", "example.org/x/y.F.func1.2", "example.org/x/y" },
	{ "dots before the last part are the path's", "gopkg.in/a/b.F", "gopkg.in/a/b" },
	{ "dots in the last part are escaped", "gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3" },
	{ "what is no escape stays", "a%zz/b%2.F", "a%zz/b%2" },
	{ "of a generic function, whatever it is made for", "x/y.F[z.org/w.T]", "x/y" },
	{ "of a generic type's method", "x/y.(*T[go.shape.int]).M", "x/y" },
	{ "a name without a dot is all package", "_rt0_amd64_linux", "_rt0_amd64_linux" },
	{ "nothing is nothing", "", "" },
};

static void test_package(void **state)
{
	const struct package_case *c = *state;
	char buf[64];

	go_package_of(c->function, buf, sizeof(buf));
	assert_string_equal(buf, c->package);
}

static void test_package_cut(void **state)
{
	char buf[8];

	(void)state;
	go_package_of("example.org/x.F", buf, sizeof(buf));
	assert_string_equal(buf, "example");
	go_package_of("example.org/x.F", buf, 1);
	assert_string_equal(buf, "");
}

struct main_case {
	const char *name, *package, *module;
	bool is_main;
};

static const struct main_case mains[] = {
	{ "package main is, whatever the module", "main", "example.org/x", true },
	{ "without a module as well", "main", "", true },
	{ "without a module nothing else is", "example.org/x", "", false },
	{ "the module itself", "example.org/x", "example.org/x", true },
	{ "inside of it", "example.org/x/internal/y", "example.org/x", true },
	{ "not what only begins as it does", "example.org/xy", "example.org/x", false },
	{ "not what it is inside of", "example.org", "example.org/x", false },
	{ "not another module", "example.net/x", "example.org/x", false },
	{ "not the standard library", "net/http", "example.org/x", false },
	{ "not what is vendored", "example.org/x/vendor/github.com/y", "example.org/x", false },
	{ "nor deeper down", "example.org/x/cmd/y/vendor/z", "example.org/x", false },
	{ "a package that only sounds like that", "example.org/x/vendors", "example.org/x", true },
	{ "below cmd/ the module is what has it", "example.org/x/pkg", "example.org/x/cmd/tool",
	  true },
	{ "cmd/ itself is of it", "example.org/x/cmd/other", "example.org/x/cmd/tool", true },
	{ "what is beside it is not", "example.org/y", "example.org/x/cmd/tool", false },
	{ "vendored below it is not", "example.org/x/vendor/y", "example.org/x/cmd/tool", false },
	{ "a module that ends in cmd is itself", "example.org/x/pkg", "example.org/x/cmd", false },
	{ "inside of that one", "example.org/x/cmd/y", "example.org/x/cmd", true },
	{ "nothing before cmd/ is no module", "net/http", "/cmd/x", false },
	{ "no package is none of it", "", "example.org/x", false },
	{ "no package is none of no module", "", "", false },
};

static void test_is_main(void **state)
{
	const struct main_case *c = *state;

	assert_int_equal(go_package_is_main(c->package, c->module), c->is_main);
}

/* Longer than there is room for: judged whole. */
static void test_long_module(void **state)
{
	char module[400], package[410];

	(void)state;
	memset(module, 'm', sizeof(module));
	memcpy(module + 300, "/cmd/", 5);
	module[sizeof(module) - 1] = '\0';
	snprintf(package, sizeof(package), "%s/x", module);
	assert_true(go_package_is_main(module, module));
	assert_true(go_package_is_main(package, module));
	package[300] = '\0';
	assert_false(go_package_is_main(package, module));
}

struct call_case {
	const char *name, *function, *file;
	bool expected;
};

static const struct call_case calls[] = {
	{ "the runtime's by its name", "runtime.growslice", "?", true },
	{ "a method of its", "runtime.(*mheap).alloc", "", true },
	{ "below internal/runtime", "internal/runtime/maps.newGroups", "", true },
	{ "what it has for another package", "reflect.unsafe_New",
	  "/usr/lib/go-1.24/src/runtime/malloc.go", true },
	{ "the same of a trimmed build", "internal/bytealg.MakeNoZero", "runtime/slice.go", true },
	{ "reflect's own", "reflect.New", "/usr/lib/go-1.24/src/reflect/value.go", false },
	{ "a program's", "main.main", "/home/u/app/main.go", false },
	{ "package runtime/pprof is another", "runtime/pprof.writeHeap",
	  "/usr/lib/go-1.24/src/runtime/pprof/pprof.go", false },
	{ "the same of a trimmed build", "runtime/debug.Stack", "runtime/debug/stack.go", false },
	{ "a program that lies below such a directory",
	  "github.com/kata/src/runtime/pkg/oci.ParseConfig",
	  "/build/kata/src/runtime/pkg/oci/utils.go", false },
	{ "or in it", "main.run", "/build/kata/src/runtime/main.go", false },
	{ "a package of that name elsewhere", "example.org/x/runtime.New",
	  "/go/example.org/x/runtime/new.go", false },
	{ "in a tree like that of Go", "example.org/src/runtime.New", "/build/src/runtime/new.go",
	  false },
};

static void test_call(void **state)
{
	const struct call_case *c = *state;

	assert_int_equal(go_call_is_runtime(c->function, c->file), c->expected);
}

/* Calls of a program whose module is example.com/shop. */
static const struct call_case own_calls[] = {
	{ "a function of main", "main.run", "/src/shop/main.go", true },
	{ "a package of the module", "example.com/shop/cart.Add", "/src/shop/cart/cart.go", true },
	{ "a library", "example.com/lib.Grow", "/go/lib/lib.go", false },
	{ "the runtime", "runtime.mapassign", "/go/src/runtime/map.go", false },
	{ "what cmd/cgo makes of a call of C", "main._Cfunc_GoString", "_cgo_gotypes.go", false },
	{ "the same by its name alone", "main._Cfunc_CString", "?", false },
	{ "what C calls", "main._cgoexp_0123_callback", "_cgo_gotypes.go", false },
	{ "what the compiler makes around a method", "main.(*T).F", "<autogenerated>", false },
};

static void test_own_call(void **state)
{
	const struct call_case *c = *state;

	assert_int_equal(go_call_is_main(c->function, c->file, "example.com/shop"), c->expected);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		SUITE_TEST("a package is cut to its room", test_package_cut),
		SUITE_TEST("a module without room is judged whole", test_long_module),
	};
	static struct suite s;

	SUITE_TABLE(&s, test_package, packages);
	SUITE_TABLE(&s, test_is_main, mains);
	SUITE_TABLE(&s, test_call, calls);
	SUITE_TABLE(&s, test_own_call, own_calls);
	SUITE_TESTS(&s, others);
	return suite_run(&s, "go_name");
}
