# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2034,SC2154 # the variables of jq; those of lib.bash, and those of the tests
#
# What the tests of the Kubernetes API share: a stub of its server over TLS, and a daemon that looks at a pod's container.

uid=11111111-2222-3333-4444-555555555555
id=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
slice=kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid//-/_}.slice
cgroup=$slice/cri-containerd-$id.scope

# certify NAME: a CA, and a certificate of it for 127.0.0.1.
certify() {
	local at=$BATS_FILE_TMPDIR/$1 key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
	openssl req -x509 "${key[@]}" -keyout "$at.ca-key" -out "$at.ca" -days 2 -subj "/CN=$1"
	openssl req "${key[@]}" -keyout "$at.key" -out "$at.request" -subj /CN=api
	openssl x509 -req -in "$at.request" -CA "$at.ca" -CAkey "$at.ca-key" -CAcreateserial -days 2 -out "$at.crt" \
		-extfile <(echo subjectAltName=IP:127.0.0.1)
}

kube_setup_file() {
	build srv 1.24
	certify good 2>"$BATS_FILE_TMPDIR/openssl"
	certify other 2>>"$BATS_FILE_TMPDIR/openssl"
}

kube_setup() {
	scratch=$BATS_TEST_TMPDIR
	serve
	echo first >"$scratch/token"
	control '{"token": "first"}'
}

# serve [PORT]: the stub, there or anywhere.
serve() {
	start_ready python3 "$top/tests/native/kube_stub.py" "$BATS_FILE_TMPDIR/good.crt" "$BATS_FILE_TMPDIR/good.key" "$@"
	stub=$started
	read -r _ port < <(grep '^ready' "$ready_output")
}

# control ORDER
control() {
	curl -sS --max-time 20 --cacert "$BATS_FILE_TMPDIR/good.ca" "https://127.0.0.1:$port/control" -d "$1" >/dev/null
}

# asked FILTER... of the list of all requests.
asked() {
	curl -sS --max-time 20 --cacert "$BATS_FILE_TMPDIR/good.ca" "https://127.0.0.1:$port/control" | jq -e "$@" >/dev/null
}

# pod [FILTER]: the workload's own, changed by it.
pod() {
	jq -cn --arg uid "$uid" '{kind: "Pod", metadata: {name: "cart-7d4b9c6f5-x2x9z", namespace: "shop", uid: $uid,
		labels: {app: "cart", "pod-template-hash": "7d4b9c6f5"},
		annotations: {"gomemd.io/note": "as is", "kubectl.kubernetes.io/other": "no"},
		ownerReferences: [{kind: "ReplicaSet", name: "cart-api-7d4b9c6f5", controller: true}]},
		spec: {nodeName: "node-1", containers: [{name: "api", resources: {
			requests: {cpu: "250m", memory: "128Mi"}, limits: {memory: "256Mi"}}}]}} | '"${1:-.}"
}

put() {
	control "{\"put\": $1}"
}

# govern [SETTING...]: with nameless=1 there is nothing on the node that the pod is named by.
govern() {
	if [ -z "${nameless:-}" ]; then
		mkdir -p "$scratch/root/var/log/pods/shop_cart-7d4b9c6f5-x2x9z_$uid/api" "$scratch/root/var/log/containers"
		: >"$scratch/root/var/log/containers/cart-7d4b9c6f5-x2x9z_shop_api-$id.log"
	fi
	start unshare --mount "$top/tests/native/kube_scene.sh" "$scratch" "$(built srv 1.24 | head -n 1)" "$cgroup" \
		"kube_api = https://127.0.0.1:$port" "kube_node = node-1" "kube_token_file = $scratch/token" \
		"kube_ca_file = ${ca:-$BATS_FILE_TMPDIR/good.ca}" "$@" >"$scratch/scene.log" 2>&1
	scene=$started
}

ctl() {
	alive "$scene" || { cat "$scratch/scene.log" "$scratch/log"; return 3; }
	"$gomemctl" --socket "$scratch/run/control.sock" "$@"
}
