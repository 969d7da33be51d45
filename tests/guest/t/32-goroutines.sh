# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: uml qemu
# deadline: 900
#
# goroutine_rate of a policy: recommended, enforced while its state holds, lifted by orders and by the end of the state; the
# program lives on when the daemon is killed. What it creates is counted by its own runtime. Where the kernel has no uprobes
# (User-Mode Linux) that is said, and it runs free.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

# rate_policy MODE USAGE
rate_policy() {
	policy 60-rate <<-P
		[tier rate]
		cgroup = system.slice/spawner.service
		priority = 10
		mode = $1

		[rate.emergency]
		when = usage > $2
		gogc = 10
		goroutine_rate = 300/s
	P
}
feature() {
	gomemctl features --json | jq -e ".features[] | select(.name == \"goroutine-limit\") | $1" >/dev/null
}
# told OUTCOME REASON: is there a record of it?
told() {
	journalctl --sync
	journalctl -o json --no-pager GOMEMD_LEVER=goroutine_rate GOMEMD_WORKLOAD=spawner.service |
		jq -se "any(.[]; .GOMEMD_OUTCOME == \"$1\" and .GOMEMD_REASON == \"$2\")"
}
tracer() { sed -n 's/^TracerPid:\t//p' "/proc/$pid/status"; }
limited() { [ "$(cat "/proc/$(tracer)/comm" 2>/dev/null)" = gomemd-throttle ]; }
free() { [ "$(tracer)" = 0 ]; }
# What it creates a second, by its runtime's counters and the guest's clock.
rate() {
	local from to from_ns
	from_ns=$(date +%s%N)
	from=$(probe "$pid" goroutines_created)
	sleep 2 # over which it is measured
	to=$(probe "$pid" goroutines_created)
	echo $(((to - from) * 1000000000 / ($(date +%s%N) - from_ns)))
}
slow() { [ "$(rate)" -le 400 ]; }
fast() { [ "$(rate)" -ge 600 ]; }

rm -f /run/spawner.out
unit_start spawner MemoryMax=512M MemorySwapMax=0 StandardOutput=file:/run/spawner.out StandardInput=null -- \
	"$PROGRAMS/spawner-1.24-plain" 2
eventually 30 grep -q ready /run/spawner.out
pid=$(unit_pid spawner)
fast || fail "free it creates $(rate) a second, too few for this test"

gomemd_start 'mode = recommend' 'look_max = 1s' 'audit_burst = 1000' 'helper_deadline = 20s'
eventually 30 feature '.works != null'
if feature '.works == false'; then
	[ "$GUEST_KIND" = uml ] || fail "it does not work here"
	feature '(.error | length) > 0 and (.lost | length) > 0 and (.mend | length) > 0'
	rate_policy enforce 1Mi
	systemctl reload gomemd
	eventually 30 told unsupported emergency
	free || fail "$(tracer) traces it"
	fast || fail "it is slow: $(rate)"
	exit 0
fi

rate_policy recommend 1Mi
systemctl reload gomemd
eventually 30 told recommended emergency
free || fail "$(tracer) traces it"

rate_policy enforce 1Mi
systemctl reload gomemd
eventually 30 limited
eventually 30 told limited emergency
eventually 20 slow
at_least "goroutines a second" 150 "$(rate)"
gomemctl explain spawner.service
gomemctl explain spawner.service --json |
	jq -e '.explain.processes[0].goroutine_limit | .rate_per_second == 300 and .outcome == "limited" and .holds > 0'

gomemctl timeline spawner.service --json |
	jq -e 'any(.timeline.entries[]; .event == "adjustment" and .lever == "goroutine_rate" and .to == 300)'

systemctl kill -s KILL --kill-whom=main gomemd
eventually 20 free
same "the workload" active "$(unit_get spawner ActiveState)"
systemctl reset-failed gomemd 2>/dev/null || true # systemd may have started it again
systemctl start gomemd
eventually 40 limited

gomemctl stop-writes
eventually 20 free
eventually 20 told restored operator
gomemctl resume
eventually 40 limited
rate_policy enforce 500Mi
systemctl reload gomemd
eventually 60 free
eventually 20 told restored state-left
same "the workload" active "$(unit_get spawner ActiveState)"
same "its process" "$pid" "$(unit_pid spawner)"
