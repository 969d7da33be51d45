# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For the tests of tests/guest/t, which begin with ". /t/lib.sh". A test passes by reaching its end.
# First comment lines of a test the runner reads:
#   # ring: uml qemu bookworm     where it runs, one or more (uml)
#   # deadline: 120               seconds after which it has failed
#   # programs: etcd caddy@bookworm   programs of tests/lib/programs.sh it wants in $PROGRAMS
#   # image: gomemd               /t/gomemd.tar and the agent's pods, of deploy/ (ring kube)
# In a test: $PROGRAMS, the directory of Go programs; $GUEST_KIND, uml or qemu; $SOAK, 1 where tests
# are to run at full length, else empty; /t/out, whose files the host gets back.

set -eEu
trap 'echo "line $LINENO: failed: $BASH_COMMAND"' ERR
trap run_at_exit EXIT

: "${PROGRAMS:=/opt/programs}" "${GUEST_KIND:=uml}" "${SOAK:=}"
cgroot=/sys/fs/cgroup
at_exit_list=()

fail() {
	echo "FAILED: $*"
	trap - ERR
	exit 1
}

# skip REASON: this cannot be tested here.
skip() {
	trap - ERR
	echo "$*"
	exit 77
}

# at_exit COMMAND: one word, evaluated at the end of the test; the last one first.
at_exit() {
	at_exit_list=("$1" "${at_exit_list[@]}")
}

run_at_exit() {
	local code=$? command
	trap - ERR
	set +e
	for command in "${at_exit_list[@]}"; do eval "$command" >/dev/null 2>&1; done
	exit "$code"
}

# eventually SECONDS COMMAND...: waits until the command succeeds. Emulation gets six times as long.
eventually() {
	local seconds=$1 end
	shift
	[ "$GUEST_KIND" = uml ] || seconds=$((seconds * 6))
	end=$((SECONDS + seconds))
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -le "$end" ] || fail "not within $seconds s: $*"
		sleep 0.1 # between two looks
	done
}

# never_within SECONDS COMMAND...: fails as soon as the command succeeds.
never_within() {
	local end=$((SECONDS + $1))
	shift
	while [ "$SECONDS" -le "$end" ]; do
		! "$@" >/dev/null 2>&1 || fail "happened: $*"
		sleep 0.1 # between two looks
	done
}

# same WHAT WANTED ACTUAL
same() {
	[ "$2" = "$3" ] || fail "$1: wanted '$2', it is '$3'"
}

# at_least WHAT LEAST ACTUAL, at_most WHAT MOST ACTUAL: numbers.
at_least() {
	[ "$3" -ge "$2" ] || fail "$1: wanted at least $2, it is $3"
}

at_most() {
	[ "$3" -le "$2" ] || fail "$1: wanted at most $2, it is $3"
}

# say_figure FILE TEXT...: a figure that is shown also where the test passes, and is left in /t/out/FILE.
say_figure() {
	local file=$1
	shift
	echo "figure: $*"
	echo "$*" >>"/t/out/$file"
}

# unit_start NAME [PROPERTY=VALUE...] -- COMMAND...: a transient service, started when this returns
# and stopped when the test ends. Slice=x.slice is a property as any other. A killed process leaves
# the unit there to be asked for its Result.
unit_start() {
	local name=$1 properties=()
	shift
	while [ "$1" != -- ]; do
		properties+=("--property=$1")
		shift
	done
	shift
	at_exit "unit_stop '$name'"
	systemd-run --quiet --unit="$name" --service-type=exec "${properties[@]}" -- "$@"
}

unit_stop() {
	systemctl stop "$1" 2>/dev/null || true
	systemctl reset-failed "$1" 2>/dev/null || true
}

# unit_get NAME PROPERTY
unit_get() {
	systemctl show --value --property="$2" "$1"
}

unit_pid() {
	unit_get "$1" MainPID
}

# unit_cgroup NAME: the directory of its cgroup.
unit_cgroup() {
	local path
	path=$(unit_get "$1" ControlGroup)
	[ -n "$path" ] || fail "$1 has no cgroup"
	printf '%s%s\n' "$cgroot" "$path"
}

# unit_is NAME STATE: active, failed, inactive.
unit_is() {
	[ "$(unit_get "$1" ActiveState)" = "$2" ]
}

# cgroup_get DIR FILE [KEY]: a file of a cgroup, or the value of one key in it.
cgroup_get() {
	if [ $# -eq 3 ]; then
		awk -v key="$3" '$1 == key { print $2 }' "$1/$2"
	else
		cat "$1/$2"
	fi
}

# cgroup_end DIR: kills what runs in a cgroup of our own and removes it, if it is there; in at_exit as well.
cgroup_end() {
	local end=$((SECONDS + 10))
	[ -d "$1" ] || return 0
	echo 1 >"$1/cgroup.kill"
	until rmdir "$1" 2>/dev/null; do
		[ "$SECONDS" -le "$end" ] || fail "$1 cannot be removed"
		sleep 0.1 # between two looks
	done
}

# What tests before this one have written is not this one's, whatever their units were called.
journal_begin=@$EPOCHREALTIME

# journal_has PATTERN [ARGUMENT OF JOURNALCTL...]: since this test began.
journal_has() {
	local pattern=$1
	shift
	journalctl --sync
	journalctl --boot --since="$journal_begin" --quiet --no-pager --output=cat "$@" | grep -q -e "$pattern"
}

# zram_swap MIB: swap in memory; without it the kernel reclaims nothing of a heap.
zram_swap() {
	if swapon --show=NAME --noheadings | grep -q zram; then return; fi
	[ -e /dev/zram0 ] || modprobe zram 2>/dev/null || true
	[ -e /dev/zram0 ] || skip "no zram in this kernel"
	echo "$1M" >/sys/block/zram0/disksize
	mkswap -q /dev/zram0
	swapon /dev/zram0
}
