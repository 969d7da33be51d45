# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: qemu bookworm
# deadline: 500
#
# Lockdown, as Secure Boot brings it. Integrity costs nothing; confidentiality takes what reads the kernel's memory, which
# is said, and all that reads a program's memory is still there. It cannot be taken back: the last test of its guest.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

lockdown=/sys/kernel/security/lockdown
mountpoint -q /sys/kernel/security || mount -t securityfs none /sys/kernel/security
[ -w "$lockdown" ] || skip "this kernel has no lockdown"

feature() {
	gomemctl features --json | jq -e --arg n "$1" "any(.features[]; .name == \$n and ($2))" >/dev/null
}

# governed UNIT: by memory alone.
governed() {
	srv "$1" 1.24 MemoryMax=256M -- -live 20 -garbage 10
	eventually 30 srv_ready "$1"
	eventually 30 probe_not "$(unit_pid "$1")" memory_limit_bytes null
	eventually 30 feature runtime-probes '.works != null'
	gomemctl features
}

grep -q '\[none\]' "$lockdown" || skip "it is locked down already: $(cat "$lockdown")"
echo integrity >"$lockdown"
gomemd_start 'mode = enforce' 'look_max = 1s' 'helper_deadline = 20s' 'process_events = bpf'
governed first
for name in process-events runtime-probes kernel-events; do
	feature $name .works || fail "integrity takes $name"
done
feature process-events '.by == "btf-tracepoint"'

echo confidentiality >"$lockdown"
gomemd_start 'mode = enforce' 'look_max = 1s' 'helper_deadline = 20s' 'process_events = bpf'
governed second
feature kernel-events '.works == false and (.error | length) > 0 and (.lost | length) > 0 and (.mend | test("lockdown"))' ||
	fail "it does not say what is lost by confidentiality"
journal_has "kernel-events is not available" -u gomemd
# Raw tracepoints read nothing of the kernel's.
feature process-events '.works and .by == "raw-tracepoint"' || fail "execs are not told"
feature runtime-probes '.works == true or (.mend | test("lockdown"))' || fail "it does not say why probes are missing"
