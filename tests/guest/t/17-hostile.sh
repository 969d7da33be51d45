# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# Surroundings that are out to hurt: cgroups nested thousands deep in number, paths of kilobytes, missing capabilities,
# an operator's nonsense on the socket. The daemon governs on.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s'
srv good 1.22 MemoryMax=256M -- -live 20 -garbage 10
eventually 20 srv_ready good

# A tenant with a delegated cgroup builds 1,500 of them, the deepest with a path of kilobytes, and runs a Go program there.
# By a file: systemd would expand the variables of a command line.
cat >/run/tenant.sh <<'T'
cd "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)" || exit 1
mkdir $(seq -f 'c%g' 1500)
for ((i = 0; i < 35; i++)); do
	printf -v d '%0100d' "$i"
	mkdir "$d" && cd "$d" || exit 1
done
echo $$ >cgroup.procs
exec "$1" -live 20 -garbage 10
T
unit_start tenant Delegate=yes MemoryMax=200M -- bash /run/tenant.sh "$PROGRAMS/srv-1.24-plain"
deep() { [ "$(wc -c <"/proc/$(unit_pid tenant)/cgroup")" -gt 3000 ] && [ "$(cat "/proc/$(unit_pid tenant)/comm")" = srv-1.24-plain ]; }
eventually 60 deep
# What a tenant builds below its unit counts for the unit.
eventually 20 known tenant.service
eventually 20 probe_not "$(unit_pid tenant)" memory_limit_bytes null
at_most "soft limit of the nested program" $((190 << 20)) "$(probe "$(unit_pid tenant)" memory_limit_bytes)"

# Nonsense on the control socket.
python3 - <<'P'
import socket
for text in (b"", b"\n", b"{}\n", b"[" * 20000, b'{"verb":"status","x":1}\n', b"\xff" * 16384, b'{"verb":' + b'[' * 4000 + b"\n"):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect("/run/gomemd/control.sock")
    try:
        s.sendall(text)
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
    except ConnectionError:
        pass  # turned away before it had said all of it
P
gomemctl status >/dev/null

# Workloads that come and go leave nothing behind.
for ((i = 0; i < 10; i++)); do
	srv "short$i" 1.22 MemoryMax=64M -- -live 1 -duration 300ms
done
none_left() { [ "$(gomemctl status --json | jq '.workloads | map(select(.workload | startswith("short"))) | length')" -eq 0 ]; }
eventually 30 none_left
same "the daemon is the same process all along" 0 "$(unit_get gomemd NRestarts)"

# Without CAP_NET_ADMIN and process events (which kernels since 6.6 give without it): found by looking, within seconds.
mkdir -p /etc/systemd/system/gomemd.service.d
printf '[Service]\nCapabilityBoundingSet=~CAP_NET_ADMIN\n' >/etc/systemd/system/gomemd.service.d/caps.conf
systemctl daemon-reload
gomemd_start 'mode = enforce' 'look_max = 1s' 'process_events = no'
same "process events" false "$(gomemctl status --json | jq .daemon.process_events)"
srv late 1.22 MemoryMax=256M -- -live 5 -garbage 5
eventually 20 srv_ready late
eventually 30 probe_not "$(unit_pid late)" memory_limit_bytes null
rm -r /etc/systemd/system/gomemd.service.d
systemctl daemon-reload
