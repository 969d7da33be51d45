# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: kube
# deadline: 600
# image: gomemd
#
# The agent as a cluster runs it: the image of deploy/image, imported as doc/KUBERNETES.md says, in pods of the rendered overlays
# with what these give it and nothing else. It names its neighbours, has the features that the table of that document promises
# for its profile, writes nothing or all it may, and what one of them has changed another gives back.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh
# shellcheck source=tests/guest/kube.sh
. /t/kube.sh
# shellcheck source=tests/lib/promised.sh
. /t/promised.sh

mib=1048576
none=9223372036854775807
cart=shop/cart-7c9f8b6d54-x2kzq/app
rooted=shop/rooted-0/app
apart=jobs/apart-0/app
undo=/var/lib/gomemd/undo

# A unit's state would be found by the pod.
systemctl stop gomemd
rm -rf /var/lib/gomemd /run/gomemd
at_exit 'rm -rf /var/lib/gomemd /run/gomemd'
kube_start
ctr -n k8s.io images import /t/gomemd.tar

pod shop cart-7c9f8b6d54-x2kzq 11111111-2222-3333-4444-555555555555 < <(
	container app user=10001 request_bytes=100*mib limit_bytes=256*mib -- /srv-1.24-plain -live 95 -garbage 15 -http 127.0.0.1:9001
)
pod shop rooted-0 6b8e2c44-1f0b-4a55-b0fb-6d0fd0a1c2e3 < <(
	container app request_bytes=50*mib limit_bytes=200*mib -- /srv-1.24-plain -live 30 -garbage 4 -http 127.0.0.1:9002
)
pod jobs apart-0 5b8e2c44-1f0b-4a55-b0fb-6d0fd0a1c2e3 pod < <(
	container app request_bytes=50*mib limit_bytes=200*mib -- /endpoint-1.24-plain -listen 127.0.0.1:8105
)
eventually 60 pod_said $cart ready
eventually 60 pod_said $rooted ready

# own PORT KEY: in the program's own words; 9001 is the cart's, of another user, 9002 one of root's.
own() { http "$1" /metrics | sed -n "s/^srv_$2 //p"; }
# What a cluster's own kustomization would add: the one is to be written, whatever the profile may; the other is asked.
policies='.configs["gomemd-policies"]["60-cluster.ini"] += "
[scope shop]
namespace = shop
mode = enforce
[tier apart]
namespace = jobs
priority = 10
mode = observe
endpoint = auto
"'

# start PROFILE NAME UID: $agent, $address, $agent_cgroup.
start() {
	agent=gomemd/$2/gomemd
	agent "$1" "$2" "$3" "$policies"
	# shellcheck disable=SC2016 # evaluated at the end
	at_exit '[ "$code" -eq 0 ] || pod_log '"$agent"' >&3'
	address=$(cripod address "gomemd/$2")
	agent_cgroup=$(pod_cgroup "$agent")
	agent_cgroup=${agent_cgroup#"$cgroot"}
	eventually 60 ready
}
ready() { [ "$(http 9477 /readyz "$address")" = ok ]; }
inside() { cripod exec "$agent" gomemctl "$@"; }

# lever NAME KEY: of the cart's process, by the agent.
lever() {
	inside explain $cart --json | jq -r --arg lever "$1" ".explain.processes[0].levers[] | select(.lever == \$lever).$2"
}
lever_is() { [ "$(lever "$1" "$2")" = "$3" ]; }

# The capabilities of the agent's first process are those of its manifest, by the kernel.
has_rights() {
	local pid wanted actual
	pid=$(pod_pid "$agent")
	wanted=$(jq -r '.containers[0].security.add[] | ascii_downcase | "cap_" + .' "/t/agent-$1.json" | sort | tr '\n' ' ')
	actual=$(capsh --decode="$(sed -n 's/^CapBnd:\t//p' "/proc/$pid/status")" | sed 's/.*=//' | tr , '\n' | sort | tr '\n' ' ')
	same "capabilities of $1" "$wanted" "$actual"
	actual=$(capsh --decode="$(sed -n 's/^CapEff:\t//p' "/proc/$pid/status")" | sed 's/.*=//' | tr , '\n' | sort | tr '\n' ' ')
	same "capabilities in force of $1" "$wanted" "$actual"
	same "seccomp of $1" 2 "$(sed -n 's/^Seccomp:\t//p' "/proc/$pid/status")"
	[ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/1/ns/net)" ] || fail "$1 has the node's network"
	[ "$(readlink "/proc/$pid/ns/cgroup")" != "$(readlink /proc/1/ns/cgroup)" ] || fail "$1 has the node's cgroup namespace"
	same "PID namespace of $1" "$(readlink /proc/1/ns/pid)" "$(readlink "/proc/$pid/ns/pid")"
}

features_now() { inside features --json | in_fact; }
# may_not: what is missing for want of a right. The runtime's seccomp profile must let eBPF pass with what reduced has.
may_not() { inside features --json | jq -r '.features[] | select(.error == "Operation not permitted").name' | tr '\n' ' '; }
all_tried() { ! features_now | grep untried; }

# identity: by the same names in status, on the node as well, in the metrics and with the process that has them.
identity() {
	local name pid cgroup ns pod container
	for name in $cart $apart; do
		pid=$(pod_pid "$name")
		cgroup=$(pod_cgroup "$name")
		IFS=/ read -r ns pod container <<<"$name"
		same "$name in status" "${cgroup#"$cgroot"} $pid" "$(inside status --json |
			jq -r --arg n "$name" '.workloads[] | select(.workload == $n) | "\(.cgroup) \(.processes[].pid)"')"
		same "$name on the node" "${cgroup#"$cgroot"}" "$(gomemctl explain "$pid" --json | jq -r .explain.cgroup)"
		http 9477 /metrics "$address" >/run/agent-metrics
		grep -qF "gomemd_workload_look_age_seconds{workload=\"$name\",namespace=\"$ns\",pod=\"$pod\",container=\"$container\"} " \
			/run/agent-metrics || fail "no $name in the metrics"
	done
}

