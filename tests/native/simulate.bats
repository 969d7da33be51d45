#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # those of lib.bash
#
# gomemctl simulate on traces that a model made, and gomemctl record of a daemon that sees one real program in a cgroup
# made of files.

load lib.bash

model=$top/build/tests/native-trace

setup_file() {
	make -s -C "$top" build/tests/native-trace
	"$model" leak 900 600 >"$BATS_FILE_TMPDIR/leak.trace"
	build srv 1.24
}

teardown() {
	stop_all
}

simulate() {
	status=0
	output=$("$gomemctl" simulate --json --policy "$top/policies" "$@" 2>"$BATS_TEST_TMPDIR/errors") || status=$?
	[ "$status" -eq 0 ] || fail "exit $status" "$(cat "$BATS_TEST_TMPDIR/errors")"
}

@test "a leak: what was seen leads to pressed and emergency, and nothing is fed back" {
	simulate "$BATS_FILE_TMPDIR/leak.trace"
	holds '.schema == 1 and .bad_lines == 0 and (.workloads | length) == 1'
	holds '.workloads[0] | .tier == "gateway" and .seen.states_usec.emergency > 0 and (.seen.alerts | index("emergency")) != null'
	holds '.workloads[0].seen.changes[0] | .lever == "soft_limit" and .reason == "headroom" and .from == null'
	holds '.workloads[0].plant == null'
}

@test "by the model it is killed without gomemd, and not with it" {
	simulate --plant "$BATS_FILE_TMPDIR/leak.trace"
	holds '.workloads[0].plant | .without.killed_at_usec > 0 and .with.killed_at_usec == null'
	holds '.workloads[0] | .plant.with.peak_usage_bytes < .room_bytes'
	holds '.workloads[0].plant.with.gc_cycles > .workloads[0].plant.without.gc_cycles'
}

@test "other policies lead to other decisions" {
	printf '[tier mine]\nlimit = ..4Gi\n[mine.pressed]\nwhen = heap_alloc > 30%% limit\ngogc = 25\n' >"$BATS_TEST_TMPDIR/mine.ini"
	output=$("$gomemctl" simulate --json --policy "$BATS_TEST_TMPDIR/mine.ini" "$BATS_FILE_TMPDIR/leak.trace")
	holds '.workloads[0].tier == "mine" and any(.workloads[0].seen.changes[]; .lever == "gogc" and .to == 25)'
}

@test "the picture is an SVG that a parser takes, with every line of the legend" {
	"$gomemctl" simulate --policy "$top/policies" --plant --svg "$BATS_TEST_TMPDIR/leak.svg" "$BATS_FILE_TMPDIR/leak.trace"
	python3 - "$BATS_TEST_TMPDIR/leak.svg" <<-'END'
		import sys, xml.etree.ElementTree as tree
		texts = [t.text for t in tree.parse(sys.argv[1]).iter("{http://www.w3.org/2000/svg}text")]
		for wanted in ("usage", "room", "soft limits", "live heap", "heap goal", "usage without gomemd", "emergency"):
		    assert wanted in texts, wanted
	END
}

@test "what is no trace is refused, and lines that are no looks are counted" {
	head -c 4000 /dev/urandom >"$BATS_TEST_TMPDIR/noise"
	run "$gomemctl" simulate --policy "$top/policies" "$BATS_TEST_TMPDIR/noise"
	[ "$status" -eq 2 ]
	sed '3s/"anon":[0-9]*/"anon":"x"/; $s/.\{100\}$//' "$BATS_FILE_TMPDIR/leak.trace" >"$BATS_TEST_TMPDIR/torn"
	simulate "$BATS_TEST_TMPDIR/torn"
	holds '.bad_lines == 2 and .workloads[0].looks > 100'
}

# The daemon in namespaces of its own, over a cgroup of files that holds one real process.
recorded() {
	# shellcheck disable=SC2016 # the inner shell's
	unshare --mount bash -eu -c '
		cd "$1"; scratch=$2; program=$3
		. tests/lib/cache.sh; . tests/lib/wait.sh; . tests/lib/scene.sh
		mkdir -p "$scratch/run"
		scene_make "$scratch/root"
		scene_cgroup recorded.service 268435456
		"$program" </dev/null >/dev/null 2>&1 3>&- &
		pid=$!
		scene_place "$pid" recorded.service
		printf "[daemon]\nmode = recommend\nprobes = no\nlook_max = 200ms\n" >"$scratch/conf"
		GOMEMD_ROOT=$scene_root STATE_DIRECTORY=$scratch/state RUNTIME_DIRECTORY=$scratch/run \
			build/gomemd --config "$scratch/conf" >"$scratch/log" 2>&1 3>&- &
		daemon=$!
		trap "kill $pid $daemon; wait" EXIT
		ctl() { build/gomemctl --socket "$scratch/run/control.sock" "$@"; }
		deadline=$((SECONDS + 60))
		until ctl status --json 2>/dev/null | grep -q recorded.service; do
			[ "$SECONDS" -lt "$deadline" ] || { cat "$scratch/log"; exit 1; }
			wait_seconds 0.1
		done
		ctl record --all --for 5s -o "$scratch/all.trace"
		ctl record /recorded.service --for 3s -o "$scratch/one.trace"
		! ctl record no-such.service --for 1s -o "$scratch/none.trace"
		build/gomemctl simulate --json --policy policies "$scratch/all.trace" >"$scratch/all.json"
	' record "$top" "$BATS_TEST_TMPDIR" "$(built srv 1.24 | head -n 1)"
}

@test "a daemon's looks are recorded, of all and of one, and can be simulated" {
	run recorded
	[ "$status" -eq 0 ] || fail "$output"
	output=$(sed -n 2p "$BATS_TEST_TMPDIR/one.trace")
	holds '.workload == "/recorded.service" and .cgroup.limit == 268435456 and .processes[0].proved
		and .processes[0].sample.num_gc >= 0 and .tier == "gateway"'
	output=$(cat "$BATS_TEST_TMPDIR/all.json")
	holds '.bad_lines == 0 and any(.workloads[]; .workload == "/recorded.service" and .looks > 2)'
}
