#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # the variables of jq; those of lib.bash
#
# What the API server says of a pod, from a stub of one over TLS: names, labels, annotations, owner, requests and limits, and
# their changes; what of it selects a policy and lowers a mode; and a server that is slow, endless, hostile, or gone, which
# takes nothing away.

load lib.bash
load kube.bash

setup_file() {
	kube_setup_file
}

setup() {
	kube_setup
}

teardown() {
	stop_all
}

# other N: pods that no workload is of.
others() {
	local i
	for ((i = 0; i < $1; i++)); do
		put "$(pod ".metadata.uid = \"00000000-0000-0000-0000-00000000000$i\" | .metadata.name = \"a-$i\"")"
	done
}

namespace() {
	jq -cn --arg mode "$1" '{kind: "Namespace", metadata: {name: "shop", uid: "22222222-0000-0000-0000-000000000000",
		labels: {"gomemd.io/mode": $mode}}}'
}

# explains FILTER: holds of what explain says.
explains() {
	ctl explain "/$cgroup" --json >"$scratch/explain" || return $?
	jq -e ".explain | ($1)" "$scratch/explain" >/dev/null || { cat "$scratch/explain" "$scratch/log"; return 1; }
}

api() {
	ctl status --json >"$scratch/status" || return $?
	jq -e ".daemon.kubernetes_api | $1" "$scratch/status" >/dev/null ||
		{ jq -c .daemon.kubernetes_api "$scratch/status"; cat "$scratch/log"; return 1; }
}

knows_cart='.kubernetes.labels.app == "cart"'

@test "labels, annotations, owner, requests and limits, and their changes" {
	put "$(pod)"
	others 5
	govern
	eventually 30 explains "$knows_cart"
	eventually 10 explains '.kubernetes | .annotations == {"gomemd.io/note": "as is"} and .owner == "cart-api" and
		.controller == {kind: "ReplicaSet", name: "cart-api-7d4b9c6f5"} and .resources == {cpu_request_millicores: 250,
		cpu_limit_millicores: null, memory_request_bytes: 134217728, memory_limit_bytes: 268435456}'
	api '.pods | .outcome == "ok" and .listed and .objects == 6'
	asked 'any(.path == "/api/v1/pods" and (.query.fieldSelector | endswith(",spec.nodeName=node-1")) and .query.limit and .query.continue)'
	asked 'any(.query.watch and .query.allowWatchBookmarks == "true" and .query.resourceVersion)'
	asked 'map(select(.path == "/api/v1/namespaces" and (.accept | contains("PartialObjectMetadata") | not))) == []'
	put "$(pod '.metadata.labels.app = "till" | .spec.containers[0].resources.limits.memory = "1Gi"')"
	eventually 10 explains '.kubernetes | .labels.app == "till" and .resources.memory_limit_bytes == 1073741824'
	control "{\"delete\": $(pod)}"
	eventually 10 explains '.kubernetes | has("labels") | not'
}

@test "a pod without files is named by it" {
	put "$(pod)"
	govern
	rm -r "$scratch/root/var/log"
	eventually 30 explains '.kubernetes | .namespace == "shop" and .pod == "cart-7d4b9c6f5-x2x9z" and .container == null'
}

@test "a bookmark is gone on from, 410 is listed anew, and what is in no list is gone" {
	put "$(pod)"
	others 3
	govern
	eventually 30 explains "$knows_cart"
	control '{"bookmark": true}' # 105: the objects were 101 to 104
	control '{"fault": null}'    # watches end
	eventually 20 asked 'any(.path == "/api/v1/pods" and .query.watch and (.query.resourceVersion | tonumber) >= 105)'
	before=$(curl -sS --cacert "$BATS_FILE_TMPDIR/good.ca" "https://127.0.0.1:$port/control" |
		jq 'map(select(.path == "/api/v1/pods" and (.query.watch | not))) | length')
	control '{"expire": true}'
	eventually 30 asked --argjson n "$before" 'map(select(.path == "/api/v1/pods" and (.query.watch | not))) | length > $n'
	put "$(pod '.metadata.labels.app = "after"')"
	eventually 30 explains '.kubernetes.labels.app == "after"'
	# What was deleted while nobody was told of it.
	control '{"fault": "status", "code": 503}'
	control "{\"delete\": $(pod)}"
	control '{"expire": true}'
	control '{"fault": null}'
	eventually 30 explains '.kubernetes | has("labels") | not'
}

@test "a token that was replaced is read again" {
	put "$(pod)"
	govern
	eventually 30 explains "$knows_cart"
	control '{"token": "second"}'
	control '{"fault": null}'
	eventually 20 api '.pods | .outcome == "status" and .http_status == 401'
	explains "$knows_cart"
	echo second >"$scratch/token"
	put "$(pod '.metadata.labels.app = "till"')"
	eventually 60 explains '.kubernetes.labels.app == "till"'
	asked 'any(.bearer == "Bearer second")'
}

