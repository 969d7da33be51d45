# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deadline: 60
#
# The demonstration keeps away from a machine that has gomemd, running or not, or what is kept of it.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh

refuses() {
	local before after code=0
	before=$(find /etc /usr /var /run -xdev -path /var/log -prune -o -print 2>/dev/null | sort)
	bash /t/demo.sh /t >/run/said 2>&1 || code=$?
	after=$(find /etc /usr /var /run -xdev -path /var/log -prune -o -path /run/said -prune -o -print 2>/dev/null | sort)
	same "exit code" 1 "$code"
	grep -q "gomemd is installed here already" /run/said || fail "it says: $(cat /run/said)"
	grep -qF "$1" /run/said || fail "does not name $1: $(cat /run/said)"
	same "files" "" "$(diff <(printf '%s\n' "$before" | grep -v '^/run/said$') <(printf '%s\n' "$after"))"
}

[ -f /t/stage.tar ] || skip "the project is not installed here"
refuses /
# Settings that uninstalling has kept are the operator's.
mkdir /run/aside
tar -tf /t/stage.tar | grep -v '/$' | sed 's|^\./|/|' | while read -r file; do
	install -D "$file" "/run/aside$file" && rm "$file"
done
at_exit 'cp -a /run/aside/. /; rm -rf /run/aside; systemctl daemon-reload'
rm -rf /var/lib/gomemd # of the tests before
mkdir -p /etc/gomemd
refuses /etc/gomemd
