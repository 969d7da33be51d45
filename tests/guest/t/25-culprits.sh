# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 1800
#
# Culprits in the journal: at the policy's interval, and at once when a workload fills its room, the line that
# fills the memory is named first, with what the compiler's report says of it. A report on another build is not believed.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

culprit_id=29931a8a4a0141619b6350d1f78f3014
leak='make([]byte, leakBytes)'

# culprits_of UNIT: its records, one JSON object a line.
culprits_of() {
	journalctl --sync
	journalctl -o json --no-pager MESSAGE_ID=$culprit_id GOMEMD_WORKLOAD="$1.service"
}
# told UNIT FILTER: is there such a record?
told() {
	culprits_of "$1" | jq -se "any(.[]; $2)"
}
leaker() { # UNIT LIMIT FLAGS...
	local unit=$1 limit=$2
	shift 2
	rm -f "/run/$unit.out"
	unit_start "$unit" MemoryMax="$limit" MemorySwapMax=0 StandardOutput="file:/run/$unit.out" StandardInput=null -- \
		"$PROGRAMS/leaker-1.24-plain" -live 8 -still 8 -rate 16 "$@"
	eventually 30 grep -q ready "/run/$unit.out"
}
tier() { # NAME UNIT CULPRITS
	policy "60-$1" <<-P
		[tier $1]
		cgroup = system.slice/$2.service
		priority = 10
		mode = enforce
		culprits = $3
	P
}

gomemd_start 'mode = recommend' 'look_max = 1s' 'audit_burst = 1000'
tier every calm 10s
tier alarm full alarm
tier silent mute off
systemctl reload gomemd

# Calm, and every ten seconds, or as often as its profiles may cost. What it leaks is most of it before long; without a report
# the class is by the runtime's function.
leaker calm 2G -leak 1024 -goroutines 100
eventually 600 told calm '.GOMEMD_RANK == "1" and .GOMEMD_FUNCTION == "main.leak"'
told calm '.GOMEMD_OCCASION != "interval"' && fail "there was no alarm"
pid=$(unit_pid calm)
gomemctl culprits "$pid" --for 20s --json | jq -e '.culprits[0] | .function == "main.leak" and .suspect' ||
	fail "what only grows is no suspect"
at=$(gomemctl heap "$pid" --json | jq -r '.sites[] | select(.function == "main.leak") | "\(.file):\(.line)"')
record=$(culprits_of calm | jq -sc 'map(select(.GOMEMD_FUNCTION == "main.leak"))[-1]')
same "its line" "$at" "$(jq -r '"\(.GOMEMD_FILE):\(.GOMEMD_LINE)"' <<<"$record")"
same "who says so" runtime "$(jq -r .GOMEMD_CLASS_FROM <<<"$record")"
same "its process" "$pid" "$(jq -r .GOMEMD_PID <<<"$record")"
journalctl -x --no-pager MESSAGE_ID=$culprit_id | grep -q 'gomemd-escape' || fail "the catalog does not explain it"

# With a report on this build its words stand in the next record.
cat >/run/report <<-R
	# example.com/leaker
	$at:23: $leak escapes to heap:
	$at:23:   flow: {heap} = &{storage for $leak}:
	$at:23:     from $leak (spill) at $at:23
	$at:23:   flow: leaked = {storage for $leak}:
	$at:23:     from leaked = append(leaked, $leak) (assign) at $at:9
	$at:23: $leak escapes to heap
R
gomemctl escape import --binary "$PROGRAMS/leaker-1.24-plain" /run/report
gomemctl culprits "$pid" --for 5s
by_report() {
	told calm '.GOMEMD_FUNCTION == "main.leak" and .GOMEMD_CLASS_FROM == "report"'
}
eventually 600 by_report

# Goroutines are told by their go statement: the daemon knows it, and that they only become more takes a few profiles, which
# the daemon takes as seldom as they may cost.
forgets() {
	gomemctl heap calm.service --json |
		jq -e 'any(.heap.processes[0].culprits[]; .kind == "goroutines" and .function == "main.forget")'
}
eventually 600 forgets
suspects() {
	gomemctl culprits "$pid" --for 20s --json |
		jq -e 'any(.culprits[]; .kind == "goroutines" and .suspect and .function == "main.forget")'
}
eventually 240 suspects

# It is of the build, not of its name: another one's, under this one's name.
index=$(echo /var/lib/gomemd/escape/*.index)
gomemctl escape import --binary "$PROGRAMS/srv-1.24-plain" --output "$index" /run/report
# matches WORD: what a look at the process says of its report.
matches() {
	same "the report" "$1" "$(gomemctl culprits "$pid" --for 2s --json | jq -r .report)"
}
matches 'does not match'
echo nonsense >"$index"
matches unusable
gomemctl escape import --binary "$PROGRAMS/leaker-1.24-plain" /run/report
unit_stop calm

# It fills its room: at once, though nothing was followed before. Which alarm comes first is a matter of a second.
alarm='.GOMEMD_OCCASION | IN("growth", "emergency", "tight")'
leaker full 160M -leak 2048
leaker mute 160M -leak 2048
eventually 180 told full "($alarm) and .GOMEMD_FUNCTION == \"main.leak\" and .GOMEMD_RANK == \"1\""
record=$(culprits_of full | jq -sc 'map(select(.GOMEMD_FUNCTION == "main.leak"))[0]')
same "by the report" report "$(jq -r .GOMEMD_CLASS_FROM <<<"$record")"
jq -r .GOMEMD_COMPILER <<<"$record" | grep -qF "$leak" || fail "the compiler's words are missing"
explained() { gomemctl explain full.service --json | jq -e '.explain.processes[0].culprits[0].function == "main.leak"'; }
eventually 20 explained
# Of the one that is off nothing is told to its end.
eventually 240 unit_is mute failed
! told mute true || fail "it was told though culprits are off"
