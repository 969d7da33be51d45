#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# In the guest, as /t/run.sh: installs the project, then runs the tests named in /t/list, each in a
# unit of its own so that nothing of it outlives it. Prints one line a test. Its code is 0 when it
# came to the end, whatever the tests said: the host counts their lines.
set -u

export PROGRAMS=/opt/programs

install_project() {
	[ -f /t/stage.tar ] || return 0
	tar -C / --no-same-owner --keep-directory-symlink -xf /t/stage.tar || return 1
	systemd-sysusers
	systemd-tmpfiles --create 2>/dev/null
	journalctl --update-catalog
	systemctl daemon-reload
	systemctl reload dbus.service
}

# Programs are run from the guest's own disk: one of the host's has no inode numbers to rely on.
install_programs() {
	mkdir -p "$PROGRAMS" /t/out
	if [ -d /t/programs ]; then cp -a /t/programs/. "$PROGRAMS/"; fi
}

# field NAME FILE: the value of a "# NAME: value" comment.
field() {
	sed -n "s/^# $1: *//p" "$2" | head -n 1
}

run_test() {
	systemd-run --quiet --wait --pipe --collect --unit="test-$1" \
		--property=OOMPolicy=continue --property=Delegate=yes \
		--setenv=PROGRAMS="$PROGRAMS" --setenv=GUEST_KIND="$GUEST_KIND" \
		--setenv=SOAK="$(cat /t/soak)" \
		--setenv=HOME=/root --setenv=LC_ALL=C.UTF-8 --setenv=PATH="$PATH" \
		--working-directory=/tmp \
		timeout -k 5 "$2" bash "/t/t/$1.sh" </dev/null >"$log" 2>&1
}

report() {
	local name=$1 code=$2 took=$3
	case $code in
	0) echo "ok $name ($took s)" ;;
	77) echo "skipped $name: $(tail -n 1 "$log") ($took s)" ;;
	124 | 137) echo "not ok $name: not done at its deadline ($took s)" ;;
	*) echo "not ok $name: exit code $code ($took s)" ;;
	esac
	case $code in
	0) sed -n 's/^figure: /    /p' "$log" ;;
	77) ;;
	*) tail -n 60 "$log" | sed 's/^/    /' ;;
	esac
}

# Milliseconds suffice, and the shell has no fractions.
seconds_since() {
	local ms=$((${EPOCHREALTIME/./} / 1000 - $1 / 1000))
	printf '%d.%d\n' $((ms / 1000)) $((ms % 1000 / 100))
}

log=/run/guest-test.log
install_project || echo "note: the project did not install"
install_programs
while read -r name; do
	deadline=$(field deadline "/t/t/$name.sh")
	start=${EPOCHREALTIME/./}
	run_test "$name" "${deadline:-120}"
	report "$name" $? "$(seconds_since "$start")"
done </t/list
exit 0
