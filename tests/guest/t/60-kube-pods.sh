# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: kube
# deadline: 900
#
# Real pods: every Go container is known by namespace, pod and name wherever it is spoken of, and gets what the sizing table
# has for its limit, whatever the class of its pod and whoever runs beside it. What runs the node is left alone.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh
# shellcheck source=tests/guest/kube.sh
. /t/kube.sh

mib=1048576
cart=shop/cart-7c9f8b6d54-x2kzq pair=shop/pair-0 mixed=shop/mixed-6b8fd scan=jobs/scan-28wlt
dns=kube-system/dns-5d78c9869d-4hfzt static=infra/etcd-node1

kube_start
gomemd_start 'mode = enforce' 'look_max = 1s' 'audit_burst = 1000'
policy 60-classes <<'P'
[scope besteffort]
cgroup = kubepods.slice/kubepods-besteffort.slice/**
mode = observe
P
systemctl reload gomemd

# What runs the node, before all others: of a service of the cluster, the kubelet files its log a moment after its start.
pod kube-system dns-5d78c9869d-4hfzt 0d9a3f5e-62a4-4d5d-9d8a-2f7d3f2b1c01 < <(
	container dns request_bytes=50*mib limit_bytes=170*mib -- /srv-1.24-plain -live 20 -garbage 4
)
pod infra etcd-node1 0123456789abcdef0123456789abcdef < <(
	container etcd request_bytes=50*mib -- /srv-1.24-plain -live 20 -garbage 4
)
# Burstable with one container, guaranteed with two, burstable with one that is not Go's, best effort.
pod shop cart-7c9f8b6d54-x2kzq 11111111-2222-3333-4444-555555555555 < <(
	container app request_bytes=100*mib limit_bytes=256*mib -- /srv-1.24-plain -live 95 -garbage 15 -http 127.0.0.1:9001
)
pod shop pair-0 6a0c7c6e-57f7-4a2c-8f0a-8a3f8b8e9d10 < <(
	container front request_bytes=128000000 limit_bytes=128000000 request_millicpu=500 limit_millicpu=500 -- \
		/srv-1.24-plain -live 30 -garbage 8 -http 127.0.0.1:9002
	container back request_bytes=200*mib limit_bytes=200*mib request_millicpu=500 limit_millicpu=500 -- \
		/srv-1.22-plain -live 30 -garbage 8 -http 127.0.0.1:9003
)
pod shop mixed-6b8fd 9e107d9d-372b-4c1f-8a6b-2f1d0c9e8b77 < <(
	container app request_bytes=100*mib limit_bytes=300*mib -- /srv-1.24-plain -live 20 -garbage 4 -http 127.0.0.1:9004
	container sidecar limit_bytes=64*mib -- /hold 30
)
pod jobs scan-28wlt 5b8e2c44-1f0b-4a55-b0fb-6d0fd0a1c2e3 < <(
	container scan -- /srv-1.24-plain -live 20 -garbage 4 -http 127.0.0.1:9005
)
containers=("$cart/app" "$pair/front" "$pair/back" "$mixed/app" "$scan/scan")
for name in "${containers[@]}"; do
	eventually 30 pod_said "$name" ready
	eventually 20 known "$name"
done
eventually 20 pod_said $mixed/sidecar ready

explained() { gomemctl explain "$1" --json | jq -r ".explain.$2"; }
# own PORT KEY: a word of the program's own.
own() { http "$1" /metrics | sed -n "s/^srv_$2 //p"; }

# By whatever name one asks, the answer is the cgroup that the kernel has the container's process in.
class=('')
for name in "${containers[@]}"; do
	pid=$(pod_pid "$name")
	cgroup=$(pod_cgroup "$name")
	path=${cgroup#"$cgroot"}
	same "$name in status" "$path $pid" "$(gomemctl status --json |
		jq -r --arg n "$name" '.workloads[] | select(.workload == $n) | "\(.cgroup) \(.processes[].pid)"')"
	words=("$name" "$pid")
	[ "$name" != $pair/front ] || words+=("$path" "${path##*/}")
	for word in "${words[@]}"; do
		same "explain $word" "$name $path" "$(gomemctl explain "$word" --json | jq -r '.explain | "\(.workload) \(.cgroup)"')"
	done
	case $path in
	/kubepods.slice/kubepods-burstable.slice/*) class+=(burstable) ;;
	/kubepods.slice/kubepods-besteffort.slice/*) class+=(besteffort) ;;
	/kubepods.slice/kubepods-pod*) class+=(guaranteed) ;;
	esac
done
same "classes, by the cgroups" " burstable guaranteed guaranteed burstable besteffort" "${class[*]}"

# The row of each, and in the programs' own words what it does.
same "tier of cart" gateway "$(explained $cart/app tier)"
same "tier of front" edge "$(explained $pair/front tier)"
same "tier of back" small "$(explained $pair/back tier)"
same "tier of mixed" gateway "$(explained $mixed/app tier)"
same "scope of scan" "besteffort observe" "$(explained $scan/scan scope) $(explained $scan/scan mode)"
same "limit over scan" /kubepods.slice "$(explained $scan/scan limit_origin)"
own_is() { [ "$(own "$1" "$2")" = "$3" ]; }
own_below() { [ "$(own "$1" memory_limit_bytes)" -lt "$2" ]; }
eventually 60 own_is 9001 gogc 30
eventually 20 own_below 9002 128000000
eventually 20 own_below 9003 $((200 * mib))
eventually 20 own_below 9004 $((300 * mib))
none=9223372036854775807
same "GOGC and soft limit of best effort" "100 $none" "$(own 9005 gogc) $(own 9005 memory_limit_bytes)"

# The journal's records are under the same name, with the cgroup.
recorded() { # NAME CGROUP FILTER
	journalctl --sync
	journalctl -o json --no-pager GOMEMD_WORKLOAD="$1" | jq -se --arg cgroup "$2" "any(.[]; .GOMEMD_CGROUP == \$cgroup and $3)" >/dev/null
}
cgroup=$(pod_cgroup $cart/app)
recorded $cart/app "${cgroup#"$cgroot"}" '.GOMEMD_LEVER == "gogc" and .GOMEMD_OLD == "100" and .GOMEMD_NEW == "30" and .GOMEMD_TIER == "gateway"' ||
	fail "no record of GOGC 100 -> 30 of $cart/app"
cgroup=$(pod_cgroup $pair/back)
recorded $pair/back "${cgroup#"$cgroot"}" '.GOMEMD_LEVER == "soft_limit" and .GOMEMD_OUTCOME == "done"' ||
	fail "no record of a soft limit of $pair/back"
# Where the machine has no time left, they may be relieved of collections; the row of another they never get.
for name in $pair/front $pair/back $mixed/app $scan/scan; do
	cgroup=$(pod_cgroup "$name")
	! recorded "$name" "${cgroup#"$cgroot"}" '.GOMEMD_LEVER == "gogc" and .GOMEMD_REASON == "trigger"' ||
		fail "$name got what the gateway's row has"
done

# What is not Go's is nobody's workload: neither the sidecar, nor what keeps the pods' namespaces.
same "who is known below kubepods" "$(printf '%s\n' "${containers[@]}" $dns/dns $static/etcd | sort | tr '\n' ' ')" \
	"$(gomemctl status --json | jq -r '.workloads[] | select(.cgroup | startswith("/kubepods")) | .workload' | sort | tr '\n' ' ')"

# What runs the node: observed from the start, without one write.
for name in $dns/dns $static/etcd; do
	same "mode of $name" "observe true" "$(explained "$name" mode) $(explained "$name" infrastructure)"
	same "soft limit of $name" null "$(probe "$(pod_pid "$name")" memory_limit_bytes)"
	cgroup=$(pod_cgroup "$name")
	same "what was written to $name" "" "$(journalctl -o cat --no-pager GOMEMD_CGROUP="${cgroup#"$cgroot"}" + GOMEMD_WORKLOAD="$name")"
done
same "containerd" "observe true" "$(explained containerd.service mode) $(explained containerd.service infrastructure)"
same "soft limit of containerd" null "$(probe "$(unit_pid containerd)" memory_limit_bytes)"

# A new container of the same pod has its name, and what is set for it.
old=$(pod_id $cart/app)
cripod restart $cart/app
[ "$(pod_id $cart/app)" != "$old" ] || fail "the container is the old one"
again() {
	gomemctl status --json | jq -e --arg n $cart/app --arg id "$(pod_id $cart/app)" \
		'[.workloads[] | select(.workload == $n) | .cgroup | contains($id)] == [true]'
}
eventually 30 again
cgroup=$(pod_cgroup $cart/app)
eventually 60 recorded $cart/app "${cgroup#"$cgroot"}" '.GOMEMD_LEVER == "soft_limit" and .GOMEMD_OUTCOME == "done"'
eventually 60 recorded $cart/app "${cgroup#"$cgroot"}" '.GOMEMD_LEVER == "gogc" and .GOMEMD_NEW == "30"'

# A pod goes, and nothing of it is left.
cripod stop $mixed
gone() { ! known $mixed/app; }
eventually 10 gone
same "the daemon" active "$(unit_get gomemd ActiveState)"
