#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # those of lib.bash
#
# What Go's own packages serve, by each release: each figure is read as it was served, and as the runtime says itself, just
# before and just after. Three releases; with SOAK=1 all. The oracle is tests/native/pages_word.py, and the program's word.

load lib.bash

versions() {
	if [ "${SOAK:-}" ]; then go_versions; else printf '%s\n' 1.19 1.24 1.27; fi
}

setup_file() {
	# shellcheck disable=SC2046 # one version a word
	build_as plain pages $(versions)
}

setup() {
	kept=$BATS_TEST_TMPDIR/kept report=$BATS_TEST_TMPDIR/report
	mkdir "$kept"
	printf '%s\n' './main.go:1:6: can inline f with cost 3 as: func() { }' './main.go:46:24: &record{} escapes to heap:' >"$report"
}

teardown() {
	stop_all
}

# serve VERSION: sets $address.
serve() {
	start_ready env GOGC=137 GOMEMLIMIT=1234567890 "$(built pages "$1")" -keep "$kept"
	read -r _ address < <(grep '^ready' "$ready_output")
}

# reads SOURCE PATH
reads() {
	gomemctl endpoint "$started" --url "http://$address$2" --json
	[ "$status" -eq 0 ] || fail "$errors" "$output" || return 1
	python3 "$top/tests/native/pages_word.py" "$1" "$kept" <<<"$output"
}

# sums PATH VALUES
sums() {
	gomemctl escape join --profile "http://$address$1" --values "$2" --report "$report" --top 1000 --json
	[ "$status" -eq 0 ] || fail "$errors" || return 1
	python3 "$top/tests/native/pages_word.py" profile "$kept" <<<"$output"
}

# of_each COMMAND...: for a program of each release. A collection may come between two words: then it is asked again.
of_each() {
	local version
	for version in $(versions); do
		serve "$version"
		eventually 30 "$@" || fail "Go $version"
		stop "$started"
	done
}

@test "/debug/vars of each release" { of_each reads expvar /debug/vars; }
@test "/metrics by MemStats, of each release" { of_each reads prometheus /metrics; }
@test "/metrics by runtime/metrics, of each release" { of_each reads prometheus "/metrics?of=metrics"; }
@test "/debug/pprof/heap, live, of each release" { of_each sums /debug/pprof/heap inuse_space; }
@test "/debug/pprof/heap, live objects, of each release" { of_each sums /debug/pprof/heap inuse_objects; }
@test "/debug/pprof/allocs, of each release" { of_each sums /debug/pprof/allocs alloc_space; }
@test "/debug/pprof/allocs, objects, of each release" { of_each sums /debug/pprof/allocs alloc_objects; }
@test "/debug/pprof/goroutine, of each release" { of_each sums /debug/pprof/goroutine goroutine; }

is_text() {
	gomemctl escape join --profile "http://$address$1" --report "$report"
	[ "$status" -eq 2 ] && [[ $errors == *"is no profile"* ]] || fail "exit $status: $errors"
	gomemctl endpoint "$started" --url "http://$address$1" --json
	[ "$status" -eq 1 ] && holds '.endpoints[0] | .outcome == "nothing" and .figures == {}'
}

@test "the texts of ?debug=1 are no profile and no figures, of each release" {
	of_each is_text "/debug/pprof/heap?debug=1"
	of_each is_text "/debug/pprof/goroutine?debug=1"
}
