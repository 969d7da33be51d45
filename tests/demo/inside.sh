#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: inside.sh DIR
#
# The demonstration itself, as root on a system with systemd and cgroup v2: the guest's, or this machine's. DIR holds
# stage.tar (what `make install` installs) and programs/. Three services run under the same load twice, first alone,
# then governed; it ends with the figures of both, and with everything removed again.
set -eu

dir=$1
seconds=${DEMO_SECONDS:-35}
work_bytes=400000000
scratch=/run/gomemd-demo
data=/var/tmp/gomemd-demo
cgroot=/sys/fs/cgroup

say() {
	printf '%s\n' "== $*"
}

# Nothing of an operator's may be overwritten, or removed at the end: kept settings and state neither.
refuse_installed() {
	local file found=
	while read -r file; do
		[ ! -e "$file" ] || found=$file
	done < <(tar -tf "$dir/stage.tar" | grep -v '/$' | sed 's|^\./|/|')
	for file in /etc/gomemd /var/lib/gomemd; do [ ! -e "$file" ] || found=$file; done
	! systemctl -q is-active gomemd || found=${found:-its service}
	[ -z "$found" ] || {
		echo "demo: gomemd is installed here already ($found); the demonstration would change it. Nothing was done." >&2
		exit 1
	}
}

install_project() {
	tar -tf "$dir/stage.tar" | sed 's|^\./|/|' >"$scratch/content"
	grep -v '/$' "$scratch/content" >"$scratch/installed"
	# Directories that are made by it, the deepest first.
	grep '/$' "$scratch/content" | sort -r | while read -r made; do
		[ -d "$made" ] || printf '%s\n' "$made"
	done >"$scratch/made"
	tar -C / --no-same-owner --keep-directory-symlink -xf "$dir/stage.tar"
	mkdir -p /etc/gomemd/policies.d
	# A machine that emulates another has its helpers wait for the processor.
	sed -i 's/^#helper_deadline = .*/helper_deadline = 20s/' /etc/gomemd/gomemd.conf
	cat >/etc/gomemd/policies.d/60-demo.ini <<'P'
[scope demo]
cgroup = gomemd.slice/gomemd-demo.slice/**
mode = enforce

[scope everything-else]
cgroup = **
mode = observe

# As an operator would who wants batch jobs to leave memory to others: one figure more in the shipped tier.
[batch.pressed]
gogc = 50
P
	getent group gomemd >/dev/null || : >"$scratch/made-group"
	systemd-sysusers gomemd.conf
	journalctl --update-catalog 2>/dev/null || true
	systemctl daemon-reload
	systemctl start gomemd
}

remove_all() {
	set +e
	trap - EXIT
	for unit in edge gateway batch load; do systemctl stop "demo-$unit" 2>/dev/null; done
	systemctl reset-failed 'demo-*' 2>/dev/null
	if [ -f "$scratch/installed" ]; then
		systemctl stop gomemd
		rm -f /etc/gomemd/policies.d/60-demo.ini
		xargs -r rm -f <"$scratch/installed"
		rmdir /etc/gomemd/policies.d
		xargs -r rmdir <"$scratch/made"
		rm -rf /var/lib/gomemd
		[ ! -e "$scratch/made-group" ] || groupdel gomemd
		journalctl --update-catalog 2>/dev/null
		systemctl daemon-reload
	fi
	rm -rf "$scratch" "$data"
}

# service NAME SLICE LIMIT ENVIRONMENT -- COMMAND...
service() {
	local name=$1 slice=$2 limit=$3 environment=$4
	shift 5
	systemd-run --quiet --unit="demo-$name" --slice="$slice" --property=MemoryMax="$limit" \
		--property=MemorySwapMax=0 --property=Restart=always --property=RestartSec=1 \
		--property=StartLimitBurst=100 --property=StandardOutput=null --property=StandardError=null \
		--property=TimeoutStopSec=2 \
		--property=PrivateTmp=yes --setenv=HOME=/tmp --setenv="$environment" -- "$@"
}

start_services() {
	local slice=$1 programs=$dir/programs
	mkdir -p "$data/etcd" "$data/prometheus"
	cat >"$scratch/prometheus.yml" <<'P'
global: {scrape_interval: 4s, scrape_timeout: 4s}
scrape_configs:
  - job_name: demo
    static_configs: [{targets: ['127.0.0.1:19101']}]
P
	service edge "$slice" 128M GOGC=400 -- "$programs/etcd@bookworm" --data-dir "$data/etcd" \
		--listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
		--listen-peer-urls http://127.0.0.1:12380 --unsafe-no-fsync
	service gateway "$slice" 256M DEMO=1 -- "$programs/prometheus" \
		--config.file="$scratch/prometheus.yml" --storage.tsdb.path="$data/prometheus" \
		--web.listen-address=127.0.0.1:19090
	service batch "$slice" 2G DEMO=1 -- "$programs/srv" -live 80 -garbage 80
	systemd-run --quiet --unit=demo-load --property=Restart=always --property=StartLimitBurst=100 \
		--property=TimeoutStopSec=2 -- \
		"$programs/load" -etcd http://127.0.0.1:12379 -listen 127.0.0.1:19101 -series 60000 -pause 150ms \
		-prometheus http://127.0.0.1:19090
}

stop_services() {
	for unit in load edge gateway batch; do systemctl stop "demo-$unit"; done
	systemctl reset-failed 'demo-*' 2>/dev/null || true
	rm -rf "$data/etcd" "$data/prometheus"
}

stat_of() {
	awk -v key="$2" '$1 == key { print $2 }' "$1/memory.stat"
}

# Anonymous memory without what was freed lazily: what can kill.
anon_of() {
	local cg=$1 lists file
	lists=$(($(stat_of "$cg" inactive_file) + $(stat_of "$cg" active_file)))
	file=$(($(stat_of "$cg" file) - $(stat_of "$cg" shmem)))
	[ "$lists" -gt "$file" ] || lists=$file
	echo $(($(stat_of "$cg" anon) - lists + file))
}

# worked: the gateway has done the work of an arm, however much of the processor it got, or has died of it.
worked() {
	local made
	[ "$(systemctl show --value -p NRestarts demo-gateway)" -eq 0 ] || return 0
	made=$("$scratch/gomemctl" probe "$(systemctl show --value -p MainPID demo-gateway)" --json 2>/dev/null |
		sed -n 's/.*"total_alloc_bytes":\([0-9]*\).*/\1/p')
	[ "${made:-0}" -ge "$work_bytes" ]
}

