# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# The world changes under the daemon: limits here and above, daemon-reload, policies, processes and cgroups that go.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s'
srv app 1.24 MemoryMax=512M Slice=gtest.slice -- -live 40 -garbage 40
eventually 20 srv_ready app
pid=$(unit_pid app)
eventually 20 probe_not "$pid" memory_limit_bytes null
first=$(probe "$pid" memory_limit_bytes)
at_least "soft limit in 512 MiB" $((400 << 20)) "$first"

below() { [ "$(probe "$pid" memory_limit_bytes)" -lt "$1" ]; }
above() { [ "$(probe "$pid" memory_limit_bytes)" -gt "$1" ]; }

systemctl set-property --runtime app.service MemoryMax=256M
eventually 10 below $((250 << 20))
systemctl set-property --runtime gtest.slice MemoryMax=200M
eventually 10 below $((200 << 20))
same "the limit's origin" /gtest.slice "$(gomemctl explain app.service --json | jq -r .explain.limit_origin)"
systemctl set-property --runtime gtest.slice MemoryMax=infinity
eventually 10 above $((210 << 20))
systemctl set-property --runtime app.service MemoryMax=512M
eventually 10 above $((400 << 20))

# daemon-reload changes nothing.
now=$(probe "$pid" memory_limit_bytes)
systemctl daemon-reload
never_within 2 below $((400 << 20))

# A policy that is wrong is refused, with file and line; what was in force stays.
policy 70-broken <<'P'
[tier broken]
limit = lots
P
systemctl reload gomemd
eventually 10 journal_has '70-broken.ini:2' -u gomemd
at_least "soft limit after a refused reload" $((400 << 20)) "$(probe "$pid" memory_limit_bytes)"
code=0
gomemctl check-config "$policies/70-broken.ini" 2>/tmp/said || code=$?
same "check-config of it" 2 "$code"
grep -q '70-broken.ini:2' /tmp/said || fail "check-config does not say where"
rm "$policies/70-broken.ini"

# A policy that takes the workload out of enforcement gives everything back.
policy 70-scope <<'P'
[scope quiet]
cgroup = gtest.slice/**
mode = observe
P
systemctl reload gomemd
eventually 10 probe_is "$pid" memory_limit_bytes null
rm "$policies/70-scope.ini"
systemctl reload gomemd
eventually 10 probe_not "$pid" memory_limit_bytes null

# The workload's process is killed, its cgroup goes: nothing is left of it, and the daemon is well.
kill -9 "$pid"
gone() { ! known app.service; }
eventually 10 gone
same "undo records left" "" "$(ls /var/lib/gomemd/undo)"
same "the daemon" active "$(unit_get gomemd ActiveState)"

# recommend writes nothing, and says what it would do.
gomemd_start 'look_max = 1s'
srv app2 1.24 MemoryMax=256M -- -live 95 -garbage 60
eventually 20 srv_ready app2
eventually 20 audit_has app2 '.GOMEMD_OUTCOME == "recommended" and .GOMEMD_LEVER == "gogc" and .GOMEMD_NEW == "30"'
same "GOGC under recommend" 100 "$(probe "$(unit_pid app2)" gogc)"
same "soft limit under recommend" null "$(probe "$(unit_pid app2)" memory_limit_bytes)"

# The decisions can be reached again from the file, and from another input comes another one.
journalctl --sync
journalctl -o export SYSLOG_IDENTIFIER=gomemd >/tmp/export
gomemctl replay --journal /tmp/export
code=0
gomemctl replay --set proc0.heap_marked=1M --set cgroup.room=4G >/tmp/other || code=$?
same "another input" 1 "$code"
