# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 480
#
# Containers of pods as a kubelet with the systemd driver and containerd make them, with the files that the kubelet makes
# in /var/log: what they are called, which policy is theirs, who is left alone, who else writes, and what is remembered
# of a container that is restarted.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh
# shellcheck source=tests/guest/pods.sh
. /t/pods.sh

# explained WORKLOAD FILTER, is_explained WORKLOAD FILTER VALUE
explained() { gomemctl explain "$1" --json | jq -r ".explain | $2"; }
is_explained() { [ "$(explained "$1" "$2")" = "$3" ]; }

gomemd_start 'mode = recommend' 'look_max = 1s'
policy 70-pods <<'P'
[scope shop]
namespace = shop
mode = enforce

[tier shop-api]
namespace = shop
container = api
qos = burstable
priority = 5

[tier bank-lean]
namespace = bank
qos = burstable
priority = 5

[tier lax]
owner = ledger
priority = 9
mode = observe
P
systemctl reload gomemd

# ---- identity: at first the pod's directory alone, of two containers; then the link ----
web=11111111-2222-3333-4444-555555555555 id=$(id_of web)
pod_dir shop web-7d4b9c6f5-x2x9z $web init api
container web burstable $web "$id" MemoryMax=256M -- -live 30 -garbage 10
web_pid=$pid
eventually 20 known shop/web-7d4b9c6f5-x2x9z
same "the container's name before its link" null "$(explained "$web_pid" .kubernetes.container)"
same "which tier that makes" gateway "$(explained "$web_pid" .tier)"
eventually 20 limited "$web_pid" # the scope is by namespace alone
pod_link shop web-7d4b9c6f5-x2x9z $web api "$id"
eventually 20 known shop/web-7d4b9c6f5-x2x9z/api
for pair in .kubernetes.namespace=shop .kubernetes.pod=web-7d4b9c6f5-x2x9z .kubernetes.container=api \
	.kubernetes.pod_uid=$web ".kubernetes.container_id=$id" .kubernetes.qos=burstable .kubernetes.owner=web \
	.kubernetes.static_pod=false .tier=shop-api .scope=shop .mode=enforce .observed_because=null; do
	same "${pair%%=*} of web" "${pair#*=}" "$(explained shop/web-7d4b9c6f5-x2x9z/api "${pair%%=*}")"
done
same "its cgroup, by the kernel" "0::$(explained "$web_pid" .cgroup)" "$(cat "/proc/$web_pid/cgroup")"
gomemctl explain shop/web-7d4b9c6f5-x2x9z | grep -q "^pod web-7d4b9c6f5-x2x9z in namespace shop, container api; burstable, owner web" ||
	fail "explain does not speak of the pod: $(gomemctl explain "$web_pid")"
same "its slice, by systemd" "$(slice_of burstable $web)" "$(unit_get "cri-containerd-$id.scope" Slice)"

# ---- the same in the journal ----
has_fields() {
	journalctl --sync
	journalctl -o json --no-pager "GOMEMD_CONTAINER_ID=$id" GOMEMD_LEVER=soft_limit | jq -se "any(.[];
		.GOMEMD_NAMESPACE == \"shop\" and .GOMEMD_POD == \"web-7d4b9c6f5-x2x9z\" and .GOMEMD_QOS == \"burstable\" and
		.GOMEMD_POD_UID == \"$web\" and .GOMEMD_NEW != \"none\")"
}
eventually 20 has_fields
gomemctl set shop/web-7d4b9c6f5-x2x9z/api --gogc 70
eventually 10 probe_is "$web_pid" gogc 70
with_container() {
	gomemctl audit shop/web-7d4b9c6f5-x2x9z --json | jq -se 'any(.[]; .GOMEMD_CONTAINER == "api" and .GOMEMD_LEVER == "gogc" and .GOMEMD_NEW == "70")'
}
eventually 10 with_container
gomemctl release shop/web-7d4b9c6f5-x2x9z/api
eventually 10 probe_is "$web_pid" gogc 100
gomemctl resume shop/web-7d4b9c6f5-x2x9z/api
eventually 10 limited "$web_pid"

