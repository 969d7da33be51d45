# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 240
#
# Surroundings that are out to hurt: ten thousand cgroups, paths longer than a path may be, missing capabilities,
# an operator's nonsense on the socket. The daemon governs on.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

gomemd_start 'mode = enforce' 'look_max = 1s'
srv good 1.22 MemoryMax=256M -- -live 20 -garbage 10
eventually 20 srv_ready good

# A tenant with a delegated cgroup builds 10,000 of them, a hundred below each other each time, and runs Go programs in two
# more: one whose path is as long as a path may be, and one whose path is longer.
cat >/run/tenant.py <<'P'
import os, sys, time
top = "/sys/fs/cgroup" + open("/proc/self/cgroup").read().strip().split("::")[1]
path_max = 4096 - 1 - len(top) + len("/sys/fs/cgroup")
def descend(n, length=None):
    for i in range(n):
        name = "c%d" % i if length is None else "%0*d" % (length, i)
        os.mkdir(name)
        os.chdir(name)
def run(path_bytes):
    os.chdir(top)
    while path_bytes > 250:
        descend(1, 200)
        path_bytes -= 201
    descend(1, path_bytes - 1)
    if os.fork() == 0:
        open("cgroup.procs", "w").write("0")
        os.chdir("/")
        os.execv(sys.argv[1], ["srv", "-live", "20", "-garbage", "10"])
began = time.time()
for tree in range(int(sys.argv[2])):
    os.chdir(top)
    os.mkdir("tree%d" % tree)
    os.chdir("tree%d" % tree)
    descend(99)
print("%s00 cgroups in %.1f s" % (sys.argv[2], time.time() - began), flush=True)
run(path_max)
os.chdir(top)
os.mkdir("further")
os.chdir("further")
top = os.getcwd()
run(path_max)
time.sleep(1000)
P
unit_start tenant Delegate=yes MemoryMax=1000M StandardOutput=file:/run/tenant.out -- \
	python3 /run/tenant.py "$PROGRAMS/srv-1.24-plain" "$((SOAK ? 500 : 100))"
eventually 100 test -s /run/tenant.out
cat /run/tenant.out
go_programs() { pgrep -x srv-1.24-plain | wc -l; }
both() { [ "$(go_programs)" -eq 2 ]; }
eventually 20 both
mapfile -t pids < <(pgrep -x srv-1.24-plain)
# systemd cannot reach below so long a path: what is there ends here, and its cgroups go, for the tests to come.
cat >/run/remove.py <<'P'
import os, sys, time
def remove(fd):
    for entry in list(os.scandir(fd)):
        if entry.is_dir(follow_symlinks=False):
            child = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            remove(child)
            os.close(child)
            for _ in range(100):
                try:
                    os.rmdir(entry.name, dir_fd=fd)
                    break
                except OSError:
                    time.sleep(0.1)  # its process is not reaped yet
remove(os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY))
P
at_exit "kill -9 ${pids[*]}; python3 /run/remove.py '$(unit_cgroup tenant)'"
# The first 4095 bytes of a longer path, or an error: kernels differ.
told() { sed -n 's/^0:://p' "/proc/$1/cgroup" 2>/dev/null | tr -d '\n' | wc -c; }
same "the length of the first path" 4095 "$(told "${pids[0]}")"
# What a tenant builds below its unit counts for the unit; where even the kernel has no path, for nobody, and it is said.
eventually 20 known tenant.service
eventually 20 probe_not "${pids[0]}" memory_limit_bytes null
at_most "soft limit of the nested program" $((990 << 20)) "$(probe "${pids[0]}" memory_limit_bytes)"
if [ "$(told "${pids[1]}")" -gt 0 ]; then
	eventually 20 probe_not "${pids[1]}" memory_limit_bytes null
	same "its processes" 2 "$(gomemctl explain tenant.service --json | jq '.explain.processes | length')"
else
	left_out() { [ "$(gomemctl status --json | jq .daemon.left_out)" -ge 1 ]; }
	eventually 20 left_out
fi
gomemctl scan >/run/scan.out || fail "scan fails over it"
grep -q "${pids[1]}" /run/scan.out || fail "scan does not list the program with the longer path"
# Another workload is governed meanwhile.
srv meanwhile 1.22 MemoryMax=256M -- -live 20 -garbage 10
eventually 20 srv_ready meanwhile
eventually 20 probe_not "$(unit_pid meanwhile)" memory_limit_bytes null
unit_stop meanwhile

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
