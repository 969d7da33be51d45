#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# usage: pages_word.py expvar|prometheus|profile DIR <ANSWER
#
# Is what gomemctl has read what was served, and what was served what the runtime says? DIR is that of tests/programs/pages,
# with the last answer (body) and the runtime's words just before and after it was made (word). ANSWER is of gomemctl
# endpoint --json, or of escape join --json. Whole numbers are compared as such. What differs is printed.
import decimal
import json
import sys

# Ours, MemStats', the Prometheus client's, runtime/metrics' as the client names it; decimals of a scale.
FIGURES = [
    ("heap_alloc_bytes", "HeapAlloc", "go_memstats_heap_alloc_bytes", "go_memory_classes_heap_objects_bytes", 0),
    ("heap_sys_bytes", "HeapSys", "go_memstats_heap_sys_bytes", None, 0),
    ("heap_idle_bytes", "HeapIdle", "go_memstats_heap_idle_bytes", None, 0),
    ("heap_inuse_bytes", "HeapInuse", "go_memstats_heap_inuse_bytes", None, 0),
    ("heap_released_bytes", "HeapReleased", "go_memstats_heap_released_bytes", "go_memory_classes_heap_released_bytes", 0),
    ("heap_objects", "HeapObjects", "go_memstats_heap_objects", "go_gc_heap_objects_objects", 0),
    ("heap_goal_bytes", "NextGC", "go_memstats_next_gc_bytes", "go_gc_heap_goal_bytes", 0),
    ("sys_bytes", "Sys", "go_memstats_sys_bytes", "go_memory_classes_total_bytes", 0),
    ("stack_inuse_bytes", "StackInuse", "go_memstats_stack_inuse_bytes", "go_memory_classes_heap_stacks_bytes", 0),
    ("total_alloc_bytes", "TotalAlloc", "go_memstats_alloc_bytes_total", "go_gc_heap_allocs_bytes_total", 0),
    ("mallocs", "Mallocs", "go_memstats_mallocs_total", None, 0),
    ("frees", "Frees", "go_memstats_frees_total", None, 0),
    ("num_gc", "NumGC", "go_gc_duration_seconds_count", "go_gc_cycles_total_gc_cycles_total", 0),
    ("num_forced_gc", "NumForcedGC", None, "go_gc_cycles_forced_gc_cycles_total", 0),
    ("last_gc_unix_ns", "LastGC", "go_memstats_last_gc_time_seconds", None, 9),
    ("pause_total_ns", "PauseTotalNs", "go_gc_duration_seconds_sum", None, 9),
    ("gc_cpu_ppm", "GCCPUFraction", "go_memstats_gc_cpu_fraction", None, 6),
    ("goroutines", "Goroutines", "go_goroutines", "go_sched_goroutines_goroutines", 0),
    ("threads", "Threads", "go_threads", "go_sched_threads_total_threads", 0),
    ("gomaxprocs", "GOMAXPROCS", None, "go_sched_gomaxprocs_threads", 0),
    ("gogc", "GOGC", None, "go_gc_gogc_percent", 0),
    ("memory_limit_bytes", "Limit", None, "go_gc_gomemlimit_bytes", 0),
    ("heap_live_bytes", None, None, "go_gc_heap_live_bytes", 0),
]
# What runtime/metrics of all releases does not have: since when.
SINCE = {"gogc": 21, "memory_limit_bytes": 21, "heap_live_bytes": 21, "threads": 26}
# Figures of runtime/metrics that MemStats does not have, or otherwise: from 1.26 on the runtime's own goroutines are counted there.
OF_METRICS = {
    "heap_live_bytes": "/gc/heap/live:bytes",
    "goroutines": "/sched/goroutines:goroutines",
    "threads": "/sched/threads/total:threads",
}
# Seconds are a float64 on the page: so many nanoseconds may be lost.
LOST = {"last_gc_unix_ns": 1000, "pause_total_ns": 1}

wrong = []


def scaled(text, decimals):
    return int(decimal.Decimal(text).scaleb(decimals))


def by_expvar(body):
    stats = json.loads(body, parse_float=str)["memstats"]
    return {
        ours: scaled(stats[theirs], 6 if ours == "gc_cpu_ppm" else 0)
        for ours, theirs, *_ in FIGURES
        if theirs and theirs in stats
    }


def by_page(body):
    page = dict(line.split() for line in body.decode().splitlines() if line[:1] not in ("#", "") and "{" not in line)
    read = {}
    for ours, _, client, runtime, decimals in FIGURES:
        for name in (client, runtime):
            if name in page:
                read[ours] = scaled(page[name], decimals)
    for ours, _, client, runtime, _ in FIGURES:
        name = runtime if of_metrics else client
        if name and ours not in read and not (of_metrics and minor < SINCE.get(ours, 0)):
            wrong.append(f"{name} is not on the page")
    return read


def word_of(words, ours, theirs):
    if of_metrics and ours in OF_METRICS:
        return [w["Metrics"][OF_METRICS[ours]] for w in words]
    if theirs in words[0]:
        return [w[theirs] for w in words]
    return [scaled(str(w["MemStats"][theirs]), 6 if theirs == "GCCPUFraction" else 0) for w in words]


def check_figures(told, read, words):
    for name in sorted(set(told) | set(read)):
        if told.get(name) != read.get(name):
            wrong.append(f"{name}: read as {told.get(name)}, served as {read.get(name)}")
    for ours, theirs, *_ in FIGURES:
        if ours not in told:
            continue
        before, after = word_of(words, ours, theirs)
        lost = LOST.get(ours, 0)
        if not min(before, after) - lost <= told[ours] <= max(before, after) + lost:
            wrong.append(f"{ours}: read as {told[ours]}, {before} before and {after} after by the runtime")


def check_profile(answer, words):
    key = {
        "alloc_space": "AllocSpace",
        "alloc_objects": "AllocObjects",
        "inuse_space": "InuseSpace",
        "inuse_objects": "InuseObjects",
    }.get(answer["values"])
    before, after = [w["Profile"][key] if key else w["Goroutines"] for w in words]
    if key and before != after:
        wrong.append("a collection came between")
    if not min(before, after) <= answer["bytes_total"] <= max(before, after):
        wrong.append(f"{answer['values']}: read as {answer['bytes_total']}, {before} to {after} by the runtime")
    if answer["bytes_total"] == 0 or answer["bytes_total"] != sum(s["bytes"] for s in answer["sites"]):
        wrong.append(f"{answer['values']}: its sites do not add up")


kind, directory = sys.argv[1:]
answer = json.load(sys.stdin)
with open(directory + "/body", "rb") as f:
    body = f.read()
with open(directory + "/word") as f:
    words = json.load(f)
minor = int(words[0]["Version"].split(".")[1])
of_metrics = b"\ngo_gc_heap_goal_bytes " in body
if words[0]["MemStats"]["NumGC"] != words[1]["MemStats"]["NumGC"]:
    wrong.append("a collection came between")
if kind == "profile":
    check_profile(answer, words)
else:
    endpoint = answer["endpoints"][0]
    if endpoint["source"] != kind or endpoint["body_bytes"] != len(body) or endpoint["contradicted"]:
        wrong.append(f"{endpoint['source']}, {endpoint['body_bytes']} bytes, contradicted {endpoint['contradicted']}")
    check_figures(endpoint["figures"], by_expvar(body) if kind == "expvar" else by_page(body), words)
print("\n".join(wrong))
sys.exit(bool(wrong))
