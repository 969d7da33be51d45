# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 300
#
# What was right for long in calm is a service's environment at its next start: before the daemon has looked, never over
# a word of the owner's, and given back on every way out.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

dropins=/run/systemd/system
# unit NAME [LINE OF [Service]...]: a unit file of its own, so that there is a start after the next.
unit() {
	local name=$1
	shift
	{
		printf '[Service]\nType=exec\nMemoryMax=256M\nMemorySwapMax=0\nStandardOutput=file:/run/%s.out\n' "$name"
		printf 'ExecStart=%s/srv-1.24-plain -live 30 -garbage 30\n' "$PROGRAMS"
		printf '%s\n' "$@"
	} >"/etc/systemd/system/$name.service"
	at_exit "unit_stop $name; rm -f /etc/systemd/system/$name.service; systemctl daemon-reload"
}
# variable PID NAME: by the kernel, what the process was started with.
variable() {
	tr '\0' '\n' <"/proc/$1/environ" | sed -n "s/^$2=//p"
}
# has UNIT NAME: what the service manager would start it with.
has() {
	unit_get "$1" Environment | grep -q "\<$2="
}
has_not() {
	! has "$@"
}
dropin() {
	[ -e "$dropins/$1.service.d/+gomemd.conf" ]
}
no_dropin() {
	! dropin "$1"
}

unit api
unit said
# In the unit's own file, of a program that reads it; and by a wrapper, which the service manager knows nothing of.
unit owned Environment=GOMEMLIMIT=200MiB
unit wrapped 'ExecStart=' "ExecStart=/usr/bin/env GOMEMLIMIT=199MiB $PROGRAMS/srv-1.24-plain -live 30 -garbage 30"
systemctl daemon-reload
gomemd_start 'mode = enforce' 'look_max = 1s' 'interval = 1s' 'reload_interval = 2s'
policy 60-start <<-'INI'
	[tier start]
	limit = 240Mi..1100Mi
	priority = 10
	environment = 5s
	[start.calm]
	gogc = 80
	[scope said]
	cgroup = system.slice/said.service
	mode = recommend
INI
systemctl reload gomemd
systemctl start api said owned wrapped
unit_start passing MemoryMax=256M -- "$PROGRAMS/srv-1.24-plain" -live 30 -garbage 30

# Set once it is settled: what the process has, and the same is there at the next start, without the daemon.
eventually 60 has api GOMEMLIMIT
pid=$(unit_pid api)
limit=$(probe "$pid" memory_limit_bytes)
start=$(unit_get api Environment | grep -o '\<GOMEMLIMIT=[0-9]*' | head -n 1 | cut -d= -f2)
at_least "soft limit at the next start, of what it has now" $((limit * 9 / 10)) "$start"
at_most "soft limit at the next start, of what it has now" $((limit * 11 / 10)) "$start"
has api GOGC
audit_has api '(.GOMEMD_ENVIRONMENT // "") | test("GOMEMLIMIT=[0-9]+ GOGC=80")' || fail "no record"
eventually 10 eval 'gomemctl status --json | jq -e ".environments[] | select(.unit == \"api.service\" and .in_force)"'
gomemctl explain api.service | grep -q 'next start: GOMEMLIMIT=' || fail "explain does not tell"
same "mode of the drop-in" "644 755" \
	"$(stat -c %a "$dropins/api.service.d/+gomemd.conf" | tr '\n' ' ')$(stat -c %a "$dropins/api.service.d")"

# The owner's word in the unit or in the process: that variable is his, and the other is not.
eventually 60 has owned GOGC
same "the owner's limit" 'GOMEMLIMIT=200MiB' "$(unit_get owned Environment | grep -o '\<GOMEMLIMIT=[^ ]*')"
eventually 60 has wrapped GOGC
has_not wrapped GOMEMLIMIT
eventually 10 audit_has said '.GOMEMD_OUTCOME == "recommended" and .GOMEMD_ENVIRONMENT'
no_dropin said

# A transient unit that ends has no next start.
eventually 60 dropin passing
systemctl stop passing

# Right before the daemon has looked: it cannot, it is stopped by a signal.
daemon=$(unit_pid gomemd)
kill -STOP "$daemon"
systemctl restart api
pid=$(unit_pid api)
eventually 20 srv_ready api
same "GOMEMLIMIT as it was started" "$start" "$(variable "$pid" GOMEMLIMIT)"
same "GOGC as it was started" 80 "$(variable "$pid" GOGC)"
eventually 10 probe_is "$pid" memory_limit_bytes "$start"
kill -CONT "$daemon"

# It is gomemd's own, not the owner's: under yield it would be left alone then.
levers() {
	gomemctl explain api.service --json | jq -r ".explain.processes[0].levers[] | select(.lever == \"$1\").$2"
}
ours() {
	[ "$(levers soft_limit ours)" = true ]
}
eventually 20 ours
same "owner_set" false "$(levers soft_limit owner_set)"
same "the owner's value" null "$(levers soft_limit owner)"
same "the owner's GOGC" 100 "$(levers gogc owner)"

# The owner has his say in the unit later on: ours goes.
mkdir -p /etc/systemd/system/api.service.d
at_exit 'rm -rf /etc/systemd/system/api.service.d'
printf '[Service]\nEnvironment=GOGC=200\n' >/etc/systemd/system/api.service.d/00-early.conf
systemctl daemon-reload
systemctl restart api
same "the owner's later word wins at once" 200 "$(variable "$(unit_pid api)" GOGC)"
eventually 30 eval '! grep -q GOGC /run/systemd/system/api.service.d/+gomemd.conf'
rm -rf /etc/systemd/system/api.service.d

# Given back: by release, at the end of the daemon, and by whoever comes after one that was killed.
eventually 30 no_dropin passing
gomemctl release api.service
eventually 20 no_dropin api
eventually 20 has_not api GOMEMLIMIT
audit_has api '.GOMEMD_OUTCOME == "restored" and .GOMEMD_UNIT' || fail "no record of what was given back"
eventually 10 probe_is "$(unit_pid api)" memory_limit_bytes null
dropin owned || fail "release of one took another's"
rm -rf /run/left
cp -r "$dropins/owned.service.d" /run/left
systemctl stop gomemd
no_dropin owned || fail "the stopped daemon left a drop-in"
has_not owned GOGC || fail "the service manager does not know"
same "undo records left" "" "$(ls /var/lib/gomemd/undo)"
[ ! -e /var/lib/gomemd/reload ] || fail "a reload is still owed"
mv /run/left "$dropins/owned.service.d"
systemctl daemon-reload
has owned GOGC || fail "what was left is not in force"
gomemd --restore
no_dropin owned || fail "--restore left it"
has_not owned GOGC || fail "the service manager does not know what --restore did"
