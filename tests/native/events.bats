#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# jobs: 3
# shellcheck disable=SC2154 # those of lib.bash and kube.bash
#
# What alert_events writes: an alert of a pod is one event on it, counted and never made twice, and another when it is over; a
# server that is away, forbids, forgets or wants another token loses nothing that has room; and it is asked for nothing else.

load lib.bash
load kube.bash

setup_file() {
	kube_setup_file
	"$top/tests/lib/manifests.sh" >"$BATS_FILE_TMPDIR/manifests"
}

setup() {
	kube_setup
}

teardown() {
	stop_all
}

# watch [SETTING...]: a daemon whose alerts are settled fast.
watch() {
	metrics=$(free_port)
	govern "metrics_listen = 127.0.0.1:$metrics" "alert_repeat = 1s" "alert_hold = 1s" "alert_events = yes" "$@"
	eventually 120 has_limit 268435456
}

figures() {
	alive "$scene" || { cat "$scratch/scene.log" "$scratch/log"; return 3; }
	curl -sS --max-time 4 "http://127.0.0.1:$metrics/metrics"
}

has_limit() {
	figures | grep -q "^gomemd_workload_limit_bytes{.*} $1\$"
}

# limit BYTES
limit() {
	echo "$1" >"$scratch/root/sys/fs/cgroup/$cgroup/memory.max"
}

# told OUTCOME N: so many, or more.
told() {
	local n
	n=$(figures | sed -n "s/^gomemd_notifications_total{receiver=\"events\",outcome=\"$1\"} //p")
	[ "${n:-0}" -ge "$2" ] || { figures | grep notifications; return 1; }
}

queued() {
	[ "$(figures | sed -n 's/^gomemd_notifications_queued{receiver="events"} //p')" = "$1" ]
}

# server FILTER: holds of the events that it has, and of what it was asked for.
server() {
	curl -sS --max-time 20 --cacert "$BATS_FILE_TMPDIR/good.ca" "https://127.0.0.1:$port/events" >"$scratch/server" || return 1
	jq -e "$1" "$scratch/server" >/dev/null || { cat "$scratch/server" "$scratch/log"; return 1; }
}

events() {
	server ".events | length == $1"
}

