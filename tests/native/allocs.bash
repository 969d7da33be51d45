# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of those that load this, and of lib.bash
#
# For tests of where a program allocates: program allocator, a witness (profile.bash) whose sites are known.

# MemStats.TotalAlloc, and when: "total BYTES NANOSECONDS".
total() {
	tell total
	grep '^total' "$home/out" | tail -n 1
}

# rate_of BEFORE AFTER: bytes a second from one total to the other.
rate_of() {
	printf '%s\n' "$1" "$2" | awk '{ b[NR] = $2; t[NR] = $3 } END { printf "%.0f", (b[2] - b[1]) / (t[2] - t[1]) * 1e9 }'
}

# has FUNCTION CLASS TYPE: the biggest site of that function.
has() {
	holds '[.sites[] | select(.function == $f)][0] | .class == $c and .type == $t' \
		--arg f "$1" --arg c "$2" --argjson t "$3"
}

classes_agree() {
	has main.four slice-made '"uint8"'
	has main.two new '"main.node"'
	has main.one slice-grown null
	has main.boxed boxing '"main.pair"'
	has main.joined string null
	has main.channel channel null
	has reflect.unsafe_New reflection '"main.pair"'
	holds '[.sites[] | select(.function == "main.fill")][0] | .class == "map" and (.type | test("^map[.](bucket|group)"))'
}
