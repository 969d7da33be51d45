# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # the variables of lib.bash
#
# What the tests of profiles share: the witness, and the program that reads it from outside.

profile=$top/build/tests/native-profile
cache=${GOMEMD_CACHE:-/var/cache/gomemd-test}

# Every release plain, stripped and moved in memory; with SOAK=1 also half in C.
build_witness() {
	make -s -C "$top" build/tests/native-profile
	build_as "plain stripped pie${SOAK:+ cgo}" witness
}

# witness_start COMMAND...: its pid is in $witness, and $home a directory of its own.
witness_start() {
	home=$(mktemp -d "$BATS_TEST_TMPDIR/witness.XXXXXX")
	mkfifo "$home/in"
	exec {to_witness}<>"$home/in"
	start "$@" <&"$to_witness" >"$home/out" 2>&1
	witness=$started
	eventually 60 says "$home/out" ready || fail "$*: $(cat "$home/out")"
}

answered() {
	[ "$(grep -c -e '^done' -e '^error' "$home/out")" -gt "$1" ]
}

# tell COMMAND [OPERAND]: sent, and answered.
tell() {
	local before
	before=$(grep -c -e '^done' -e '^error' "$home/out") || true
	printf '%s\n' "$*" >&"$to_witness"
	eventually 60 answered "$before" || return 1
	if grep '^error' "$home/out"; then fail "the witness says so to: $*"; fi
}

# fold_type_arguments FIELD: as Go itself prints generic functions from 1.21 on.
fold_type_arguments() {
	awk -F '\t' -v OFS='\t' -v field="$1" '{ if (NF >= field) sub(/\[.*\]/, "[...]", $field) } 1'
}

# The program's own profile by site, each stack scaled by the sampler's probability: function, file:line, then bytes in
# use and bytes allocated. The first call that is not the runtime's stands first, or all of them are.
sites_of() {
	awk -v rate="$2" '
		function take() {
			if (site == "") site = first
			if (site != "") { inuse[site] += use * scale; allocated[site] += all * scale }
			site = first = ""
		}
		/^[0-9]+: [0-9]+ \[/ {
			take()
			gsub(/[:\[\]]/, " ")
			use = $2; all = $4; size = $3 > 0 ? $4 / $3 : 0
			scale = rate > 1 && size > 0 ? 1 / (1 - exp(-size / rate)) : 1
			next
		}
		/^#\t0x/ && use + all > 0 {
			split($0, f, /\t+/); sub(/\+0x[0-9a-f]+ *$/, "", f[3])
			gsub(/ /, "", f[3])
			if (first == "") first = f[3] "\t" f[4]
			if (site == "" && f[3] !~ /^(runtime\.|internal\/runtime\/)/) site = f[3] "\t" f[4]
		}
		/^# runtime.MemStats/ { exit }
		END { take(); for (s in inuse) printf "%s\t%d\t%d\n", s, inuse[s], allocated[s] }
	' "$1" | sed 's/\t\t*/\t/g' | fold_type_arguments 1 | sort
}
