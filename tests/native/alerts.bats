#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # those of lib.bash
#
# What a daemon sends on alert_alertmanager and alert_webhook: Debian's Alertmanager has one alert for as long as it fires, a
# webhook each change once and in order, an outage loses nothing that has room, and no receiver's answer harms the daemon.

load lib.bash

setup_file() {
	build srv 1.24
	"$top/tests/lib/programs.sh" alertmanager@bookworm >"$BATS_FILE_TMPDIR/alertmanager"
	"$top/tests/lib/programs.sh" prometheus@bookworm >"$BATS_FILE_TMPDIR/prometheus"
}

teardown() {
	stop_all
}

# govern SETTING...: a daemon over cgroups of files, in which a busy and an idle program run; its alerts are settled fast.
govern() {
	scratch=$BATS_TEST_TMPDIR port=$(free_port)
	start unshare --mount "$top/tests/native/metrics_scene.sh" "$scratch" "$(built srv 1.24 | head -n 1)" "$(free_port)" \
		"$(free_port)" "metrics_listen = 127.0.0.1:$port" "alert_repeat = 1s" "$@" >"$scratch/scene.log" 2>&1
	scene=$started
	eventually 60 looks
}

# The daemon itself: the scene has no other child of that name.
# daemon: its pid; where there is none, what it said last.
daemon() {
	local _
	for _ in 1 2 3; do
		! pgrep -P "$scene" -x gomemd || return 0
		wait_seconds 0.2
	done
	tail -n 20 "$scratch/scene.log" "$scratch/log" >&2
	return 1
}

looks() {
	alive "$scene" || { cat "$scratch/scene.log" "$scratch/log"; return 3; }
	figures | grep -q '^gomemd_workload_limit_bytes{workload="idle.service"} 268435456$' &&
		figures | grep -q '^gomemd_workload_limit_bytes{workload="busy.service"} 268435456$'
}

figures() {
	curl -sS --max-time 4 "http://127.0.0.1:$port/metrics"
}

# limit NAME BYTES
limit() {
	echo "$2" >"$scratch/root/sys/fs/cgroup/$1.service/memory.max"
}

# told RECEIVER OUTCOME: how many.
told() {
	figures | sed -n "s/^gomemd_notifications_total{receiver=\"$1\",outcome=\"$2\"} //p"
}

