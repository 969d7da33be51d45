# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of those that load this, and of lib.bash
#
# For tests of what collections cost: program cycles, a publisher that is told what to do.

# tell LINE: the program does it, and has done it when this returns; what it says besides is in $said.
tell() {
	printf '%s\n' "$1" >&"$to_publisher"
	said=$BATS_TEST_TMPDIR/said.json
	: >"$said"
	while answer && [ "$reply" != done ]; do printf '%s\n' "$reply" >>"$said"; done
}
