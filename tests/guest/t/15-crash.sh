# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 400
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

# A restore that is killed itself, before and after it gave one lever back: the next one comes to the same end.
records() { find /var/lib/gomemd/undo -type f | wc -l; }
# 30 by its tier, or less in an emergency.
governed() { probe_not "$pid" gogc 100 && probe_not "$pid" memory_limit_bytes null; }
given_back() { # how many of the two are the owner's
	local n=0
	! probe_is "$pid" gogc 100 || n=1
	! probe_is "$pid" memory_limit_bytes null || n=$((n + 1))
	echo "$n"
}
for point in restore-before restore-after; do
	fault none 'ExecStopPost='
	gomemd_start 'mode = enforce' 'look_max = 1s'
	eventually 30 governed
	systemctl kill --kill-whom=all --signal=KILL gomemd
	eventually 20 daemon_dead
	left=$(records)
	at_least "$point: undo records of two levers" 2 "$left"
	fault "$point" 'ExecStopPost='
	printf '[daemon]\nmode = observe\n' >"$conf"
	# The second time it finds what the first left half done.
	for round in 1 2; do
		systemctl reset-failed gomemd
		! systemctl restart gomemd || fail "$point: the start lived through it"
		same "$point, $round: undo records" "$left" "$(records)"
		if [ "$point" = restore-before ]; then
			same "$point, $round: given back" 0 "$(given_back)"
		else
			at_least "$point, $round: given back" 1 "$(given_back)"
		fi
	done
	fault none 'ExecStopPost='
	systemctl reset-failed gomemd
	systemctl restart gomemd
	same "$point: GOGC" 100 "$(probe "$pid" gogc)"
	same "$point: soft limit" null "$(probe "$pid" memory_limit_bytes)"
	same "$point: undo records after it" "" "$(ls /var/lib/gomemd/undo)"
	same "$point: the workload" active "$(unit_get app ActiveState)"
	echo "$point: given back"
done
rm -rf /etc/systemd/system/gomemd.service.d
systemctl daemon-reload

# Somebody else wrote meanwhile: it is his, and stays.
fault store-after 'ExecStopPost='
gomemd_start 'mode = enforce' 'look_max = 1s' || true
eventually 20 daemon_dead
# It died behind its first store: which of the two levers that was is nobody's to know.
lever=soft_limit key=memory_limit_bytes written=1234567 owner=7654321
probe_not "$pid" "$key" null || lever=gogc key=gogc written=67 owner=54
record=$(grep -l "lever=$lever" /var/lib/gomemd/undo/*)
sed -i "s/^written=.*/written=$written/; s/^owner=.*/owner=$owner/" "$record"
ours=$(probe "$pid" "$key")
rm -rf /etc/systemd/system/gomemd.service.d
systemctl daemon-reload
printf '[daemon]\nmode = observe\n' >"$conf"
systemctl restart gomemd
same "a value of $lever that is not ours stays" "$ours" "$(probe "$pid" "$key")"
same "the workload in the end" active "$(unit_get app ActiveState)"
