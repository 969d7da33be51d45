#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A node's worth of pods: 110 is what a kubelet takes. Real Go programs; their cgroups and the links of their logs are files
# as the kubelet, its systemd driver and containerd make them.

load lib.bash

number=110

setup_file() {
	build_as stripped srv 1.24
}

teardown() {
	# A pid namespace ends with its first process; unshare itself does not hear SIGTERM.
	kill -KILL "$started"
	stop_all
}

status() {
	"$gomemctl" --socket "$scratch/run/control.sock" status --json
}

named() {
	[ "$(status | jq '[.workloads[] | select(.kubernetes.namespace == "shop" and .kubernetes.container == "app")
		| .kubernetes.pod] | unique | length')" -eq "$number" ]
}

governed() {
	[ "$(status | jq '[.workloads[] | select(.kubernetes.qos != "besteffort" and .processes[0].memory_limit_bytes)] | length')" -ge \
		$((number * 2 / 3)) ]
}

@test "110 pods have their names, and their daemon stays within 12 MiB by its share of pages" {
	scratch=$(mktemp -d "$BATS_TEST_TMPDIR/pods.XXXXXX")
	start unshare --mount --pid --fork --kill-child "$top/tests/native/pods_scene.sh" "$scratch" "$(built srv 1.24)" "$number" \
		>"$scratch/scene" 2>&1
	eventually 120 named || fail "$(tail -n 5 "$scratch/scene" "$scratch/log")"
	[ "$(status | jq '.workloads | length')" -eq "$number" ]
	for class in burstable besteffort guaranteed; do
		of=$(status | jq --arg class "$class" '[.workloads[] | select(.kubernetes.qos == $class)] | length')
		[ "$of" -ge $((number / 3)) ] || fail "$of of $class"
	done
	eventually 60 governed
	# What was taken to look at so many executables is given back soon after. A workload has room for sixteen processes, and
	# touches that of one: all of it, of 110, would be 2 MiB more of memory that no file has.
	small() {
		local share own
		read -r share own <"$scratch/resident"
		[ "$share" -le 12288 ] && [ "$own" -le 6144 ] || { cat "$scratch/resident"; return 1; }
	}
	eventually 60 small
}
