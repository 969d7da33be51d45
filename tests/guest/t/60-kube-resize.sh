# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: kube
# deadline: 900
#
# In-place resize: the limit of a running container changes as the kubelet changes it, and what its runtime is held to
# follows, down and up, in every class that has limits; nobody is killed for it, and the neighbour in the pod keeps what it has.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh
# shellcheck source=tests/guest/kube.sh
. /t/kube.sh

mib=1048576
kube_start
# Between two looks a minute may pass, where nothing tells of the change.
gomemd_start 'mode = enforce' 'look_max = 1min' 'audit_burst = 1000'
pod shop cart-0 11111111-2222-3333-4444-555555555555 < <(
	container app request_bytes=100*mib limit_bytes=300*mib -- /srv-1.24-plain -live 40 -garbage 20 -http 127.0.0.1:9001
	container beside limit_bytes=200*mib -- /srv-1.22-plain -live 20 -garbage 4 -http 127.0.0.1:9002
)
pod shop fixed-0 6a0c7c6e-57f7-4a2c-8f0a-8a3f8b8e9d10 < <(
	container app request_bytes=300*mib limit_bytes=300*mib request_millicpu=800 limit_millicpu=800 -- \
		/srv-1.24-plain -live 40 -garbage 20 -http 127.0.0.1:9003
)

own() { http "$1" /metrics | sed -n 's/^srv_memory_limit_bytes //p'; }
# held PORT MIB: its soft limit fits below this, and is not far below.
held() {
	local limit
	limit=$(own "$1")
	[ "$limit" -lt $(($2 * mib)) ] && [ "$limit" -gt $(($2 * mib / 2)) ]
}
eventually 30 pod_said shop/cart-0/app ready
eventually 30 pod_said shop/cart-0/beside ready
eventually 30 pod_said shop/fixed-0/app ready
eventually 20 held 9001 300
eventually 20 held 9002 200
eventually 20 held 9003 300

# resize CONTAINER PORT MIB: ms from the return of the runtime until the process is held to it.
resize() {
	local cgroup from took
	cgroup=$(pod_cgroup "$1")
	cripod resize "$1" $(($3 * mib))
	from=${EPOCHREALTIME/[.,]/}
	same "the kernel's limit of $1" $(($3 * mib)) "$(cgroup_get "$cgroup" memory.max)"
	# Five times the second within which it is to follow.
	eventually 5 held "$2" "$3"
	took=$(((${EPOCHREALTIME/[.,]/} - from) / 1000))
	say_figure resize "$1 at $3 MiB: held to it after $took ms"
	at_least "room that is left in the pod" $(($3 * mib)) "$(cgroup_get "$(dirname "$cgroup")" memory.max)"
}
neighbour=$(own 9002)
for size in 200 450 150 300; do
	resize shop/cart-0/app 9001 $size
	resize shop/fixed-0/app 9003 $size
done
# Who has nothing else to change writes that one file, and nothing else tells of it.
echo $((200 * mib)) >"$(pod_cgroup shop/cart-0/app)/memory.max"
eventually 5 held 9001 200
for name in cart-0/app cart-0/beside fixed-0/app; do
	same "state of $name" running "$(cripod state shop/$name)"
	same "kills in $name" 0 "$(cgroup_get "$(pod_cgroup shop/$name)" memory.events oom_kill)"
done
# Its own limit was 200 MiB all the time: what it may use of it is all that counts.
at_least "the neighbour's soft limit, of what it was" $((neighbour * 8 / 10)) "$(own 9002)"

# Nothing of what was written is left when the service ends.
systemctl stop gomemd
none=9223372036854775807
same "soft limits given back" "$none $none $none" "$(own 9001) $(own 9002) $(own 9003)"
