# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 420
#
# [namespace-share]: two containers of one namespace get along with one figure, and the busy one has more of what is over
# what both need; another namespace is left alone; and without the section all is as it was.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh
# shellcheck source=tests/guest/pods.sh
. /t/pods.sh

together=$((190 << 20)) alone=$((300 << 20))

# pod NAMESPACE NAME UID FLAG...: its container, with a limit that alone would never matter; $pid.
pod() {
	local space=$1 name=$2 uid=$3
	shift 3
	pod_dir "$space" "$name" "$uid" main
	pod_link "$space" "$name" "$uid" main "$(id_of "$name")"
	container "$name" burstable "$uid" "$(id_of "$name")" MemoryMax=512M -- "$@"
	eventually 30 known "$space/$name/main"
}
# What the container has that can kill, by the kernel.
scope_anon() { cgroup_get "$(unit_cgroup "cri-containerd-$(id_of "$1").scope")" memory.stat anon; }

gomemd_start 'mode = enforce' 'look_max = 1s'
# The busy one has less data: what it gets more of is for its work alone.
pod shop busy-0 11111111-2222-3333-4444-555555555555 -live 40 -garbage 100
busy=$pid
pod shop calm-0 22222222-2222-3333-4444-555555555555 -live 50 -garbage 1
calm=$pid
pod bank other-0 33333333-2222-3333-4444-555555555555 -live 50 -garbage 10
other=$pid
for one in "$busy" "$calm" "$other"; do eventually 30 limited_above "$one" $alone; done

policy 70-share <<INI
[namespace-share shop]
namespace = shop
memory = $together
INI
systemctl reload gomemd
fits() {
	local a b
	a=$(probe "$busy" memory_limit_bytes) b=$(probe "$calm" memory_limit_bytes)
	# Between two states it may have none for a moment.
	[ "$a" != null ] && [ "$b" != null ] || return 1
	echo "busy $((a >> 20)), calm $((b >> 20)) MiB"
	[ $((a + b)) -lt $together ] && [ "$a" -gt $((b + b / 4)) ]
}
# Not on the way alone: at each look for so long that the next step is among them.
since=
lasts() {
	fits || { since=; return 1; }
	: "${since:=$SECONDS}"
	[ $((SECONDS - since)) -ge 12 ]
}
eventually 180 lasts
uses() { [ $(($(scope_anon busy-0) + $(scope_anon calm-0))) -lt $together ]; }
eventually 60 uses
limited_above "$other" $alone || fail "another namespace's is limited to $(probe "$other" memory_limit_bytes)"
same "the name that explain has" shop "$(gomemctl explain shop/busy-0 --json | jq -r .explain.namespace_share.name)"
gomemctl explain shop/busy-0 | grep -q '^namespace share shop: .* of 190' || fail "explain does not tell of it"
same "of another namespace" null "$(gomemctl explain bank/other-0 --json | jq -r .explain.namespace_share)"

rm "$policies/70-share.ini"
systemctl reload gomemd
for one in "$busy" "$calm"; do eventually 60 limited_above "$one" $alone; done
for one in "$busy" "$calm" "$other"; do kill -0 "$one" || fail "process $one has ended"; done
