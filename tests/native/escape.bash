# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of those that load this, and of lib.bash
#
# For tests of what the compiler says of the heap: a module of one program, and Go's own tools in it.

compiled=${GOMEMD_CACHE:-/var/cache/gomemd-test}/gocache

# new_module NAME SOURCE: $work/NAME with the source as NAME.go.
new_module() {
	mkdir "$work/$1"
	printf 'module example.com/%s\n\ngo 1.18\n' "$1" >"$work/$1/go.mod"
	cp "$2" "$work/$1/$1.go"
}

# in_module NAME VERSION COMMAND...: there, with that toolchain first in PATH, without a network or a setting of the
# caller's but $GOFLAGS. The compiler's cache spares the standard library (with -trimpath), and prints again what it has;
# files of -json it does not write again.
in_module() {
	local goroot
	goroot=$("$top/tests/lib/toolchain.sh" "$2")
	(cd "$work/$1" && env -i PATH="$goroot/bin:$PATH" HOME="$work" GOROOT="$goroot" GOCACHE="$compiled" GOTOOLCHAIN=local \
		GOPROXY=off GOFLAGS="-mod=mod ${GOFLAGS:-}" CGO_ENABLED=0 GO111MODULE=on "${@:3}")
}

# escape ARG...: has to succeed.
escape() {
	gomemctl escape "$@"
	[ "$status" -eq 0 ] || fail "escape $*: exit $status" "$errors" "$output"
}

# bytes_in PROFILE VERSION: the bytes that it tells of as allocated, by Go's own tool.
bytes_in() {
	in_module . "$2" go tool pprof -sample_index=alloc_space -raw "$1" 2>/dev/null |
		awk '/^Samples:/ { on = 1; getline; next } /^Locations/ { on = 0 } on && /^ +[0-9]+ +[0-9]+/ { n += $2 } END { printf "%.0f\n", n }'
}
