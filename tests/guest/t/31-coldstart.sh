# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ring: uml qemu
# deadline: 500
#
# Cold start: a program that allocates as fast as it can from its first instruction, in 128 MiB with live data that fits.
# Without gomemd the kernel kills it, or it comes near its limit; with it, it lives, and its peak is lower. By the connector,
# and where the kernel has eBPF by that; there a storm of execs in one cgroup does not keep a program in another from
# being met at once.
# shellcheck source=tests/guest/lib.sh
. /t/lib.sh
# shellcheck source=tests/guest/govern.sh
. /t/govern.sh

program=$PROGRAMS/coldstart-1.24-plain
# It ends when it has allocated so much. Emulation is slow: what is governed ends by time there.
made=400 most=5m arms='new known'

# cold UNIT FILE: one start; the peak of its cgroup, by the kernel, is in $peak, its end in $result.
cold() {
	local unit=$1 file=$2
	rm -f "/run/$unit.out"
	# The unit's own last words: its cgroup is gone with it.
	unit_start "$unit" MemoryMax=128M MemorySwapMax=0 "StandardOutput=file:/run/$unit.out" \
		"ExecStopPost=/bin/sh -c 'cat $cgroot/system.slice/$unit.service/memory.peak >/run/$unit.peak'" -- \
		/bin/sh -c "exec $file -live 50 -made $made -duration $most -since \$(date +%%s.%%N)"
	eventually 120 over "$unit"
	result=$(unit_get "$unit" Result)
	peak=$(cat "/run/$unit.peak")
	echo "$unit: $result, peak $((peak >> 20)) MiB, $(tr '\n' ' ' <"/run/$unit.out")"
}

over() {
	unit_is "$1" inactive || unit_is "$1" failed
}

# said UNIT FIGURE: of the line in which the program tells of its soft limit.
said() {
	jq -s -r ".[] | select(.event == \"limit\").$2" "/run/$1.out"
}

cold alone "$program"
alone_peak=$peak alone_result=$result
# A heap that has doubled at least; how much further it gets is a matter of who is sooner.
[ "$alone_result" = oom-kill ] || at_least "its peak without gomemd" $((104 << 20)) "$alone_peak"

[ "$GUEST_KIND" = uml ] || most=40s arms=new

governed() {
	local way=$1 arm file
	gomemctl features --json | jq -e --arg w "$way" \
		'any(.features[]; .name == "process-events" and .by == $w)' >/dev/null || fail "execs are not told by $way"
	for arm in $arms; do
		file=/run/coldstart-$way
		[ "$arm" != new ] || cp "$program" "$file"
		cold "$arm-$way" "$file"
		same "with gomemd it ends well" success "$result"
		[ "$(said "$arm-$way" us)" ] || fail "it never saw a soft limit"
		[ "$peak" -lt "$alone_peak" ] || fail "its peak is no lower: $peak against $alone_peak"
		echo "figure: $arm executable file, by $way: soft limit $(($(said "$arm-$way" us) / 1000)) ms after its exec," \
			"RSS then $(($(said "$arm-$way" rss_kib) >> 10)) MiB, peak $((peak >> 20)) MiB; without gomemd $((alone_peak >> 20)) MiB, $alone_result"
	done
}

gomemctl_says() {
	gomemctl features --json | jq -e "any(.features[]; $1)" >/dev/null
}

told() {
	gomemctl features --json | jq -e '.features[] | select(.name == "process-events").works' >/dev/null
}

gomemd_start 'mode = enforce' 'helper_deadline = 20s' 'process_events = connector'
governed connector

gomemd_start 'mode = enforce' 'helper_deadline = 20s' 'process_events = bpf'
if [ "$GUEST_KIND" = uml ]; then
	# No eBPF in this kernel: that is said, and a scan finds it.
	eventually 20 gomemctl_says '.name == "process-events" and .works == false and (.mend | length) > 0'
	srv found 1.24 MemoryMax=256M -- -live 20 -garbage 10
	eventually 30 known found.service
	exit 0
fi
eventually 20 told
governed btf-tracepoint

# The storm is another tenant's.
unit_start storm MemoryMax=200M -- bash -c 'while :; do /bin/true; done'
cold stormed "$program"
same "beside a storm of execs it ends well" success "$result"
