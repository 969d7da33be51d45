#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# gomemctl top as a person has it: keys go to a terminal of tmux, and what is looked at is its screen. The daemon is a
# stub whose answers the test writes, but for one test that has none and a real Go program.

load lib.bash

setup_file() {
	build srv 1.24
}

setup() {
	command -v tmux >/dev/null || skip "no tmux"
	home=$(mktemp -d "$BATS_TEST_TMPDIR/top.XXXXXX")
	tmux_socket=$home/tmux
}

teardown() {
	tmux -S "$tmux_socket" kill-server 2>/dev/null || true
	stop_all
}

# daemon N: a stub with five workloads of interest and N others.
daemon() {
	jq -cn --argjson n "$1" -f "$top/tests/native/top.jq" >"$home/status.json"
	jq -c '{schema, explain: .workloads[2]}' "$home/status.json" >"$home/explain.json"
	start python3 "$top/tests/native/control_stub.py" "$home/sock" "$home"
	eventually 20 test -S "$home/sock"
}

# answers FILTER: the daemon's workloads become others.
answers() {
	jq -c "$1" "$home/status.json" >"$home/new" && mv "$home/new" "$home/status.json"
}

# screen_start WIDTH HEIGHT [VARIABLE=VALUE] [ARGUMENT...]
screen_start() {
	local width=$1 height=$2
	shift 2
	tmux -S "$tmux_socket" -f /dev/null new-session -d -x "$width" -y "$height" \
		"env $* $gomemctl top --socket $home/sock --delay 200ms; echo ENDED WITH \$?; cat"
}

screen() {
	tmux -S "$tmux_socket" capture-pane -p "$@"
}

keys() {
	tmux -S "$tmux_socket" send-keys "$@"
}

# shows PATTERN, shows_not PATTERN: on the screen, before a deadline.
seen() { screen | grep -qE -- "$1" || { screen; return 1; }; }
unseen() { ! screen | grep -qE -- "$1" || { screen; return 1; }; }
shows() { eventually 20 seen "$1"; }
shows_not() { eventually 20 unseen "$1"; }
# marked NAME: the row that the mark is at.
marked() { shows "^>$1"; }

