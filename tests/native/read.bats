#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# What a Go program was started with is read back to the digit, for every Go release.

load lib.bash

setup_file() {
	build publisher
}

teardown() {
	stop_all
}

read_back() {
	local program
	for program in $(built publisher "$1"); do
		echo "# $program"
		publisher_start env GOGC=137 GOMEMLIMIT=1234567890 "$program"
		probe "$publisher"
		holds '.schema == 1 and .pid == $said.pid and .go_version == $said.go_version' \
			--argjson said "$reply"
		holds '.exe == $exe' --arg exe "$program"
		holds '.gogc == 137 and .memory_limit_bytes == 1234567890'
		holds '.effective_gogc > 0 and .runtime_count == 1 and .madvdontneed == true and .mem_profile_rate == 0'
		holds '(.gates | length) > 0 and all(.gates[]; .ok)'
		holds '(.layout | type) == "string" and (.gc_cpu_limiter | has("enabled") and has("last_cycle"))'
		publisher_stop

		publisher_start env GOGC=off GODEBUG=madvdontneed=0 "$program"
		probe "$publisher"
		holds '.gogc == -1 and .memory_limit_bytes == null and .madvdontneed == false'
		publisher_stop
	done
}

@test "Go 1.19: GOGC=137 and GOMEMLIMIT=1234567890 are read back, and off as off" { read_back 1.19; }
@test "Go 1.21: GOGC=137 and GOMEMLIMIT=1234567890 are read back, and off as off" { read_back 1.21; }
@test "Go 1.22: GOGC=137 and GOMEMLIMIT=1234567890 are read back, and off as off" { read_back 1.22; }
@test "Go 1.23: GOGC=137 and GOMEMLIMIT=1234567890 are read back, and off as off" { read_back 1.23; }
@test "Go 1.24: GOGC=137 and GOMEMLIMIT=1234567890 are read back, and off as off" { read_back 1.24; }
@test "Go 1.25: GOGC=137 and GOMEMLIMIT=1234567890 are read back, and off as off" { read_back 1.25; }
@test "Go 1.26: GOGC=137 and GOMEMLIMIT=1234567890 are read back, and off as off" { read_back 1.26; }
@test "Go 1.27: GOGC=137 and GOMEMLIMIT=1234567890 are read back, and off as off" { read_back 1.27; }

@test "a Go library inside of python is read like a program" {
	local library
	library=$("$top/tests/lib/build-programs.sh" --program publisher --variant cshared "$programs_dir" 1.24)
	publisher_start env GOGC=137 GOMEMLIMIT=1234567890 python3 "$top/tests/programs/host.py" "$library"
	probe "$publisher"
	holds '.go_version == $said.go_version and .gogc == 137 and .memory_limit_bytes == 1234567890' \
		--argjson said "$reply"
}

@test "the matrix above has every Go release there is a toolchain for" {
	local version
	for version in $(go_versions); do
		grep -q "read_back $version;" "$BATS_TEST_FILENAME" || fail "Go $version is missing"
	done
}
