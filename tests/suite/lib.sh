# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# One scenario under one regime, in the guest, after lib.sh and govern.sh of the guest's tests. Figures are the kernel's and
# those of the progress files that the programs themselves keep.
# shellcheck disable=SC2154 # cgroot, conf and policies are theirs
#
# A scenario is a file of scenarios/, read anew for each run. It says
#   what="..."                          a line for the table
#   service NAME LIMIT FLAGS [-- FLAGS] a service of one srv or more, with MemoryMax=LIMIT and these flags
#   at PERCENT limit NAME LIMIT         a change of the limit in place, so far into the run
#   at PERCENT restart NAME             a stop and a start
#   total=LIMIT                         of the slice that all services are in
#   file_mb=N                           a file of N MiB is made, its path is $file
#   longer_run N                        N times as long as others: what the governor does there comes in steps
#   sweep=1                             several processes or a varying load: compared with the curve of plain Go
#   a_second N                          N MiB over the whole run as whole MiB a second
# To the first program of each service requests come every 20 ms; they make its garbage.
#
# Regimes: plain, static (GOMEMLIMIT = 90 % of the service's first limit), oomd, gomemd, gogcN (plain with GOGC=N).

run_dir=/run/suite
slice=suite.slice
slice_dir=$cgroot/$slice
file=/var/tmp/suite.file

service() {
	local name=$1
	shift
	names+=("$name")
	limits[$name]=$1
	shift
	flags[$name]=$(printf '%q ' "$@")
}

at() {
	events+=("$(printf '%q ' "$@")")
}

longer_run() {
	seconds=$((base_seconds * $1))
}

a_second() {
	echo $(((${1} + seconds / 2) / seconds > 0 ? (${1} + seconds / 2) / seconds : 1))
}

load_scenario() {
	what="" total=infinity file_mb="" sweep="" seconds=$base_seconds
	names=() events=()
	declare -gA limits=() flags=()
	# shellcheck disable=SC1090 # chosen by name
	. "/t/suite/scenarios/$1.scenario"
}

# bytes_of SIZE: 24M in bytes.
bytes_of() {
	numfmt --from=iec "$1"
}

