# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 300
#
# Capabilities: without each of them the daemon starts and says what is lost; with those that read, it reads and
# recommends for the workload of another user and writes nothing; with those of its unit it governs that workload.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

srv app 1.24 User=nobody MemoryMax=256M -- -live 60 -garbage 30
eventually 20 srv_ready app
pid=$(unit_pid app)
same "its user" nobody "$(stat -c %U "/proc/$pid")"

# start_with LINE: the service with this CapabilityBoundingSet=.
start_with() {
	mkdir -p /etc/systemd/system/gomemd.service.d
	printf '[Service]\n%b\n' "$1" >/etc/systemd/system/gomemd.service.d/rights.conf
	systemctl daemon-reload
	gomemd_start 'mode = enforce' 'look_max = 1s'
	same "gomemd" active "$(unit_get gomemd ActiveState)"
}

# has_capability NUMBER: by the kernel.
has_capability() {
	local set
	set=$(sed -n 's/^CapEff:\t*//p' "/proc/$(unit_pid gomemd)/status")
	[ $(((0x$set >> $1) & 1)) -eq 1 ]
}

status_of() {
	gomemctl status --json | jq -r ".daemon | $1"
}

# said CAPABILITY: in the journal, by this run of the daemon.
said() {
	journalctl --sync
	journalctl -o json --no-pager _PID="$(unit_pid gomemd)" GOMEMD_FEATURE="$1" | jq -e .MESSAGE
}

governed() {
	eventually 20 probe_not "$pid" memory_limit_bytes null
	systemctl stop gomemd
	same "soft limit after stop" null "$(probe "$pid" memory_limit_bytes)"
}

# Read, decided on, and left as it is; a soft limit is missing from every look of these seconds.
recommended() {
	eventually 20 audit_has app '.GOMEMD_OUTCOME == "recommended" and .GOMEMD_LEVER == "soft_limit"'
	same "its mode" recommend "$(gomemctl explain app.service --json | jq -r .explain.mode)"
	code=0
	gomemctl set app.service --gogc 50 || code=$?
	same "set without the right to" 1 "$code"
	never_within 3 probe_not "$pid" memory_limit_bytes null
	same "GOGC" 100 "$(probe "$pid" gogc)"
	same "undo records" "" "$(ls /var/lib/gomemd/undo)"
}

unseen() {
	never_within 5 known app.service
	same "soft limit" null "$(probe "$pid" memory_limit_bytes)"
}

# Full: what the unit gives.
start_with ""
same "rights" full "$(status_of .rights)"
same "missing" "" "$(status_of '.capabilities_missing | join(" ")')"
governed

# One is taken away. What is lost with it: nothing (-), or what its name in the status and the journal stands for.
while read -r name number lost rights expected; do
	start_with "CapabilityBoundingSet=~$name"
	! has_capability "$number" || fail "$name is still there"
	same "rights without $name" "$rights" "$(status_of .rights)"
	if [ "$lost" = - ]; then
		same "missed without $name" "" "$(status_of '.capabilities_missing | join(" ")')"
	else
		same "missed without $name" "$name" "$(status_of '.capabilities_missing | join(" ")')"
		gomemctl status | grep -q "missing: $name" || fail "gomemctl status does not say that $name is missing"
		eventually 10 said "$name"
	fi
	$expected
	echo "without $name: $expected"
done <<-'LIST'
	CAP_SYS_PTRACE 19 says none unseen
	CAP_DAC_READ_SEARCH 2 - full governed
	CAP_DAC_OVERRIDE 1 says reduced recommended
	CAP_SYS_ADMIN 21 says full governed
	CAP_BPF 39 says full governed
	CAP_PERFMON 38 says full governed
	CAP_SYS_RESOURCE 24 - full governed
	CAP_KILL 5 says full governed
	CAP_NET_ADMIN 12 says full governed
	CAP_SETUID 7 says none unseen
LIST

# Reduced: what reading takes, and nothing else.
start_with 'CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_SETUID CAP_SETGID'
same "rights" reduced "$(status_of .rights)"
recommended
systemctl stop gomemd
same "the workload in the end" active "$(unit_get app ActiveState)"