queued() {
	[ "$(figures | sed -n "s/^gomemd_notifications_queued{receiver=\"$1\"} //p")" = "$2" ]
}

alertmanager() {
	manager=$(free_port)
	start unshare --mount "$top/tests/native/alertmanager.sh" "$(cat "$BATS_FILE_TMPDIR/alertmanager")" \
		"$BATS_TEST_TMPDIR/alertmanager" "$manager" >"$BATS_TEST_TMPDIR/alertmanager.log" 2>&1
	eventually 30 curl -sSf --max-time 4 -o /dev/null "http://127.0.0.1:$manager/-/ready"
}

# alerts FILTER: of what fires there.
alerts() {
	curl -sS --max-time 4 "http://127.0.0.1:$manager/api/v2/alerts?active=true" | jq -r "$1"
}

fires() {
	[ "$(alerts length)" = "$1" ]
}

receive() {
	webhook=${webhook:-$(free_port)} received=$BATS_TEST_TMPDIR/received
	mkdir -p "$received"
	start python3 "$top/tests/native/receiver_stub.py" "$webhook" "$received" >"$received.log" 2>&1
	stub=$started
}

# taken N: so many documents have come.
taken() {
	[ "$(wc -l <"$received/taken")" -ge "$1" ]
}

# document N FILTER
document() {
	sed -n "$1p" "$received/taken" | jq -r "$2"
}

@test "an Alertmanager has one alert that says its kind, for as long as it fires, and sees it end" {
	local updated began
	alertmanager
	govern "alert_alertmanager = http://localhost:$manager/" "alert_hold = 3s"
	limit idle 6600000
	eventually 40 fires 1
	[ "$(alerts '.[0].labels | .alertname, .kind, .severity, .workload' | paste -sd' ')" = \
		"GomemdTooLarge too-large critical idle.service" ] || fail "$(alerts .)"
	[[ $(alerts '.[0].annotations.summary') == *'does not fit into 6.2M; raise memory.max to'* ]]
	[[ $(alerts '.[0].annotations.action') == 'Raise memory.max'* ]]
	[ "$(alerts '.[0].annotations.recommended_limit')" != null ]
	updated=$(alerts '.[0].updatedAt') began=$(alerts '.[0].startsAt')
	again() { [ "$(alerts '.[0].updatedAt')" != "$updated" ]; }
	eventually 20 again
	# Gone for less than alert_hold, it has fired all along.
	limit idle 268435456
	has_limit() { figures | grep -q "^gomemd_workload_limit_bytes{workload=\"idle.service\"} $1\$"; }
	eventually 20 has_limit 268435456
	limit idle 6600000
	eventually 20 has_limit 6600000
	updated=$(alerts '.[0].updatedAt')
	eventually 20 again
	[ "$(alerts '.[0].startsAt')" = "$began" ] && fires 1 || fail "$(alerts .)"
	limit idle 268435456
	eventually 30 fires 0
	queued alertmanager 0
	[ "$(told alertmanager rejected)$(told alertmanager dropped)" = 00 ]
}

@test "what a daemon that is killed has said ends by itself" {
	alertmanager
	govern "alert_alertmanager = http://127.0.0.1:$manager" "alert_hold = 1s"
	limit idle 6600000
	eventually 40 fires 1
	kill -KILL "$(daemon)"
	eventually 120 fires 0
}

@test "a webhook that was away has each change once and in order, what had no room is counted, and the token is sent" {
	webhook=$(free_port) received=$BATS_TEST_TMPDIR/received
	echo secret-word >"$BATS_TEST_TMPDIR/token"
	chmod 600 "$BATS_TEST_TMPDIR/token"
	govern "alert_webhook = http://127.0.0.1:$webhook/hook?x=1" "alert_hold = 1s" "alert_queue = 1" \
		"alert_token_file = $BATS_TEST_TMPDIR/token"
	limit idle 6600000
	eventually 40 queued webhook 1
	limit busy 6600000
	dropped() { [ "$(told webhook dropped)" = 1 ] && [ "$(told webhook failed)" -ge 1 ]; }
	eventually 40 dropped
	receive
	eventually 60 taken 2
	limit idle 268435456
	eventually 40 taken 3
	[ "$(document 1 '.request, .type, .authorization' | paste -sd' ')" = \
		"POST /hook?x=1 HTTP/1.1 application/json Bearer secret-word" ]
	[ "$(document 1 '.body | .status, .labels.workload, .labels.kind' | paste -sd' ')" = "firing idle.service too-large" ]
	[ "$(document 2 '.body | .status, .labels.workload' | paste -sd' ')" = "firing busy.service" ]
	[ "$(document 3 '.body | .status, .labels.workload' | paste -sd' ')" = "resolved idle.service" ]
	[ "$(document 1 .body.startsAt)" = "$(document 3 .body.startsAt)" ]
	[ "$(document 1 '.body.figures.limit_bytes')" = 6600000 ]
	[ "$(document 1 '.body.figures.recommended_limit_bytes > 6600000')" = true ]
	[ "$(document 1 '.body.action | length > 20')" = true ]
	[ "$(document 1 '.body.culprits | type')" = array ]
	[ "$(jq -r .body.id "$received/taken" | sort | uniq -d)" = "" ]
	[ "$(told webhook sent)" = 3 ]
	# With nothing left to say there is no helper either.
	limit busy 268435456
	eventually 40 taken 4
	no_helper() { ! pgrep -P "$(daemon)" -x gomemd-post; }
	eventually 20 no_helper
}

# fails_once MORE: one request more than these has failed.
fails_once() {
	[ "$(told webhook failed)" -gt "$1" ]
}

@test "a receiver that is slow, redirects, never ends or speaks no HTTP delays nobody, and has the alert in the end" {
	local how before helper process confined=0
	receive
	echo silent >"$received/behaviour"
	govern "alert_webhook = http://127.0.0.1:$webhook" "alert_hold = 1s"
	limit idle 6600000
	seen() { grep -q "^$1\$" "$received/seen"; }
	eventually 40 seen silent
	# Nobody of those who wait has any right, or may do more than is needed.
	helper=$(pgrep -P "$(daemon)" -x gomemd-post)
	for process in $helper $(pgrep -P "$helper"); do
		grep -qP '^Uid:\t65534\t65534\t65534\t65534$' "/proc/$process/status"
		grep -qP '^CapEff:\t0+$' "/proc/$process/status"
		grep -qP '^NoNewPrivs:\t1$' "/proc/$process/status"
		grep -qP '^Seccomp:\t2$' "/proc/$process/status"
		confined=$((confined + 1))
	done
	[ "$confined" -eq 2 ]
	# While it is waited for the daemon looks and answers.
	before=$(figures | sed -n 's/^gomemd_looks_total //p')
	more_looks() { [ "$(figures | sed -n 's/^gomemd_looks_total //p')" -gt $((before + 3)) ]; }
	eventually 20 more_looks
	eventually 30 fails_once 0
	for how in redirect header garbage; do
		before=$(told webhook failed)
		echo "$how" >"$received/behaviour"
		eventually 40 seen "$how"
		eventually 20 fails_once "$before"
	done
	[ ! -e "$received/taken" ] || fail "$(cat "$received/taken")"
	queued webhook 1 || fail "$(figures | grep ^gomemd_notifications)"
	# Its status is enough: the rest of what it says is nobody's concern.
	echo huge >"$received/behaviour"
	eventually 60 taken 1
	sent() { [ "$(told webhook sent)" = 1 ]; }
	eventually 20 sent
	echo 400 >"$received/behaviour"
	limit idle 268435456
	rejected() { [ "$(told webhook rejected)" = 1 ] && queued webhook 0; }
	eventually 40 rejected
	says "$scratch/log" 'Cannot send alerts to the webhook at 127.0.0.1'
	says "$scratch/log" 'takes alerts again'
}

@test "what is sent names the lines that hold the memory" {
	receive
	echo 'global: {}' >"$BATS_TEST_TMPDIR/prometheus.yml"
	MORE="$(cat "$BATS_FILE_TMPDIR/prometheus") --config.file=$BATS_TEST_TMPDIR/prometheus.yml"
	export MORE="env GOGC=20 $MORE --storage.tsdb.path=$BATS_TEST_TMPDIR/tsdb --web.listen-address=127.0.0.1:$(free_port)"
	govern "alert_webhook = http://127.0.0.1:$webhook" "alert_hold = 1s"
	unset MORE
	limit more 6600000
	eventually 60 taken 1
	[ "$(document 1 '.body | .status, .labels.workload' | paste -sd' ')" = "firing more.service" ]
	[ "$(document 1 '.body.culprits | length')" -ge 1 ] || fail "$(document 1 .)"
	[ "$(document 1 '.body.culprits[0] | .line > 0 and .impact > 0 and ([.function, .advice | length > 0] | all)')" = true ]
}

# fares RECEIVER FILTER: of the row of features.
fares() {
	"$gomemctl" --socket "$scratch/run/control.sock" features --json >"$scratch/features"
	jq -e ".features[] | select(.name == \"$1\") | $2" "$scratch/features" >/dev/null ||
		{ jq -c '.features[] | select(has("configured"))' "$scratch/features"; return 1; }
}

up() {
	figures | sed -n 's/^gomemd_receiver_up{receiver="webhook"} //p'
}

@test "how a receiver fares: by features and by metrics, off, not asked, away, there, and what it refused" {
	webhook=$(free_port)
	# Where workloads are only observed there is no alert, and a receiver is not asked.
	govern "alert_webhook = http://127.0.0.1:$webhook/secret-path" "alert_hold = 1s" "mode = observe"
	fares alertmanager '.configured == false and .works == null and .last_error == null'
	fares kube-api '.configured == false and .works == null'
	fares webhook '.configured and .works == null and .for_usec == null and .last_word_age_usec == null'
	[ "$(up)" = "" ]
	! figures | grep -q '^gomemd_kube_api' || fail "of an API that is not asked"
	"$gomemctl" --socket "$scratch/run/control.sock" features >"$scratch/text"
	[ "$(sed -nE 's/^(kube-api|alertmanager|webhook) +//p' "$scratch/text" | paste -sd,)" = "off,off,not asked yet" ] ||
		fail "$(cat "$scratch/text")"
	sed -i '/^mode = observe/d' "$scratch/conf"
	kill -HUP "$(daemon)"
	limit idle 6600000
	eventually 40 fares webhook '.works == false and (.error | startswith("nobody listens there")) and .lost and .mend'
	[ "$(up)" = 0 ]
	receive
	eventually 60 fares webhook '.works == true and .last_word_age_usec >= 0 and (has("error") | not) and
		(.last_error | startswith("nobody listens there")) and .last_error_age_usec > 0'
	[ "$(up)" = 1 ]
	# One alert that it does not want is no reason to call it away.
	echo 400 >"$received/behaviour"
	limit idle 268435456
	eventually 40 fares webhook '.works == true and .last_error == "it says 400"'
	[ "$(up)" = 1 ]
	! grep -q secret-path "$scratch/features" || fail "a path may be a secret"
}

# tls NAME: certificate and key for a server of that name, which only those who are told trust.
tls() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
		-addext "subjectAltName=DNS:$1" -keyout "$BATS_TEST_TMPDIR/key" -out "$BATS_TEST_TMPDIR/cert" 2>/dev/null
	cat "$BATS_TEST_TMPDIR/cert" "$BATS_TEST_TMPDIR/key" >"$BATS_TEST_TMPDIR/both"
}

