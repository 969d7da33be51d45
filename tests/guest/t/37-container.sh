# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 120
#
# As in a container that has a cgroup namespace of its own and sees the host's tree: what it governs, it finds by paths that are
# relative to its own cgroup; and a daemon beside it says why it does not start.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

srv app 1.24 User=nobody MemoryMax=256M -- -live 60 -garbage 30
eventually 20 srv_ready app
pid=$(unit_pid app)

mkdir -p /etc/systemd/system/gomemd.service.d
at_exit 'rm -f /etc/systemd/system/gomemd.service.d/container.conf; systemctl daemon-reload'
cat >/etc/systemd/system/gomemd.service.d/container.conf <<-END
	[Service]
	ExecStart=
	ExecStart=/usr/bin/unshare --cgroup /usr/sbin/gomemd
	RestrictNamespaces=no
END
systemctl daemon-reload
gomemd_start 'mode = enforce' 'look_max = 1s'
main=$(unit_pid gomemd)
[ "$(readlink "/proc/$main/ns/cgroup")" != "$(readlink /proc/1/ns/cgroup)" ] || fail "it has the host's cgroup namespace"
# Both are relative to whoever reads them.
inside() { nsenter --cgroup --mount --target "$main" "$@"; }
inside grep -q ' /\.\./\.\. /sys/fs/cgroup ' /proc/self/mountinfo || fail "its tree: $(inside grep cgroup /proc/self/mountinfo)"
same "the path it reads" 0::/../app.service "$(inside cat "/proc/$pid/cgroup")"

eventually 20 probe_not "$pid" memory_limit_bytes null
same "its cgroup" /system.slice/app.service "$(gomemctl explain app.service --json | jq -r .explain.cgroup)"

# What another one would do to the same programs.
code=0
said=$(gomemd --restore 2>&1) || code=$?
same "--restore beside it" 1 "$code"
[[ $said == *"A gomemd runs"* ]] || fail "it said: $said"
code=0
said=$(RUNTIME_DIRECTORY=/run/other STATE_DIRECTORY=/var/lib/gomemd timeout 20 gomemd 2>&1) || code=$?
same "a second daemon" 1 "$code"
[[ $said == *"Another gomemd has the state directory"* ]] || fail "it said: $said"
probe_not "$pid" memory_limit_bytes null || fail "what it governs was taken from it"

# A change of the settings is read by itself.
printf '[daemon]\nmode = enforce\nreload_on_change = yes\n' >/etc/gomemd/gomemd.conf
systemctl reload gomemd
printf '[daemon]\nmode = recommend\nreload_on_change = yes\n' >/etc/gomemd/gomemd.conf
eventually 20 probe_is "$pid" memory_limit_bytes null
printf '[daemon]\nmode = enforce\nreload_on_change = yes\n' >/etc/gomemd/gomemd.conf
eventually 20 probe_not "$pid" memory_limit_bytes null
systemctl stop gomemd
same "soft limit after stop" null "$(probe "$pid" memory_limit_bytes)"