@test "an alert is one event, told again by its count, with another when it is over, and again the same when it fires anew" {
	watch
	limit 6600000
	eventually 120 events 1
	server ".events[0] | .type == \"Warning\" and .reason == \"GomemdTooLarge\" and .count == 1 and
		.involvedObject == {apiVersion: \"v1\", kind: \"Pod\", namespace: \"shop\", name: \"cart-7d4b9c6f5-x2x9z\", uid: \"$uid\",
			fieldPath: \"spec.containers{api}\"} and
		(.message | contains(\"shop/cart-7d4b9c6f5-x2x9z/api: its live data does not fit into 6.2M\") and contains(\"Raise memory.max\"))"
	server '.calls | all(.type == "application/json" and .bearer == "Bearer first")'
	# It fires on.
	eventually 120 server '.events | length == 1 and .[0].count >= 2'
	server '[.calls[] | select(.method == "PATCH")] | length > 0 and all(.type == "application/merge-patch+json")'
	limit 268435456
	eventually 120 events 2
	server '.events[1] | .type == "Normal" and .reason == "GomemdTooLargeResolved" and .count == 1 and
		(.message | startswith("Over after ") and contains("does not fit into 6.2M"))'
	before=$(jq '.events[0].count' "$scratch/server")
	limit 6600000
	eventually 120 server ".events | length == 2 and .[0].count > $before"
	limit 268435456
	eventually 120 server '.events | length == 2 and .[1].count == 2'
	server '[.calls[] | select(.method == "POST")] | length == 2'
	jq -c '.events[]' "$scratch/server" >"$scratch/events"
	run "$(cat "$BATS_FILE_TMPDIR/manifests")" -events <"$scratch/events"
	[ "$status" -eq 0 ] && [[ ${lines[0]} == "Warning GomemdTooLarge shop/cart-7d4b9c6f5-x2x9z "* ]] &&
		[ "${lines[1]}" = "Normal GomemdTooLargeResolved shop/cart-7d4b9c6f5-x2x9z 2" ] || fail "$output"
	told sent 4
	told rejected 1 && fail "rejected"
	# With nothing left to say there is no helper either.
	no_helper() { ! pgrep -f "^gomemd-kube post https://127.0.0.1:$port/"; }
	eventually 120 no_helper
}

@test "what an event must be is judged: a field that there is not, another namespace, a message that is too long" {
	local change
	printf '{"apiVersion":"v1","kind":"Event","metadata":{"name":"a.1","namespace":"shop"},"involvedObject":{"apiVersion":"v1","kind":"Pod","namespace":"shop","name":"a","uid":"u"},"type":"Warning","reason":"R","message":"m","count":1,"firstTimestamp":"2023-11-14T22:13:20Z","lastTimestamp":"2023-11-14T22:13:20Z","source":{"component":"gomemd","host":"n"},"reportingComponent":"gomemd","reportingInstance":"n"}' >"$scratch/event"
	"$(cat "$BATS_FILE_TMPDIR/manifests")" -events <"$scratch/event"
	for change in '.note = "n"' '.Count = 2' '.metadata.namespace = "other"' '.message = ([range(1025) | "m"] | add)' \
		'.count = 0' '.lastTimestamp = "2023-11-14T22:13:19Z"' '.metadata.name = "A_1"'; do
		jq -c "$change" "$scratch/event" >"$scratch/changed"
		run "$(cat "$BATS_FILE_TMPDIR/manifests")" -events <"$scratch/changed"
		[ "$status" -eq 1 ] || fail "$change: $output"
	done
}

@test "a token that was replaced is read again, and the event is made with it" {
	control '{"token": "second"}'
	watch
	limit 6600000
	eventually 120 says "$scratch/log" "Cannot send alerts to the Kubernetes API at 127.0.0.1:$port: it says 401; it does not take the token"
	queued 1
	echo second >"$scratch/token"
	eventually 120 events 1
	server '.calls[-1].bearer == "Bearer second" and ([.calls[].path] | unique | length) == 1'
	eventually 120 says "$scratch/log" 'The Kubernetes API takes alerts again'
}

@test "403 is said once, with what would mend it, keeps nothing waiting, and the alert is told when it is mended" {
	control '{"fault": "status", "code": 403}'
	watch
	limit 6600000
	eventually 120 told rejected 1
	queued 0
	eventually 120 told rejected 2
	says "$scratch/log" 'it says 403; the service account needs create and patch of events in all namespaces (deploy/kubernetes/components/kube-events)'
	[ "$(grep -c 'it says 403' "$scratch/log")" -eq 1 ] || fail "$(cat "$scratch/log")"
	control '{"fault": null}'
	eventually 120 events 1
}

@test "a server that was away is told in order, what had no room is counted, and what it has forgotten is made again" {
	watch "alert_queue = 1"
	stop "$stub"
	limit 6600000
	eventually 120 told failed 1
	queued 1
	limit 268435456
	eventually 120 told dropped 1
	serve "$port"
	control '{"token": "first"}'
	eventually 120 events 2
	server '[.calls[].body | .type] == ["Warning", "Normal"] and ([.events[].type] == ["Warning", "Normal"])'
	control '{"forget": true}'
	limit 6600000
	eventually 120 events 1
	server '.events[0].type == "Warning" and ([.calls[] | select(.method == "POST").body.count] == [1, 1, 2])'
	! says "$scratch/log" 'it says 404'
}

@test "a redirect is not followed, and whoever waits for an answer has no rights" {
	local helper process confined=0
	watch
	control '{"fault": "redirect"}'
	limit 6600000
	eventually 120 told failed 1
	control '{"fault": "slow"}'
	waits() { helper=$(pgrep -f "^gomemd-kube post https://127.0.0.1:$port/" | head -n 1) && [ -n "$helper" ] && [ -n "$(pgrep -P "$helper")" ]; }
	eventually 120 waits
	process=$(pgrep -P "$helper")
	may_do_nothing() {
		grep -qP '^Uid:\t65534\t65534\t65534\t65534$' "/proc/$process/status" &&
			grep -qP '^CapEff:\t0+$' "/proc/$process/status" && grep -qP '^NoNewPrivs:\t1$' "/proc/$process/status" &&
			grep -qP '^Seccomp:\t2$' "/proc/$process/status"
	}
	eventually 120 may_do_nothing
	# The one that reads the token keeps the user, and no right.
	grep -qP '^CapEff:\t0+$' "/proc/$helper/status"
	grep -qP '^Seccomp:\t2$' "/proc/$helper/status"
	control '{"fault": null}'
	# That one's status came, and was enough; what it is for is not known here: it fires on.
	eventually 120 told sent 1
}

@test "another CA's certificate is refused before the token is told" {
	ca=$BATS_FILE_TMPDIR/other.ca
	watch
	limit 6600000
	eventually 120 says "$scratch/log" "Cannot send alerts to the Kubernetes API at 127.0.0.1:$port: its certificate is not trusted"
	server '.calls == []'
	queued 1
}

@test "without kube_api it is the pod's own server, which is asked for nothing; outside of a cluster it is said" {
	export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=$port
	watch "kube_api = off"
	unset KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT
	limit 6600000
	eventually 120 events 1
	asked '. == []'
	stop "$scene"
	rm -r "$scratch/root" "$scratch/log"
	watch "kube_api = off"
	says "$scratch/log" 'alert_events = yes, but there is no KUBERNETES_SERVICE_HOST'
	limit 6600000
	firing() { figures | grep -qx 'gomemd_alerts_firing 1'; }
	eventually 120 firing
	! figures | grep -q 'receiver="events"'
}

@test "a pod without a name has no event, which is said once; when its name is known it has" {
	nameless=1
	watch
	limit 6600000
	eventually 120 says "$scratch/log" 'is no Kubernetes event, nor is any other of what is in no pod'
	server '.calls == []'
	queued 0
	put "$(pod)"
	eventually 120 events 1
	server '.events[0].involvedObject | .name == "cart-7d4b9c6f5-x2x9z" and has("fieldPath") == false'
	[ "$(grep -c 'is no Kubernetes event' "$scratch/log")" -eq 1 ]
}
