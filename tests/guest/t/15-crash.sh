# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 300
#
# kill -9 at every step of a change: the workload lives on, and what was changed is given back - at once by the unit, or
# by the next start.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

points="undo-before undo-after store-before stored-first stored-more store-after audit-before"

srv app 1.24 MemoryMax=256M -- -live 95 -garbage 60
eventually 20 srv_ready app
pid=$(unit_pid app)

daemon_dead() { unit_is gomemd failed || unit_is gomemd inactive; }

fault() {
	mkdir -p /etc/systemd/system/gomemd.service.d
	printf '[Service]\nEnvironment=GOMEMD_FAULT=%s\nRestart=no\n%s\n' "$1" "$2" >/etc/systemd/system/gomemd.service.d/fault.conf
	systemctl daemon-reload
}

for point in $points; do
	fault "$point" ""
	rm -rf /var/lib/gomemd/*
	gomemd_start 'mode = enforce' 'look_max = 1s' || true
	eventually 20 daemon_dead
	# ExecStopPost has given everything back.
	same "$point: GOGC" 100 "$(probe "$pid" gogc)"
	same "$point: soft limit" null "$(probe "$pid" memory_limit_bytes)"
	same "$point: undo records left" "" "$(ls /var/lib/gomemd/undo)"
	same "$point: the workload" active "$(unit_get app ActiveState)"
	echo "$point: given back"
done

# Where even ExecStopPost did not run, the next start gives back before it does anything else.
fault store-after 'ExecStopPost='
gomemd_start 'mode = enforce' 'look_max = 1s' || true
eventually 20 daemon_dead
at_least "undo records left" 1 "$(find /var/lib/gomemd/undo -type f | wc -l)"
rm -rf /etc/systemd/system/gomemd.service.d
systemctl daemon-reload
printf '[daemon]\nmode = observe\n' >"$conf"
systemctl restart gomemd
same "GOGC after the next start" 100 "$(probe "$pid" gogc)"
same "soft limit after the next start" null "$(probe "$pid" memory_limit_bytes)"
same "undo records after the next start" "" "$(ls /var/lib/gomemd/undo)"

# Somebody else wrote meanwhile: it is his, and stays.
fault store-after 'ExecStopPost='
gomemd_start 'mode = enforce' 'look_max = 1s' || true
eventually 20 daemon_dead
record=$(grep -l 'lever=soft_limit' /var/lib/gomemd/undo/*)
sed -i 's/^written=.*/written=1234567/; s/^owner=.*/owner=7654321/' "$record"
ours=$(probe "$pid" memory_limit_bytes)
rm -rf /etc/systemd/system/gomemd.service.d
systemctl daemon-reload
printf '[daemon]\nmode = observe\n' >"$conf"
systemctl restart gomemd
same "a value that is not ours stays" "$ours" "$(probe "$pid" memory_limit_bytes)"
same "the workload in the end" active "$(unit_get app ActiveState)"