@test "over https the certificate must be of a known authority, and for the name" {
	webhook=$(free_port)
	tls localhost
	TLS_FILE=$BATS_TEST_TMPDIR/both receive
	govern "alert_webhook = https://localhost:$webhook" "alert_hold = 1s"
	limit idle 6600000
	eventually 40 says "$scratch/log" "to the webhook at localhost:$webhook: its certificate is not trusted"
	stop "$scene"
	export AUTHORITIES=$BATS_TEST_TMPDIR/cert
	govern "alert_webhook = https://localhost:$webhook" "alert_hold = 1s"
	unset AUTHORITIES
	limit idle 6600000
	eventually 40 taken 1
	# Another URL is another receiver, which is told of all that fires; the address is not the certificate's name.
	sed -i 's|https://localhost|https://127.0.0.1|' "$scratch/conf"
	kill -HUP "$(daemon)"
	eventually 40 says "$scratch/log" "to the webhook at 127.0.0.1:$webhook: its certificate is not trusted"
	[ "$(wc -l <"$received/taken")" -eq 1 ]
}

@test "without libcurl it is said, what would mend it too, and all else works" {
	export NO_CURL=1
	govern "alert_webhook = http://127.0.0.1:$(free_port)"
	unset NO_CURL
	limit idle 6600000
	eventually 40 says "$scratch/log" 'install libcurl4'
	queued webhook 1
}

