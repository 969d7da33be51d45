#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # the variables of jq; those of lib.bash
#
# A core file is read as the process was: by gcore and by the kernel, with and without the pages of the
# executable file in it. What it does not hold is refused with what is missing, never guessed.

load lib.bash

setup_file() {
	build publisher 1.19 1.22 1.24 1.27
}

setup() {
	home=$BATS_TEST_TMPDIR/home
	mkdir "$home"
}

teardown() {
	stop_all
	rm -rf "$home"
}

# start_copy VERSION: a publisher at rest, of an executable file that may be removed.
start_copy() {
	cp "$(built publisher "$1" | head -n 1)" "$home/program"
	cd "$home" || return 1
	ulimit -c unlimited
	# What a dying Go program says would be the test's.
	publisher_start env GOGC=137 GOMEMLIMIT=1234567890 GOTRACEBACK=crash \
		bash -c 'exec "$0" "$@" 2>/dev/null' "$home/program" -goroutines 30
	ask work 20
	ask stop
}

# same SAID: what a probe of the core said is what that of the process did, to the digit; the resident set, the CPU time and
# what was mapped are the kernel's figures, not the runtime's, and no core file has a minute before now.
same() {
	jq -en --argjson process "$1" --argjson core "$output" '
		def figures: del(.rss_bytes, .cpu_ns, .last_minute) | .gates |= map({name, ok});
		($process | figures) == ($core | figures) and all($core | .rss_bytes, .cpu_ns, .last_minute; . == null)' >/dev/null ||
		fail "process $1" "core    $output"
}

# probe_core FILE: has to succeed.
probe_core() {
	gomemctl probe "$1" --json
	[ "$status" -eq 0 ] || fail "exit $status: $errors"
}

# refused_core FILE WORD...: in a line that has all of the words.
refused_core() {
	local word
	refusal "$1" || return 1
	for word in "${@:2}"; do
		[[ $errors == *"$word"* ]] || fail "does not say '$word': $errors" || return 1
	done
}

by_gcore() {
	local said
	command -v gcore >/dev/null || skip "gcore (gdb) is not installed"
	start_copy "$1"
	kill -STOP "$publisher"
	eventually 10 stopped "$publisher"
	probe "$publisher"
	said=$output
	gcore -o "$home/core" "$publisher" >"$home/log" 2>&1 || fail "$(cat "$home/log")"
	kill -KILL "$publisher"
	probe_core "$home/core.$publisher"
	same "$said"
	# In words as well, with the same exit code.
	gomemctl probe "$home/core.$publisher"
	[ "$status" -eq 0 ]
	[[ $output == *"process  "*"$home/program"* ]]
}

@test "Go 1.19: a core file of gcore's is what the process was, to the digit" { by_gcore 1.19; }
@test "Go 1.22: a core file of gcore's is what the process was, to the digit" { by_gcore 1.22; }
@test "Go 1.24: a core file of gcore's is what the process was, to the digit" { by_gcore 1.24; }
@test "Go 1.27: a core file of gcore's is what the process was, to the digit" { by_gcore 1.27; }

dumped_here() {
	local pattern
	pattern=$(cat /proc/sys/kernel/core_pattern)
	[[ $pattern != [\|/]* ]] || skip "core_pattern is $pattern, and this test leaves it so"
}

# dump PID: it dies of SIGABRT; sets $core.
dump() {
	kill -ABRT "$1"
	wait "$1" 2>/dev/null || true
	core=$(find "$home" -name '*core*' -type f)
	[ -n "$core" ] || skip "no core file was written here"
}

# kernel_core VERSION FILTER: the core file of a publisher; sets $said and $core.
kernel_core() {
	dumped_here
	start_copy "$1"
	printf '%s\n' "$2" >"/proc/$publisher/coredump_filter"
	probe "$publisher"
	said=$output
	dump "$publisher"
}

by_kernel() {
	kernel_core "$1" 0x33
	probe_core "$core"
	same "$said"
}

@test "Go 1.19: a core file of the kernel's is what the process was, to the digit" { by_kernel 1.19; }
@test "Go 1.22: a core file of the kernel's is what the process was, to the digit" { by_kernel 1.22; }
@test "Go 1.24: a core file of the kernel's is what the process was, to the digit" { by_kernel 1.24; }
@test "Go 1.27: a core file of the kernel's is what the process was, to the digit" { by_kernel 1.27; }

@test "a core file without its executable's pages needs that file: gone, of another build, or no file" {
	kernel_core 1.24 0x33
	mv program aside
	refused_core "$core" "$home/program" "No such file" coredump_filter
	cp "$(built publisher 1.27 | head -n 1)" program
	refused_core "$core" "$home/program" "another build" coredump_filter
	printf 'no program\n' >program
	refused_core "$core" "$home/program" coredump_filter
	rm program && mkfifo program
	refused_core "$core" "$home/program" coredump_filter
	rm program && ln -s aside program
	refused_core "$core" "$home/program" coredump_filter
	rm program && mv aside program
	probe_core "$core"
	same "$said"
}

@test "a core file that does not tell the build of its executable is refused" {
	kernel_core 1.22 0x23
	refused_core "$core" "$home/program" "build id" coredump_filter
}

@test "a core file with all pages needs no executable" {
	kernel_core 1.27 0x3f
	rm program
	probe_core "$core"
	same "$said"
}

@test "a core file without the program's memory is refused" {
	kernel_core 1.22 0x3c
	refused_core "$core" memory coredump_filter
}

@test "a core file that is cut off is refused at every length, soon, and says so" {
	local size kib
	kernel_core 1.24 0x3f
	size=$(stat -c %s "$core")
	for kib in 0 1 2 8 200 1000; do
		cp "$core" cut
		truncate -s "${kib}K" cut
		DEADLINE=20 refused_core ./cut
	done
	[ "$size" -gt 1024000 ]
	refused_core ./cut "cut off"
}

@test "a word of digits is a process, and ./ makes it a file" {
	kernel_core 1.24 0x33
	mv "$core" 4194305
	gomemctl probe 4194305
	[ "$status" -eq 2 ]
	[[ $errors == *"process 4194305"* ]]
	probe_core ./4194305
}

@test "what is no core file is refused: text, a program, a device, a pipe, nothing" {
	local what
	mkfifo "$home/pipe"
	for what in /etc/passwd "$(command -v sleep)" /dev/zero "$home/pipe" "$home"; do
		DEADLINE=20 refused_core "$what" "core file"
	done
	refused_core "$home/absent" "No such file"
	gomemctl probe "$home/absent" --watch
	[ "$status" -eq 2 ]
	[[ $errors == *--watch* ]]
}

@test "a core file of a program that is not Go's is refused" {
	dumped_here
	cd "$home"
	ulimit -c unlimited
	start_ready python3 -uc 'import time; print("ready"); time.sleep(600)'
	dump "$started"
	refused_core "$core" "no Go"
}