@test "another CA's certificate, and a name that it is not for, are refused before the token is told" {
	put "$(pod)"
	ca=$BATS_FILE_TMPDIR/other.ca
	govern
	eventually 20 api '.pods.outcome == "unverified"'
	asked '. == []'
	stop "$scene"
	ca=
	rm -r "$scratch/root"
	govern "kube_api = https://127.0.0.2:$port"
	eventually 20 api '.pods.outcome == "unreachable" or .pods.outcome == "unverified"'
	asked '. == []'
}

@test "whatever goes wrong, what is known stays, and what is right again is heard" {
	put "$(pod)"
	govern
	eventually 30 explains "$knows_cart"
	while read -r fault code outcome; do
		control "{\"fault\": \"$fault\", \"code\": $code}"
		control '{"expire": true}'
		eventually 40 api ".pods.outcome == \"$outcome\"" || fail "$fault"
		explains "$knows_cart and .kubernetes.pod == \"cart-7d4b9c6f5-x2x9z\"" || fail "$fault"
		control '{"fault": null}'
		eventually 40 api '.pods.outcome == "ok" and .namespaces.outcome == "ok"' || fail "after $fault"
		# Events by a watch end the pauses that grow.
		put "$(pod ".metadata.annotations[\"gomemd.io/note\"] = \"$fault $code\"")"
		put "$(namespace recommend)"
		eventually 20 explains ".kubernetes.annotations[\"gomemd.io/note\"] == \"$fault $code\"" || fail "after $fault"
	done <<-'FAULTS'
		status 403 status
		status 500 status
		redirect 0 status
		deep 0 too-large
		cut 0 garbled
		same-page 0 garbled
		endless 0 too-large
		slow 0 timeout
	FAULTS
	put "$(pod '.metadata.labels.app = "till"')"
	eventually 40 explains '.kubernetes.labels.app == "till"'
	stop "$stub"
	eventually 20 api '.pods.outcome != "ok"'
	explains '.kubernetes.labels.app == "till"'
}

