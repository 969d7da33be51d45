# SPDX-License-Identifier: Apache-2.0
#
# The lines of a suite (slurped) as an object: the table of them in Markdown, how gomemd compares with the curve of plain
# Go, and what missed a goal. The goals: no kill under gomemd where any regime avoids it; work at least 98 % of the best
# regime's; over the scenarios of several processes or a varying load, 25 % less memory at equal GC CPU or 40 % less GC
# CPU at equal memory.

def kills: .oom_kills + .oomd_kills;
def due: .requests + .unanswered;
# In per mille of what was due: runs on a machine that is not alone are not of one length to the millisecond. A server that
# was never there has done nothing.
def work: if due == 0 then 0 else .in_time * 1000 / due | floor end;
# Several runs of one kind: medians, but a kill in one of them is a kill.
def median: sort | .[length / 2 | floor];
def merged: (map(. + {work: work})) as $runs | $runs[0]
	+ ([$runs[0] | to_entries[] | select(.value | type == "number") | .key]
	   | map(. as $key | {key: $key, value: ($runs | map(.[$key]) | median)}) | from_entries)
	+ (["oom_kills", "oomd_kills", "restarts", "high_events", "emergencies"]
	   | map(. as $key | {key: $key, value: ($runs | map(.[$key]) | max)}) | from_entries);
def in_mib: . / 1048576 | round;
def hundredths($unit): . / $unit * 100 | round / 100;
def compared: ["plain", "static", "oomd", "gomemd"];
def scenarios: group_by([.scenario, .regime]) | map(merged) | group_by(.scenario);
def of($regime): map(select(.regime == $regime)) | first;
def others: map(select(.regime != "gomemd" and (.regime | IN(compared[]))));

def row: [.regime, .oom_kills, .oomd_kills, .restarts, (.work / 10 | tostring) + " %", (.garbage_bytes | in_mib),
	(.p50_us | hundredths(1000)), (.p95_us | hundredths(1000)), (.p99_us | hundredths(1000)),
	(.gc_cpu_us | hundredths(1e6)), (.cpu_us | hundredths(1e6)), (.peak_bytes | in_mib), (.mean_anon_bytes | in_mib),
	.high_events, (.stall_us | hundredths(1e6)), (.full_stall_us | hundredths(1e6)),
	(if .regime == "gomemd" then "\(.changes) (\(.emergencies)), \(.governor_cpu_us / 1000 | round) ms" else "" end)]
	| "| " + (map(tostring) | join(" | ")) + " |";

def head: "| regime | OOM kills | oomd kills | restarts | in time | garbage MiB | P50 ms | P95 ms | P99 ms | GC CPU s | CPU s | peak MiB | mean anon MiB | memory.high | some s | full s | changes (emergency), own CPU |\n"
	+ "|---|" + ("--:|" * 15) + "---|";

# The value of the curve at x, between its two neighbours; outside of it that of its end.
def at($x): sort_by(.[0]) as $curve | ($curve | map(select(.[0] <= $x)) | last) as $a
	| ($curve | map(select(.[0] >= $x)) | first) as $b
	| if $a == null then $b[1] elif $b == null then $a[1] elif $a[0] == $b[0] then ($a[1] + $b[1]) / 2
	  else $a[1] + ($b[1] - $a[1]) * ($x - $a[0]) / ($b[0] - $a[0]) end;
def inside($x): any(.[0] <= $x) and any(.[0] >= $x);

# One scenario against the points of plain Go that had no kill; null where there are not at least two.
def against_curve: of("gomemd") as $g
	| map(select((.regime == "plain" or (.regime | startswith("gogc"))) and kills == 0)) as $points
	| if $g == null or ($points | length) < 2 or all($points[]; .regime == "plain") then null else
		($points | map([.gc_cpu_us, .mean_anon_bytes])) as $by_gc | ($points | map([.mean_anon_bytes, .gc_cpu_us])) as $by_memory
		| {scenario: $g.scenario, points: ($points | length), killed: (map(select((.regime | startswith("gogc")) and kills > 0)) | length),
		   less_memory: (1 - $g.mean_anon_bytes / ($by_gc | at($g.gc_cpu_us))), memory_inside: ($by_gc | inside($g.gc_cpu_us)),
		   less_gc: (1 - $g.gc_cpu_us / ([1, ($by_memory | at($g.mean_anon_bytes))] | max)), gc_inside: ($by_memory | inside($g.mean_anon_bytes))}
	  end;

def percent($inside): (. * 1000 | round / 10 | tostring) + " %" + (if $inside then "" else " *" end);

def missed: of("gomemd") as $g | others as $others | if $g == null or ($others | length) == 0 then empty else
	(if ($g | kills) > 0 and any($others[]; kills == 0)
	 then "\($g.scenario): \($g | kills) kills under gomemd, none under \([$others[] | select(kills == 0) | .regime] | join(", "))" else empty end),
	($others | max_by(.work)) as $best
	| (if $g.work * 100 < $best.work * 98
	   then "\($g.scenario): \($g.work / 10) % of the requests in time under gomemd, \($best.work / 10) % under \($best.regime)" else empty end)
	end;

scenarios as $all
| ([$all[] | against_curve | select(. != null)]) as $curves
| {
	table: [$all[] | "### \(.[0].scenario): \(.[0].what)", "", head,
		((compared[] as $r | of($r)), (map(select(.regime | startswith("gogc"))) | sort_by(.regime[4:] | tonumber) | .[]) | select(. != null) | row), ""],
	curves: (if ($curves | length) == 0 then [] else
		["| scenario | points without a kill, with one | less memory at equal GC CPU | less GC CPU at equal memory |", "|---|--:|--:|--:|"]
		+ [$curves[] | . as $c | "| \(.scenario) | \(.points), \(.killed) | \(.less_memory | percent($c.memory_inside)) | \(.less_gc | percent($c.gc_inside)) |"] end),
	curve_missed: [$curves[] | select(.less_memory < 0.25 and .less_gc < 0.40) | .scenario],
	missed: [$all[] | missed]
}