@test "those that are most at risk come first, each with its bar, and fit into 80 columns" {
	daemon 3
	screen_start 80 24
	marked full.service
	order=$(screen | grep -oE '(full|leaky|calm|free|web-[0-9])\.service' | head -n 4 | tr '\n' ' ')
	[ "$order" = "full.service leaky.service calm.service web-2.service " ] || fail "the order is $order" "$(screen)"
	shows '^ leaky.service +growth! +95s #+=+%+\.+ +90%'
	shows '^ free.service +calm +- no limit +- '
	[ "$(screen | wc -L)" -le 80 ]
	# live is half of what is used, and that is 90 % of the limit: within a cell, both can be counted.
	bar=$(screen | grep '^ leaky' | grep -oE '#+=+%+\.+')
	live=${bar//[^#]/} whole=${#bar}
	(( ${#live} * 100 >= whole * 45 - 100 && ${#live} * 100 <= whole * 45 + 100 )) || fail "bar $bar"
}

@test "a wide screen has the figures beside the bar" {
	daemon 3
	screen_start 160 50
	shows 'TIER +MODE +STATE.*LIVE +GARBAGE +NON-GO'
	shows 'leaky.service +edge +enforce +growth! .* 180M +200M 90.0M +45.0M +45.0M +100 +200M +12.0M'
}

@test "words of a tenant's reach the screen without what a terminal obeys" {
	daemon 0
	screen_start 80 24
	shows 'evil\?\[2J\?\]0;owned'
	# -e has attributes as escape sequences of tmux's own: what it made of 0x9b or of a title would be there as well.
	[ "$(tmux -S "$tmux_socket" display-message -p '#{pane_title}')" != owned ]
	"$gomemctl" top --once --socket "$home/sock" >"$home/table"
	! LC_ALL=C grep -qP '[^\x20-\x7e\n]' "$home/table" || fail "$(cat -v "$home/table")"
}

@test "arrows and j, k move the mark, which stays at its workload when the order changes" {
	daemon 3
	screen_start 80 24
	marked full.service
	keys Down
	marked leaky.service
	keys j
	marked calm.service
	keys k
	marked leaky.service
	keys Up
	marked full.service
	keys End
	marked free.service
	keys Home j
	marked leaky.service
	answers '.workloads |= map(if .workload == "leaky.service" then .state = "calm" | .alert = "none" | .forecast.to_oom_usec = null | .usage_bytes = 4194304 else . end)'
	shows '^>leaky.service +calm'
	screen | grep -n service | tail -n 3 | grep -q '>leaky' || fail "it did not go down with its risk" "$(screen)"
}

@test "s orders by another column, m shows a mode alone, / filters while it is typed" {
	daemon 3
	screen_start 80 24
	shows 'sort: risk'
	keys s
	shows 'sort: used'
	keys s s s s
	shows 'sort: name'
	marked calm.service
	keys m m m
	shows 'mode: observe'
	shows_not 'full.service'
	marked evil
	keys m
	shows 'mode: all'
	keys /
	keys -l WEB
	shows 'filter: WEB'
	shows_not full.service
	shows '3 shown'
	keys BSpace BSpace BSpace
	keys -l emergency
	shows '1 shown'
	keys Enter
	shows 'q quit'
	marked full.service
	keys / Escape
	shows '8 shown'
}

@test "Enter shows the last decisions and the culprits of one, asked for alone; q leads back and ends" {
	daemon 3
	screen_start 80 24
	marked full.service
	: >"$home/requests"
	keys Enter
	shows 'state emergency \(headroom\), alert does-not-fit'
	shows 'LAST DECISIONS'
	shows 'cart.go:42 cart.\(\*Cart\).Add: 49.5M|cart.go:42 cart.\(\*Cart\).Add: 24.7M'
	eventually 20 says "$home/requests" '"explain".*full.service'
	keys q
	shows '^>full.service'
	keys q
	shows 'ENDED WITH 0'
}

@test "of one that ends while it is looked at that is said" {
	daemon 3
	screen_start 80 24
	marked full.service
	keys Enter
	shows 'LAST DECISIONS'
	rm "$home/explain.json"
	shows 'It has ended, or cannot be asked for'
	keys q
	marked full.service
}

@test "the daemon is asked once a refresh, not more" {
	daemon 40
	start_ns=$(date +%s%N)
	"$gomemctl" top --batch -n 5 --delay 300ms --socket "$home/sock" >"$home/out"
	[ "$(wc -l <"$home/requests")" -eq 5 ] || fail "$(cat "$home/requests")"
	[ "$(grep -c ^WORKLOAD "$home/out")" -eq 5 ]
	[ $(($(date +%s%N) - start_ns)) -ge 1200000000 ] || fail "it did not wait between two"
}

@test "more rows than lines are scrolled, and a resize is followed" {
	daemon 60
	screen_start 80 24
	marked full.service
	keys End
	marked free.service
	shows_not full.service
	tmux -S "$tmux_socket" resize-window -x 140 -y 40
	shows 'TIER +MODE'
	marked free.service
	[ "$(screen | grep -c service)" -gt 30 ] || fail "$(screen)"
	tmux -S "$tmux_socket" resize-window -x 60 -y 10
	marked free.service
	[ "$(screen | wc -L)" -le 60 ]
	tmux -S "$tmux_socket" resize-window -x 10 -y 3
	tmux -S "$tmux_socket" resize-window -x 80 -y 24
	marked free.service
	keys '?'
	shows 'those that are most at risk first'
	keys x q
	shows 'ENDED WITH 0'
}

@test "colours stand beside signs: without them the screen says the same" {
	daemon 3
	screen_start 80 24 TERM=screen-256color
	marked full.service
	screen -e | grep -q $'\e\[[0-9;]*3[0-8]m' || fail "there is no colour"
	with=$(screen | sed 's/^gomemd [0-9:]*//')
	tmux -S "$tmux_socket" kill-server
	tmux_socket=$home/tmux2 # the first may still be ending
	screen_start 80 24 NO_COLOR=1
	marked full.service
	! screen -e | grep -q $'\e\[[0-9;]*3[0-8]m' || fail "NO_COLOR has colours" "$(screen -e)"
	[ "$with" = "$(screen | sed 's/^gomemd [0-9:]*//')" ] || fail "$with" "$(screen)"
}

@test "a daemon that goes away is said to have, and is there again when it comes back" {
	daemon 0
	screen_start 80 24
	shows '^daemon: enforce, 7 changes'
	stop "$started"
	shows "NO DAEMON, by scan .Connection refused"
	rm "$home/sock"
	daemon 0
	shows '^daemon: enforce, 7 changes'
}

@test "without a daemon it shows what a scan sees" {
	start_ready "$(built srv 1.24 | head -n 1)" -live 32 -garbage 8
	screen_start 160 40
	shows "NO DAEMON, by scan .No such file"
	shows '[1-9][0-9]* workloads?, [1-9]'
	# What is live is what the last collection has marked, which may have been before all of it was there.
	scanned() {
		gomemctl top --once --json --socket "$home/sock" &&
			holds '.source == "scan" and any(.workloads[]; .live_bytes > 30 * 1048576)'
	}
	eventually 30 scanned
}

@test "what is no terminal is refused, with what to do" {
	daemon 0
	gomemctl top --socket "$home/sock"
	[ "$status" -eq 2 ]
	[[ $errors == *--once* ]]
	gomemctl top --once --json --socket "$home/sock"
	holds '.source == "daemon" and (.workloads | length) == 5 and .workloads[0].workload == "full.service"'
	gomemctl top -n 0
	[ "$status" -eq 2 ]
}