# watch ARM SLICE: for so long, and until the work is done; of each service the highest anon, the mean of the second
# half, when it has come up and been found, and how often it was killed.
watch() {
	local arm=$1 slice=$2 start=$SECONDS name now
	while [ $((SECONDS - start)) -lt "$seconds" ] ||
		{ [ $((SECONDS - start)) -lt $((2 * seconds)) ] && ! worked; }; do
		for name in edge gateway batch; do
			# While one is down it has none.
			now=$(anon_of "$cgroot/gomemd.slice/$slice/demo-$name.service" 2>/dev/null) || continue
			echo "$now" >>"$scratch/anon.$arm.$name"
		done
		read -r -t 0.3 _ <>"$scratch/never" || true
	done
	for name in edge gateway batch; do
		awk -v kills="$(systemctl show --value -p NRestarts "demo-$name")" '
			{ a[NR] = $1; if ($1 > high) high = $1 }
			END { for (i = int(NR / 2) + 1; i <= NR; i++) { sum += a[i]; n++ }
				printf "%d %d %d\n", high, n ? sum / n : 0, kills }' "$scratch/anon.$arm.$name" >"$scratch/$arm.$name"
	done
}

run_arm() {
	say "$1: three services under load for $seconds s, and until the gateway has done its work"
	start_services "$2"
	watch "$1" "$2"
}

mib() {
	if [ "$1" = null ]; then echo -; else echo "$(($1 >> 20))M"; fi
}

# One row of the table, and a verdict on it.
row() {
	local name=$1 json control_peak control_mean control_kills peak mean kills levers
	json=$(jq -c --arg u "demo-$name.service" '.workloads[] | select(.workload == $u)' "$scratch/status")
	read -r control_peak control_mean control_kills <"$scratch/control.$name"
	read -r peak mean kills <"$scratch/treated.$name"
	jq -r --arg c "$(mib "$control_peak")" --arg t "$(mib "$peak")" --arg ck "$control_kills" --arg tk "$kills" \
		--arg cm "$(mib "$control_mean")" --arg tm "$(mib "$mean")" '
		def m: if . == null then "-" else "\(. / 1048576 | floor)M" end;
		.processes[0] as $p | ($p.levers | map({key: .lever, value: .}) | from_entries) as $l |
		[.workload, .tier, "\(.limit_bytes | m) \(.limit_origin | sub(".*/"; ""))", "\(.room_bytes | m)",
		 ($p.go_version), ($p.heap_marked_bytes | m), ($p.heap_goal_bytes | m),
		 "\($l.gogc.owner)>\($l.gogc.now)", "\($l.soft_limit.owner | m)>\($l.soft_limit.now | m)",
		 "\($t) \($tm) \($tk)", "\($c) \($cm) \($ck)", .state] | @tsv' <<<"$json" >>"$scratch/table"
	levers=$(jq '[.processes[0].levers[] | select(.now != .owner)] | length' <<<"$json")
	[ "${levers:-0}" -gt 0 ] || { echo "demo: no lever of $name was changed"; failed=1; }
	# One that was killed wanted more than its limit, whatever it had later; and a peak is one moment of a start.
	[ "$peak" -lt "$control_peak" ] || [ "$mean" -lt "$control_mean" ] || [ "$kills" -lt "$control_kills" ] ||
		{ echo "demo: $name: anon is $peak and $mean, not below $control_peak and $control_mean"; failed=1; }
}

# Pads the columns of a file of tab-separated cells.
columns() {
	awk -F '\t' 'NR == FNR { for (i = 1; i <= NF; i++) if (length($i) > w[i]) w[i] = length($i); next }
		{ for (i = 1; i < NF; i++) printf "%-*s  ", w[i], $i; print $NF }' "$1" "$1"
}

main() {
	refuse_installed
	mkdir -p "$scratch"
	mkfifo "$scratch/never"
	tar -xOf "$dir/stage.tar" ./usr/bin/gomemctl >"$scratch/gomemctl"
	chmod 755 "$scratch/gomemctl"
	trap remove_all EXIT
	run_arm control gomemd-control.slice
	stop_services
	say "installing gomemd as a service: it enforces in gomemd-demo.slice and observes everything else"
	install_project
	run_arm treated gomemd-demo.slice
	gomemctl status --json >"$scratch/status"
	failed=0
	printf 'WORKLOAD\tTIER\tLIMIT FROM\tROOM\tGO\tLIVE\tGOAL\tGOGC\tSOFT LIMIT\tANON KILLS\tWITHOUT\tSTATE\n' >"$scratch/table"
	for name in edge gateway batch; do row "$name"; done
	say "the result (owner's value > gomemd's; anon at its highest, its mean in the second half, kills)"
	columns "$scratch/table"
	say "what was changed, from the journal"
	journalctl --sync
	gomemctl audit | tail -n 25
	[ "$failed" -eq 0 ] && say "done: each service was governed, each with less memory"
	return "$failed"
}

main