# The processes of one service: all but the last in the background, so that the last is the main one.
write_script() {
	local name=$1 n=0 word words=() end
	eval "words=(${flags[$name]} --)"
	{
		echo '#!/bin/bash'
		while [ ${#words[@]} -gt 0 ]; do
			printf '%q -progress %q -span %ss ' "$PROGRAMS/srv-1.24-plain" \
				"$run_dir/$name.$n.progress" "$seconds"
			[ "$n" -gt 0 ] || printf '%s ' -latency 20ms -served
			for ((end = 0; end < ${#words[@]}; end++)); do
				word=${words[end]}
				[ "$word" != -- ] || break
				printf '%q ' "$word"
			done
			words=("${words[@]:end + 1}")
			echo '</dev/null &'
			n=$((n + 1))
		done
		# Whichever ends first, for whatever reason, ends the service, as a container's init would.
		echo 'wait -n'
	} >"$run_dir/$name.sh"
}

# A unit file, as its limit is to be changed in place without a word of systemd's about transient ones.
write_unit() {
	local name=$1 environment=() percent
	case $regime in
	static)
		percent=$(($(bytes_of "${limits[$name]}") * 90 / 100))
		environment=("Environment=GOMEMLIMIT=$percent")
		;;
	gogc*) environment=("Environment=GOGC=${regime#gogc}") ;;
	esac
	cat >"/run/systemd/system/suite-$name.service" <<-UNIT
		[Unit]
		StartLimitIntervalSec=0
		[Service]
		Slice=$slice
		MemoryMax=${limits[$name]}
		Restart=always
		RestartSec=100ms
		TimeoutStopSec=5
		StandardOutput=append:$run_dir/$name.out
		StandardError=journal
		$(printf '%s\n' "${environment[@]}")
		ExecStart=/bin/bash $run_dir/$name.sh
	UNIT
}

write_slice() {
	{
		printf '[Slice]\nMemoryAccounting=yes\nMemoryMax=%s\n' "$total"
		[ "$regime" != oomd ] || printf 'ManagedOOMMemoryPressure=kill\nManagedOOMSwap=kill\n'
	} >"/run/systemd/system/$slice"
}

regime_begin() {
	systemctl stop gomemd systemd-oomd.socket systemd-oomd.service 2>/dev/null || true # of those that are there
	case $regime in
	gomemd)
		rm -rf /var/lib/gomemd/* /run/gomemd "$policies"
		mkdir -p /etc/gomemd
		printf '[daemon]\nmode = enforce\naudit_burst = 1000\n' >"$conf"
		systemctl start gomemd
		;;
	oomd)
		# Its own 30 s would be the whole of a run.
		mkdir -p /etc/systemd/oomd.conf.d
		printf '[OOM]\nDefaultMemoryPressureDurationSec=2s\n' >/etc/systemd/oomd.conf.d/suite.conf
		systemctl start systemd-oomd.service
		;;
	esac
}

# Everything that runs, and its cgroup: the next run's figures begin at nothing.
clean_up() {
	local units=("${names[@]/#/suite-}")
	units=("${units[@]/%/.service}")
	systemctl stop "${units[@]}" "$slice" 2>/dev/null || true # those that a kill has ended are gone
	systemctl reset-failed "${units[@]}" 2>/dev/null || true # likewise
	rm -rf /run/systemd/system/suite* /run/systemd/system.control/suite* "$run_dir" "$file"
}

set_up() {
	local name
	mkdir -p "$run_dir"
	mkfifo "$run_dir/pause"
	[ -z "$file_mb" ] || head -c "${file_mb}M" /dev/urandom >"$file"
	# The file's pages are the slice's only if it reads them.
	[ -z "$file_mb" ] || { sync && echo 1 >/proc/sys/vm/drop_caches; }
	write_slice
	for name in "${names[@]}"; do
		write_script "$name"
		write_unit "$name"
	done
	systemctl daemon-reload
	regime_begin
	# The slice outlives every restart below it.
	systemctl start "$slice"
}

event() {
	case $1 in
	limit) systemctl set-property --runtime "suite-$2.service" "MemoryMax=$3" ;;
	restart) systemctl restart "suite-$2.service" ;;
	*) fail "a scenario has no event '$1'" ;;
	esac
}

# all_ready: each program's progress file is there and each service has said "ready" for each. A service that is killed
# before it is so far has its kills counted all the same.
all_ready() {
	local end=$((SECONDS + 60)) name wanted lines pause
	exec {pause}<>"$run_dir/pause"
	for name in "${names[@]}"; do
		wanted=$(grep -c -- -progress "$run_dir/$name.sh")
		while lines=() && { mapfile -t lines <"$run_dir/$name.out"; } 2>/dev/null; [ ${#lines[@]} -lt "$wanted" ]; do
			[ "$SECONDS" -le "$end" ] || break
			read -r -t 0.1 -u "$pause" _ || true # between two looks
		done
	done
	exec {pause}>&-
}

# Looks at the slice until the end, and does what is due.
observe() {
	local now next=0 due words pause begun=${EPOCHREALTIME/./} anon
	exec {pause}<>"$run_dir/pause"
	anon_sum=0 anon_max=0 looks=0
	while now=$((${EPOCHREALTIME/./} - begun)) && [ "$now" -lt $((seconds * 1000000)) ]; do
		if [ "$next" -lt ${#events[@]} ]; then
			eval "words=(${events[next]})"
			due=$((seconds * 10000 * words[0]))
			[ "$now" -lt "$due" ] || { event "${words[@]:1}" && next=$((next + 1)); }
		fi
		# "anon" is the first line.
		read -r _ anon <"$slice_dir/memory.stat"
		anon_sum=$((anon_sum + anon)) looks=$((looks + 1))
		[ "$anon" -le "$anon_max" ] || anon_max=$anon
		read -r -t 0.2 -u "$pause" _ || true # between two looks, without a process
	done
	exec {pause}>&-
}

# total_of FILE KIND: microseconds of pressure.
total_of() {
	sed -n "s/^$2 .*total=//p" "$slice_dir/$1"
}

# starts_meant: of programs, by the scenario. Others are restarts; the service manager forgets its count of those when a
# person restarts a service.
starts_meant() {
	local name event words count=0
	for name in "${names[@]}"; do count=$((count + $(grep -c -- -progress "$run_dir/$name.sh"))); done
	for event in "${events[@]}"; do
		eval "words=($event)"
		[ "${words[1]}" != restart ] || count=$((count + $(grep -c -- -progress "$run_dir/${words[2]}.sh")))
	done
	echo "$count"
}

# figures: what the kernel, the service manager and the governor say, as members of one JSON object.
figures() {
	local name used
	if [ "$regime" = gomemd ]; then
		journalctl --sync
		journalctl -u gomemd --since "@$begun" -o json --no-pager >"$run_dir/journal"
		cat "$run_dir/journal" >>"/t/out/$scenario.journal"
	fi
	used=$(cgroup_get "$cgroot/system.slice/gomemd.service" cpu.stat usage_usec 2>/dev/null || echo 0)
	jq -cn '$ARGS.named' \
		--arg scenario "$scenario" --arg what "$what" --arg regime "$regime" --arg sweep "$sweep" \
		--argjson seconds "$seconds" \
		--argjson oom_kills "$(cgroup_get "$slice_dir" memory.events oom_kill)" \
		--argjson high_events "$(cgroup_get "$slice_dir" memory.events high)" \
		--argjson oomd_kills "$(oomd_kills)" \
		--argjson starts_meant "$(starts_meant)" \
		--argjson peak_bytes "$(cat "$slice_dir/memory.peak")" \
		--argjson mean_anon_bytes $((anon_sum / looks)) --argjson max_anon_bytes "$anon_max" \
		--argjson stall_us "$(total_of memory.pressure some)" \
		--argjson full_stall_us "$(total_of memory.pressure full)" \
		--argjson cpu_us "$(cgroup_get "$slice_dir" cpu.stat usage_usec)" \
		--argjson governor_cpu_us "$used" \
		--argjson changes "$(changes 'true')" \
		--argjson emergencies "$(changes '.GOMEMD_REASON == "emergency" or .GOMEMD_REASON == "throttle"')"
}

oomd_kills() {
	[ "$regime" = oomd ] || { echo 0; return; }
	journalctl --sync
	journalctl -u systemd-oomd --since "@$begun" -o cat --no-pager | grep -c '^Killed' || true # none is a count too
}

# changes CONDITION: writes of the governor in this run. A restart of a unit is in the run as well.
changes() {
	[ "$regime" = gomemd ] || { echo 0; return; }
	jq -s "[.[] | select(.GOMEMD_OUTCOME == \"done\" and ($1))] | length" "$run_dir/journal"
}

# run_one SCENARIO REGIME: one JSON line to standard output.
run_one() {
	local name kernel program
	scenario=$1 regime=$2
	load_scenario "$scenario"
	set_up
	begun=${EPOCHSECONDS}
	for name in "${names[@]}"; do systemctl start "suite-$name.service"; done
	all_ready
	observe
	# Nothing is done while the figures are taken, which is longer on a machine that is not alone.
	echo 1 >"$slice_dir/cgroup.freeze"
	until=${EPOCHREALTIME/./}000
	kernel=$(figures)
	program=$("$PROGRAMS/srv-1.24-plain" -show -until "$until" "$run_dir"/*.progress)
	echo 0 >"$slice_dir/cgroup.freeze"
	clean_up
	jq -cn --argjson a "$kernel" --argjson b "$program" '$a + $b | .restarts = .starts - .starts_meant'
}