@test "hostile names and types are left out and counted, and harm nobody" {
	put "$(pod '.metadata.labels.evil = "a\nb" | .metadata.labels["k\u001b[31m"] = "v" | .metadata.labels.n = 7 |
		.metadata.annotations["gomemd.io/e"] = "\u001b[2J" | .spec.containers += [7, {name: "UP"}, {name: "x",
		resources: {requests: {cpu: "1e999", memory: []}}}] | .metadata.ownerReferences += [{kind: 1, controller: true}]')"
	put "$(pod '.metadata.uid = "../../etc" | .metadata.name = "b"')"
	put "$(pod '.metadata.uid = 7 | .metadata.name = "c"')"
	put "$(pod '.metadata.uid = "33333333-0000-0000-0000-000000000000" | .metadata.name = "Bad\nName"')"
	govern
	eventually 30 explains "$knows_cart and .kubernetes.left_out >= 6"
	explains '.kubernetes.labels | keys == ["app", "pod-template-hash"]'
	api '.pods.objects == 1 and .left_out >= 3 and .refused == 0'
	control '{"raw": "no json\n", "resource": "pods"}'
	put "$(pod '.metadata.labels.app = "till"')"
	eventually 30 explains '.kubernetes.labels.app == "till"'
}

@test "one pod that is too much is left out, and no other" {
	# As many values as no object of use has, and a text full of commas, which is one.
	pod '.metadata.name = "a-large" | .metadata.uid = "44444444-0000-0000-0000-000000000000" |
		.spec.containers[0].args = [range(300000) | ""]' | jq -c '{put: .}' >"$scratch/large"
	pod '.metadata.name = "b-commas" | .metadata.uid = "55555555-0000-0000-0000-000000000000" |
		.spec.containers[0].args = [[range(300000) | ","] | add]' | jq -c '{put: .}' >"$scratch/commas"
	control "@$scratch/large"
	control "@$scratch/commas"
	put "$(pod)"
	govern
	eventually 30 explains "$knows_cart"
	api '.pods | .outcome == "ok" and .listed and .objects == 2'
	# And while it is watched.
	control "@$scratch/large"
	put "$(pod '.metadata.labels.app = "till"')"
	eventually 20 explains '.kubernetes.labels.app == "till"'
	api '.left_out >= 2 and .pods.outcome == "ok"'
}

# fares FILTER: of the row of features.
fares() {
	ctl features --json >"$scratch/features" || return $?
	jq -e ".features[] | select(.name == \"kube-api\") | $1" "$scratch/features" >/dev/null ||
		{ jq -c '.features[] | select(has("configured"))' "$scratch/features"; tail -n 20 "$scratch/log"; return 1; }
}

# figure NAME: of the metrics.
figure() {
	curl -sS --max-time 4 --unix-socket "$scratch/metrics.sock" http://localhost/metrics | sed -n "s/^gomemd_kube_api_$1 //p"
}

@test "how it fares: by features and by metrics, up, down, up again, and how old its last word is" {
	local before
	put "$(pod)"
	govern "metrics_listen = $scratch/metrics.sock"
	eventually 30 fares '.configured and .works == true and .for_usec >= 0 and .last_word_age_usec >= 0'
	fares '.last_error == null and .last_error_age_usec == null and (has("error") | not)'
	[ "$(figure up) $(figure errors_total)" = "1 0" ] || fail "$(figure up) $(figure errors_total)"
	ctl features | grep -qE '^kube-api +works for [0-9]+ s; its last word [0-9]+ s ago$' || fail "$(ctl features)"
	# A quiet watch grows older, until a bookmark comes.
	eventually 30 fares '.last_word_age_usec > 3000000'
	before=$(figure age_seconds)
	control '{"bookmark": true}'
	younger() { jq -en --argjson a "$(figure age_seconds)" --argjson b "$before" '$a < $b' >/dev/null; }
	eventually 10 younger
	control '{"fault": "status", "code": 503}'
	control '{"expire": true}'
	eventually 40 fares '.works == false and (.error | test("^(pods|namespaces): HTTP status 503$")) and .lost and .mend and
		.last_error == .error'
	[ "$(figure up)" = 0 ] && [ "$(figure errors_total)" -ge 1 ]
	ctl features | grep -qE '^kube-api +missing for [0-9]+ s; .*; its last error [0-9]+ s ago: (pods|namespaces): HTTP status 503$' ||
		fail "$(ctl features)"
	control '{"fault": null}'
	eventually 60 fares '.works == true and (has("error") | not) and (.last_error | contains("HTTP status"))'
	[ "$(figure up)" = 1 ] && [ "$(figure errors_total)" -ge 1 ]
	stop "$stub"
	eventually 40 fares '.works == false and (.error | test("unreachable|garbled|timeout"))'
}

@test "where one of its processes has ended all of them end, and begin anew" {
	put "$(pod)"
	govern
	eventually 30 explains "$knows_cart"
	followers() { pgrep -x gomemd-kubeapi | sort; }
	# Those of another scene end within seconds.
	two() { [ "$(followers | wc -l)" -eq 2 ]; }
	eventually 30 two
	before=$(followers)
	kill -KILL "$(head -n 1 <<<"$before")"
	others_now() { [ "$(followers | wc -l)" -eq 2 ] && [ -z "$(comm -12 <(echo "$before") <(followers))" ]; }
	eventually 30 others_now
	explains "$knows_cart"
	put "$(pod '.metadata.labels.app = "till"')"
	eventually 30 explains '.kubernetes.labels.app == "till"'
}

@test "labels and annotations select a tier of their namespace" {
	cat >"$scratch/policy.ini" <<-'INI'
		[tier other]
		priority = 9
		namespace = shop
		label = app=till-*
		mode = observe
		[tier cart]
		priority = 8
		namespace = shop
		label = app=ca?t
		annotation = gomemd.io/note=as*
		mode = recommend
	INI
	put "$(pod)"
	govern
	eventually 30 explains '.tier == "cart" and .mode == "recommend" and .mode_source == "tier"'
	put "$(pod '.metadata.labels.app = "till-1"')"
	eventually 10 explains '.tier == "other" and .mode == "observe"'
}

@test "a namespace's label opts in and out, a pod's annotation only out" {
	put "$(pod)"
	govern "mode = observe"
	eventually 30 explains "$knows_cart"' and .mode == "observe" and .mode_source == "daemon"'
	put "$(pod '.metadata.annotations["gomemd.io/mode"] = "enforce"')"
	eventually 10 explains '.kubernetes.annotations["gomemd.io/mode"] == "enforce" and .mode == "observe"'
	put "$(namespace enforce)"
	eventually 10 explains '.mode == "enforce" and .mode_source == "namespace" and .kubernetes.namespace_mode == "enforce"'
	put "$(pod '.metadata.annotations["gomemd.io/mode"] = "recommend"')"
	eventually 10 explains '.mode == "recommend" and .mode_source == "pod"'
	# What cannot be read is no leave.
	put "$(pod '.metadata.annotations["gomemd.io/mode"] = "enforce\n"')"
	eventually 10 explains '.mode == "observe" and .mode_source == "pod"'
	put "$(pod)"
	put "$(namespace observe)"
	eventually 10 explains '.mode == "observe" and .mode_source == "namespace"'
	control "{\"delete\": $(namespace observe)}"
	eventually 10 explains '.mode == "observe" and .mode_source == "daemon"'
}