# ---- a guaranteed pod of another namespace: known by its only container, in no scope, and no owner makes it lax ----
bank=22222222-2222-3333-4444-555555555555
pod_dir bank ledger-0 $bank main
container bank guaranteed $bank "$(id_of bank)" MemoryMax=256M -- -live 30 -garbage 10
bank_pid=$pid
eventually 20 known bank/ledger-0/main
same "its class" guaranteed "$(explained bank/ledger-0 .kubernetes.qos)"
same "its tier" gateway "$(explained bank/ledger-0 .tier)"
same "its mode" recommend "$(explained bank/ledger-0 .mode)"
same "why not the shop's" namespace "$(explained bank/ledger-0 '.tiers[] | select(.tier == "shop-api") | .why')"
same "why not that of another class" qos "$(explained bank/ledger-0 '.tiers[] | select(.tier == "bank-lean") | .why')"
same "why not its owner's" generous "$(explained bank/ledger-0 '.tiers[] | select(.tier == "lax") | .why')"
never_within 3 limited "$bank_pid"

# ---- two containers in a pod: each by its name, the pod's name is ambiguous ----
side=$(id_of side)
pod_dir shop web-7d4b9c6f5-x2x9z $web proxy
pod_link shop web-7d4b9c6f5-x2x9z $web proxy "$side"
container side burstable $web "$side" MemoryMax=64M -- -live 4 -garbage 2
eventually 20 known shop/web-7d4b9c6f5-x2x9z/proxy
same "the sidecar's tier" edge "$(explained shop/web-7d4b9c6f5-x2x9z/proxy .tier)"
code=0
gomemctl explain shop/web-7d4b9c6f5-x2x9z >/tmp/said 2>&1 || code=$?
[ "$code" -ne 0 ] || fail "a pod with two containers is explained as one"
grep -q ambiguous /tmp/said || fail "explain says: $(cat /tmp/said)"

# ---- left alone: a static pod, one of kube-system, one without a limit ----
hash=0123456789abcdef0123456789abcdef
pod_dir shop etcd-node1 $hash etcd
container etcd burstable $hash "$(id_of etcd)" MemoryMax=256M -- -live 30 -garbage 10
etcd_pid=$pid
dns=33333333-2222-3333-4444-555555555555
pod_dir kube-system coredns-bb7d9c6f4-kq5zt $dns coredns
container dns burstable $dns "$(id_of dns)" MemoryMax=170M -- -live 20 -garbage 5
dns_pid=$pid
free=44444444-2222-3333-4444-555555555555
pod_dir shop free-x2x9z $free api
container free besteffort $free "$(id_of free)" -- -live 20 -garbage 5
free_pid=$pid
eventually 20 known shop/etcd-node1/etcd
eventually 20 known kube-system/coredns-bb7d9c6f4-kq5zt/coredns
eventually 20 known shop/free-x2x9z/api
same "etcd" "static_pod observe true" \
	"$(explained "$etcd_pid" '"\(.observed_because) \(.mode) \(.kubernetes.static_pod)"')"
same "coredns" "system_pod observe" "$(explained "$dns_pid" '"\(.observed_because) \(.mode)"')"
same "what has no limit" "null unlimited besteffort" \
	"$(explained "$free_pid" '"\(.limit_bytes) \(.tier) \(.kubernetes.qos)"')"
written() { limited "$etcd_pid" || limited "$dns_pid" || limited "$free_pid"; }
never_within 4 written
gomemctl explain "$etcd_pid" | grep -q '^observed only: a static pod' || fail "explain does not say why"

# Named by namespace and pod they are governed, and without a limit it is the tier that observes.
policy 71-named <<'P'
[scope etcd]
namespace = shop
pod = etcd-node1
mode = enforce
[scope dns]
namespace = kube-*
pod = coredns-*
mode = enforce
P
rm "$policies/70-pods.ini"
systemctl reload gomemd
eventually 20 limited "$etcd_pid"
never_within 3 limited "$dns_pid" # by a pattern, which is no name
same "what has no limit" "no_limit observe" "$(explained "$free_pid" '"\(.observed_because) \(.mode)"')"
eventually 20 probe_is "$web_pid" memory_limit_bytes null
rm "$policies/71-named.ini"
policy 70-pods <<'P'
[scope shop]
namespace = shop
mode = enforce
P
systemctl reload gomemd
eventually 20 probe_is "$etcd_pid" memory_limit_bytes null
eventually 20 limited "$web_pid"

