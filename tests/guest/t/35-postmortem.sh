# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 600
#
# What is left of a kill: one record of what was seen and done before, whose figures the kernel confirms. It
# outlives the daemon and the cgroup, and records stay within their caps, at the cost of whoever has most.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

records=/var/lib/gomemd/postmortem
kill_id=5b4046aefe9847509ee3036b6ce73131
leaker() { # UNIT LIMIT FLAGS...
	local unit=$1 limit=$2
	shift 2
	rm -f "/run/$unit.out"
	unit_start "$unit" MemoryMax="$limit" MemorySwapMax=0 StandardOutput="file:/run/$unit.out" StandardInput=null -- \
		"$PROGRAMS/leaker-1.24-plain" -live 8 -still 8 -rate 4 "$@"
	eventually 30 grep -q ready "/run/$unit.out"
}
# record_of UNIT FILTER: of its newest record.
record_of() {
	gomemctl postmortem "$1.service" --json | jq -r "$2"
}
recorded() { gomemctl postmortem "$1.service" --json; }
count() { find "$records" -name '*.json' | wc -l; }

gomemd_start 'mode = enforce' 'look_max = 1s' 'audit_burst = 1000' 'postmortem_records = 3'
[ "$(gomemctl postmortem 2>&1 >/dev/null)" = "gomemctl: no kill is recorded here" ] || fail "it knows of one before there is any"

# Its own cgroup lives on, since something else in it does: memory.events is there to be compared.
unit_start kept MemoryMax=96M MemorySwapMax=0 Delegate=yes OOMPolicy=continue -- \
	sh -c "$PROGRAMS/leaker-1.24-plain -live 8 -still 8 -rate 4 -leak 4096 </dev/null & exec sleep 1000"
cgroup=$(unit_cgroup kept)
eventually 180 recorded kept
same "kind" growth "$(record_of kept .verdict.kind)"
same "oom_kill" "$(cgroup_get "$cgroup" memory.events oom_kill)" "$(record_of kept .kernel.oom_kill)"
same "memory.max" "$(cgroup_get "$cgroup" memory.max)" "$(record_of kept .kernel.memory_max_bytes)"
same "told by" cgroup "$(record_of kept .kernel.told_by)"
at_least "used, of 96 MiB" $((64 << 20)) "$(record_of kept .verdict.used_bytes)"
at_most "live, garbage and not Go's" $((96 << 20)) \
	"$(record_of kept '.verdict | .live_bytes + .garbage_bytes + .nongo_bytes')"
at_least "what was live" $((32 << 20)) "$(record_of kept .verdict.live_bytes)"
at_least "looks" 5 "$(record_of kept '.looks | length')"
same "the first look is before all that was watched, the last is the newest" "true true" "$(record_of kept \
	'"\(.looks[0].before_usec >= .verdict.watched_usec + .verdict.blind_usec) \(.looks[-1].before_usec == .verdict.blind_usec)"')"
at_most "of the last" 121000000 "$(record_of kept '[.looks[].before_usec] | max')"
same "its soft limit was set" true "$(record_of kept '[.decisions[] | select(.lever == "soft_limit" and .outcome == "done")] | length > 0')"
same "culprit" main.leak "$(record_of kept '.processes[0].culprits[0].function')"
text=$(gomemctl postmortem kept.service)
grep -q 'kind        growth: its live data grew' <<<"$text" || fail "$text"
grep -q 'soft_limit .* -> .*: done' <<<"$text" || fail "$text"
grep -q 'bound or free what the culprits' <<<"$text" || fail "$text"
journal_has 'gomemctl postmortem' MESSAGE_ID=$kill_id GOMEMD_WORKLOAD=kept.service GOMEMD_FORECAST=growth || fail "no record in the journal names it"
name=$(record_of kept .name)
journal_has . MESSAGE_ID=$kill_id GOMEMD_POSTMORTEM="$name" || fail "the journal names another record"
unit_stop kept

# A service that ends with its kill: the service manager takes its cgroup away, the record is there all the same.
leaker gone 96M -leak 4096
eventually 180 unit_is gone failed
same "result" oom-kill "$(unit_get gone Result)"
eventually 20 recorded gone
same "kind" growth "$(record_of gone .verdict.kind)"
say_figure postmortem "told by $(record_of gone .kernel.told_by), $(record_of gone .verdict.blind_usec) us after the last look"

# Nobody is killed, nothing is recorded.
srv mapped 1.24 MemoryMax=96M MemorySwapMax=0 -- -live 8 -garbage 8 -mmap 70
never_within 3 recorded mapped
unit_stop mapped

# Of another kind: what grows is not the heap's.
srv mapped 1.24 MemoryMax=96M MemorySwapMax=0 -- -live 8 -garbage 8 -mmap 10 -growmap 4
eventually 120 recorded mapped
same "kind" non-go "$(record_of mapped .verdict.kind)"
at_least "what is not Go's" $((40 << 20)) "$(record_of mapped .verdict.nongo_bytes)"
unit_stop mapped

# It outlives the daemon, which ends as by a power cut.
before=$(sha256sum "$records"/*.json)
systemctl kill -s KILL gomemd
eventually 30 systemctl is-active --quiet gomemd
same "records after a restart" "$before" "$(sha256sum "$records"/*.json)"
same "kind after a restart" growth "$(record_of kept .verdict.kind)"

# One that is killed again and again pays with its own records: of three, kept's stays.
for _ in 1 2 3; do
	had=$(record_of gone .name)
	unit_stop gone
	leaker gone 64M -leak 16384
	eventually 120 unit_is gone failed
	newer() { [ "$(record_of gone .name)" != "$had" ]; }
	eventually 20 newer
	at_most "records" 3 "$(count)"
done
same "records" 3 "$(count)"
same "kept's record" "$name" "$(record_of kept .name)"
same "listed" 3 "$(gomemctl postmortem --list --json | jq '.records | length')"
same "what else is left there" "" "$(find "$records" -mindepth 1 -regextype posix-extended -not -regex '.*/[0-9]{16}-[0-9a-f]{16}\.json')"
same "mode of the directory" 700 "$(stat -c %a "$records")"