# rights_are PROFILE: in the metrics and in status.
rights_are() {
	grep -q "^gomemd_build_info{.*rights=\"$1\"" /run/agent-metrics || fail "rights in the metrics: $(grep build_info /run/agent-metrics)"
	same "rights in status" "$1" "$(inside status --json | jq -r .daemon.rights)"
}

looked_at() { inside status --json | jq -e --arg n "$1" '.workloads[] | select(.workload == $n)'; }

# works_as PROFILE: all that does not depend on what is written.
works_as() {
	has_rights "$1"
	eventually 60 looked_at $cart
	eventually 60 looked_at $apart
	identity
	rights_are "$1"
	eventually 60 all_tried
	same "features of $1" "$(promised /t/KUBERNETES.md "$1")" "$(features_now)"
	if [ "$1" = full ]; then
		same "what full may not" "" "$(may_not)"
	else
		same "what reduced may not" "endpoints " "$(may_not)"
	fi
}

# nothing_written: neither to the programs nor to a cgroup.
nothing_written() {
	same "GOGC and soft limit of the cart" "100 $none" "$(own 9001 gogc) $(own 9001 memory_limit_bytes)"
	same "GOGC and soft limit of one of root's" "100 $none" "$(own 9002 gogc) $(own 9002 memory_limit_bytes)"
	same "memory.high" max "$(cgroup_get "$(pod_cgroup $cart)" memory.high)"
	same "undo records" "" "$(ls $undo)"
}
# held PORT MIB: its soft limit lies below this.
held() { [ "$(own "$1" memory_limit_bytes)" -lt $(($2 * mib)) ]; }
agent_said() { journal_has "$1" "_SYSTEMD_CGROUP=$agent_cgroup"; }

# Reduced: everything is decided and nothing written, though a scope says enforce.
start reduced gomemd-aaaaa 6a0c7c6e-57f7-4a2c-8f0a-8a3f8b8e9d10
works_as reduced
eventually 60 lever_is soft_limit verdict set
same "mode" recommend "$(inside explain $cart --json | jq -r .explain.mode)"
eventually 60 agent_said "^$cart: soft_limit none -> [0-9]* .*: recommended"
eventually 60 agent_said "^$rooted: soft_limit none -> [0-9]* .*: recommended"
nothing_written
cripod stop gomemd/gomemd-aaaaa
nothing_written

# Full: written, as the programs themselves say.
start full gomemd-bbbbb 7a0c7c6e-57f7-4a2c-8f0a-8a3f8b8e9d10
works_as full
eventually 60 held 9001 256
eventually 60 held 9002 200
# The value may be another by the time that it is read: that of this moment is in the journal.
recorded() { agent_said "^$cart: soft_limit .* -> $(own 9001 memory_limit_bytes) .*: done"; }
eventually 60 recorded
same "soft limit of one that is observed" null "$(gomemctl probe "$(pod_pid $apart)" --json | jq -r .memory_limit_bytes)"

# It is lost without a word: what it has written stays, and is on the node's disk.
cripod kill "$agent"
[[ $(cripod state "$agent") == exited\ 137\ * ]] || fail "it is $(cripod state "$agent")"
cripod stop gomemd/gomemd-bbbbb
left=$(own 9001 memory_limit_bytes)
held 9001 256 || fail "the soft limit has gone with it: $left"
[ -n "$(ls $undo)" ] || fail "no undo records"

# One that may not write to others gives back to root's program alone, and keeps the rest for the next that may.
start reduced gomemd-ccccc 8a0c7c6e-57f7-4a2c-8f0a-8a3f8b8e9d10
same "soft limit of root's" $none "$(own 9002 memory_limit_bytes)"
eventually 60 looked_at $cart
same "soft limit of another user's" "$left" "$(own 9001 memory_limit_bytes)"
cripod stop gomemd/gomemd-ccccc
same "soft limit after it" "$left" "$(own 9001 memory_limit_bytes)"
records=$(find $undo -type f | wc -l)
at_least "undo records that wait" 1 "$records"
start full gomemd-ddddd 9a0c7c6e-57f7-4a2c-8f0a-8a3f8b8e9d10
agent_said "Of an earlier run: $records setting(s) given back, 0 .* 0 failed" || fail "not all was given back: $(pod_log "$agent")"
eventually 60 agent_said "^$cart: soft_limit none -> [0-9]* .*: done"
eventually 60 held 9001 256

# Asked to end, it gives back.
cripod stop gomemd/gomemd-ddddd
nothing_written