# refuses TEXT SETTING...: by --check-config, in these words.
refuses() {
	{ echo '[daemon]'; printf '%s\n' "${@:2}"; } >"$BATS_TEST_TMPDIR/conf"
	run "$top/build/gomemd" --check-config --config "$BATS_TEST_TMPDIR/conf"
	[ "$status" -eq 78 ] && [[ $output == *"$1"* ]] || fail "${*:2}: $status $output"
}

@test "what is no URL is refused with what would be right, and so is a token in the clear; others' files hold no token" {
	local value
	for value in 127.0.0.1:9093 ftp://h http:// http://user:word@h http://h:0 http://h:65536 'http://[::1' 'http://h/#x' yes; do
		refuses 'write no, or http://HOST' "alert_webhook = $value"
		refuses 'write no, or http://HOST' "alert_alertmanager = $value"
	done
	refuses 'the path before /api/v2/alerts' 'alert_alertmanager = http://h/?x=1'
	refuses 'in the clear; write https://' 'alert_token_file = /etc/token' 'alert_webhook = http://h/'
	refuses 'the absolute path' 'alert_token_file = token'
	refuses 'from 1 to 4096' 'alert_queue = 0'
	printf '[daemon]\nalert_token_file = /etc/token\nalert_webhook = http://127.0.0.1/\n' >"$BATS_TEST_TMPDIR/conf"
	"$top/build/gomemd" --check-config --config "$BATS_TEST_TMPDIR/conf"
	echo word >"$BATS_TEST_TMPDIR/token"
	chmod 644 "$BATS_TEST_TMPDIR/token"
	govern "alert_webhook = http://127.0.0.1:$(free_port)" "alert_token_file = $BATS_TEST_TMPDIR/token"
	says "$scratch/log" 'others can read or write it'
}