# ---- other writers: the kubelet's memory.high on the container, a resize in place ----
scope=cri-containerd-$id.scope
dir=$(unit_cgroup "$scope")
eventually 20 limited_above "$web_pid" $((160 << 20))
echo $((150 << 20)) >"$dir/memory.high"
eventually 20 limited_below "$web_pid" $((150 << 20))
same "whose memory.high" "$((150 << 20)) ${dir#"$cgroot"} memory.high false" \
	"$(explained "$web_pid" '"\(.others_high_bytes) \(.others_high_origin) \(.room_by) \(.memory_high.ours)"')"
gomemctl explain "$web_pid" | grep -q "^memory.high 150.0M of .*is not gomemd's" || fail "explain does not say whose it is"
higher() { [ "$(cat "$dir/memory.high")" != $((150 << 20)) ]; }
never_within 3 higher
echo max >"$dir/memory.high"
eventually 20 is_explained "$web_pid" .others_high_bytes null
eventually 20 limited_above "$web_pid" $((160 << 20))
systemctl set-property --runtime "$scope" MemoryMax=512M
eventually 20 limited_above "$web_pid" $((300 << 20))
systemctl set-property --runtime "$scope" MemoryMax=256M
eventually 20 limited_below "$web_pid" $((256 << 20))

# That is all of these.
for c in bank etcd dns free side; do systemctl stop "cri-containerd-$(id_of $c).scope"; done

# ---- a container that is restarted, under a new id: its successor begins with what was learned ----
app=55555555-2222-3333-4444-555555555555
# Of two directories the link tells which: its name comes after it was found.
pod_dir shop app-6c9f8d7b5-abcde $app init api
sandbox burstable $app
container app burstable $app "$(id_of app-0)" MemoryMax=256M -- -live 30 -garbage 10 -mmap 70
pod_link shop app-6c9f8d7b5-abcde $app api "$(id_of app-0)"
learned() { jq -e '.explain.numbers.N > 60 * 1048576' <<<"$(gomemctl explain "$1" --json)"; }
eventually 60 learned "$pid"
# For so long that it is no start any more: eight looks of some seconds.
settled() { [ "$(explained "$1" '.activity.last_minute.over_usec // 0')" -gt 30000000 ]; }
eventually 90 settled "$pid"
kill "$pid"
wait "$pid" || true # it was ended by a signal
container app burstable $app "$(id_of app-1)" MemoryMax=256M -- -live 30 -garbage 10
pod_link shop app-6c9f8d7b5-abcde $app api "$(id_of app-1)"
second() { is_explained "$pid" .kubernetes.container_id "$(id_of app-1)"; }
eventually 20 second
eventually 20 learned "$pid"
at_most "what it has that is not Go's, by the kernel and its memory" $((50 << 20)) \
	$(($(cgroup_get "$(unit_cgroup "cri-containerd-$(id_of app-1).scope")" memory.stat anon) - $(probe "$pid" mapped_ready_bytes)))

# A pod of another owner begins with nothing of it.
other=66666666-2222-3333-4444-555555555555
pod_dir shop other-6c9f8d7b5-abcde $other api
container other burstable $other "$(id_of other)" MemoryMax=256M -- -live 30 -garbage 10
eventually 20 known shop/other-6c9f8d7b5-abcde/api
eventually 20 limited "$pid"
! learned "$pid" || fail "it begins with what another owner's container has learned"

# ---- hostile names in /var/log make no names ----
bad=$(id_of bad) evil=77777777-2222-3333-4444-555555555555
printf -v file '%s/containers/kube-proxy_kube-sy\033[31mstem_x-%s.log' "$logs" "$bad"
: >"$file"
: >"$logs/containers/coredns_kube-system_coredns-$bad.log"
pod_dir shop evil-0 $evil api
container evil burstable $evil "$bad" MemoryMax=256M -- -live 30 -garbage 10
eventually 20 known shop/evil-0
same "who it is" "shop evil-0 null" "$(explained "$pid" '"\(.kubernetes.namespace) \(.kubernetes.pod) \(.kubernetes.container)"')"
eventually 20 limited "$pid"
