# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For tests that need the daemon: ". /t/govern.sh" after lib.sh. Figures are read back from the kernel and from the
# process (probe reads memory, the program's own words come from its output), not from the daemon.

conf=/etc/gomemd/gomemd.conf
policies=/etc/gomemd/policies.d

# What the daemon had to say, for whoever reads of a failure.
say_daemon() {
	# shellcheck disable=SC2154 # run_at_exit's
	[ "$code" -ne 0 ] || return 0
	journalctl -u gomemd --no-pager -n 20 -o cat >&3
	gomemctl scan >&3
}
exec 3>&1

# gomemd_start [LINE OF gomemd.conf...]: starts the installed service with these settings, from a clean state.
gomemd_start() {
	systemctl stop gomemd 2>/dev/null || true
	rm -rf /var/lib/gomemd/* /run/gomemd "$policies"
	mkdir -p "$policies" /etc/gomemd
	{
		echo '[daemon]'
		printf '%s\n' "$@"
	} >"$conf"
	at_exit 'systemctl stop gomemd; systemctl reset-failed gomemd; rm -rf /etc/systemd/system/gomemd.service.d'
	at_exit say_daemon
	systemctl restart gomemd || {
		journalctl -u gomemd --no-pager -n 30
		fail "gomemd does not start"
	}
}

# policy NAME: a policy file from standard input, in force at the next start or reload.
policy() {
	mkdir -p "$policies"
	cat >"$policies/$1.ini"
}

# probe PID KEY: what the runtime's memory says.
probe() {
	gomemctl probe "$1" --json | jq -r ".$2"
}

# is PID KEY VALUE
probe_is() {
	[ "$(probe "$1" "$2")" = "$3" ]
}

probe_not() {
	local now
	now=$(probe "$1" "$2") && [ "$now" != "$3" ]
}

# state_is UNIT STATE, by the daemon.
state_is() {
	[ "$(gomemctl explain "$1" --json | jq -r .explain.state)" = "$2" ]
}

known() {
	gomemctl status --json | jq -e --arg u "$1" '.workloads[] | select(.workload == $u)' >/dev/null
}

# anon UNIT: bytes of anonymous memory, by the kernel.
anon() {
	cgroup_get "$(unit_cgroup "$1")" memory.stat anon
}

# srv UNIT VERSION [PROPERTY=VALUE...] -- FLAGS...: the test service, ready when this returns.
srv() {
	local unit=$1 version=$2 properties=()
	shift 2
	while [ "$1" != -- ]; do
		properties+=("$1")
		shift
	done
	shift
	rm -f "/run/$unit.out"
	unit_start "$unit" "StandardOutput=file:/run/$unit.out" "${properties[@]}" -- \
		"$PROGRAMS/srv-$version-plain" "$@"
}

srv_ready() {
	grep -q ready "/run/$1.out"
}

# http PORT PATH [ADDRESS]: the body of a service's answer, of a local one without ADDRESS.
http() {
	local line
	exec 9<>"/dev/tcp/${3:-127.0.0.1}/$1"
	printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&9
	while read -r -u 9 line && [ "${line%$'\r'}" ]; do :; done
	cat <&9
	exec 9>&-
}

# The audit's records of a unit, one JSON object a line.
audit_of() {
	journalctl --sync
	gomemctl audit "$1.service" --json
}

audit_has() {
	audit_of "$1" | jq -e "select($2)" >/dev/null
}
