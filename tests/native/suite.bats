# SPDX-License-Identifier: Apache-2.0
#
# The comparison suite's own parts: what it judges by its lines, and that a kill loses nothing of what a program had done.

load lib.bash

table=$BATS_TEST_DIRNAME/../suite/table

setup_file() {
	export kept_dir=$BATS_FILE_TMPDIR/programs
	"$BATS_TEST_DIRNAME/../lib/build-programs.sh" --program srv --variant plain "$kept_dir" 1.24 >/dev/null
}

teardown() {
	stop_all
}

# line REGIME KILLS IN_TIME MEMORY GC: a run of 1,000 requests.
line() {
	jq -cn --arg regime "$1" --argjson kills "$2" --argjson in_time "$3" --argjson memory "$4" --argjson gc "$5" \
		'{scenario: "s", what: "w", regime: $regime, sweep: "1", seconds: 10, oom_kills: $kills, oomd_kills: 0, restarts: $kills,
		high_events: 0, peak_bytes: $memory, mean_anon_bytes: $memory, max_anon_bytes: $memory, stall_us: 0, full_stall_us: 0,
		cpu_us: 0, governor_cpu_us: 0, changes: 0, emergencies: 0, starts: 1, garbage_bytes: 0, requests: 1000,
		in_time: $in_time, unanswered: 0, gc_cpu_us: $gc, p50_us: 1, p95_us: 1, p99_us: 1, max_us: 1}' >>"$BATS_TEST_TMPDIR/lines"
}

@test "a kill under gomemd that another regime avoids is a missed goal" {
	line plain 2 1000 100 100
	line static 0 1000 100 100
	line gomemd 1 1000 100 100
	run "$table" "$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 1 ]
	[[ $output == *"s: 1 kills under gomemd, none under static"* ]]
}

@test "a kill in one round of several is a kill" {
	line plain 0 1000 100 100
	line gomemd 0 1000 100 100
	line gomemd 0 1000 100 100
	line gomemd 1 1000 100 100
	run "$table" "$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 1 ]
}

@test "a kill that no regime avoids is none of the governor's" {
	line plain 3 900 100 100
	line static 1 900 100 100
	line gomemd 1 900 100 100
	run "$table" "$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
}

@test "work under 98 % of the best regime's is a missed goal, 98 % is none" {
	line plain 0 1000 100 100
	line gomemd 0 979 100 100
	run "$table" "$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 1 ]
	[[ $output == *"97.9 % of the requests in time under gomemd, 100 % under plain"* ]]
	rm "$BATS_TEST_TMPDIR/lines"
	line plain 0 1000 100 100
	line gomemd 0 980 100 100
	run "$table" "$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
}

@test "the curve of plain Go is interpolated, points with a kill left out" {
	line gogc50 0 1000 100 400
	line plain 0 1000 200 200
	line gogc200 1 1000 10 10
	line gomemd 0 1000 120 300
	run "$table" "$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	# At its GC CPU of 300 plain Go has 150, at its memory of 120 it takes 360.
	[[ $output == *"| s | 2, 1 | 20 % | 16.7 % |"* ]]
	[[ $output == *"s: neither 25 % less memory nor 40 % less GC CPU"* ]]
}

@test "what a killed program had done is not lost, and who found no server has waited" {
	local srv=$kept_dir/srv-1.24-plain file=$BATS_TEST_TMPDIR/progress sum pid
	answered() { [ "$("$srv" -show "$file" | jq .requests)" -gt "$1" ]; }
	"$srv" -live 5 -garbage 5 -latency 20ms -served -progress "$file" </dev/null >/dev/null &
	pid=$!
	eventually 20 answered 20
	kill -9 "$pid"
	wait "$pid" || true # by the signal just sent
	sum=$("$srv" -show "$file" | jq .requests)
	# Ten seconds after the kill, five hundred requests are due and were not answered.
	[ "$("$srv" -show -until $(($(date +%s%N) + 10000000000)) "$file" | jq .unanswered)" -ge 500 ]
	[ "$("$srv" -show "$file" | jq .requests)" = "$sum" ]
	"$srv" -live 5 -garbage 5 -latency 20ms -served -progress "$file" </dev/null >/dev/null &
	pid=$!
	eventually 20 answered $((sum + 20))
	kill -9 "$pid"
	wait "$pid" || true # by the signal just sent
	[ "$("$srv" -show "$file" | jq .starts)" = 2 ]
}
