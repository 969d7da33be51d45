# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: kube
# deadline: 1200
#
# The alarm before the kill, of a pod: one that leaks is told while a quarter of its life is still to come, by its name and
# with the line that grows; the steady one beside it never is. The runtime and the kernel are the judges of its life.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh
# shellcheck source=tests/guest/kube.sh
. /t/kube.sh

leaky=shop/orders-7f6d5b9c48-qzv4t/app steady=shop/orders-7f6d5b9c48-mm2rd/app
kube_start
gomemd_start 'mode = enforce' 'audit_burst = 1000'
pod shop orders-7f6d5b9c48-mm2rd 11111111-2222-3333-4444-555555555555 < <(
	container app request_bytes=$((100 << 20)) limit_bytes=$((256 << 20)) -- /leaker-1.24-plain -live 24 -still 8 -rate 4
)
pod shop orders-7f6d5b9c48-qzv4t 6a0c7c6e-57f7-4a2c-8f0a-8a3f8b8e9d10 < <(
	container app request_bytes=$((100 << 20)) limit_bytes=$((256 << 20)) -- /leaker-1.24-plain -live 24 -still 8 -rate 4 -leak 3072
)
cgroup=$(pod_cgroup $leaky)
alerted() { pod_alerts $leaky | jq -se 'any(.[]; .GOMEMD_ALERT == "growth")'; }
eventually 240 alerted
same "whose alert" "${cgroup#"$cgroot"}" "$(pod_alerts $leaky | jq -sr 'map(select(.GOMEMD_ALERT == "growth"))[0].GOMEMD_CGROUP')"

# The line, by the source that it was built from.
line=$(grep -n 'make(\[\]byte, leakBytes)' /t/leaker.go | cut -d: -f1)
names_line() {
	journalctl --sync
	journalctl -o json --no-pager MESSAGE_ID=29931a8a4a0141619b6350d1f78f3014 GOMEMD_WORKLOAD=$leaky |
		jq -se --arg line "$line" 'any(.[]; .GOMEMD_FUNCTION == "main.leak" and .GOMEMD_LINE == $line and .GOMEMD_RANK == "1")'
}
eventually 120 names_line
same "state when its line is known" running "$(cripod state $leaky)"

ended() { [ "$(cripod state $leaky)" != running ]; }
eventually 600 ended
read -r state _ reason started finished <<<"$(cripod state $leaky)"
same "its end" "exited OOMKilled" "$state $reason"
first=$(pod_alerts $leaky | jq -s 'map(select(.GOMEMD_ALERT == "growth") | .__REALTIME_TIMESTAMP | tonumber / 1000 | floor) | min')
say_figure forecast "of a life of $(((finished - started) / 1000)) s the alert came $(((finished - first) / 1000)) s before its end"
at_least "ms from the alert to the end, and a quarter of its life" $(((finished - started) / 4)) $((finished - first))

same "alerts of the steady one" "" "$(pod_alerts $steady)"
same "the steady one" running "$(cripod state $steady)"
