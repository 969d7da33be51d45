# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For tests with pods: ". /t/kube.sh" after lib.sh and govern.sh. The container runtime is Debian's, and cripod (tests/programs)
# stands in for the kubelet. Images: localhost/pause:1 and localhost/programs:1, which has the test programs in its root; a test
# that wants gomemd's own imports /t/gomemd.tar.

image=localhost/programs:1

# kube_start: containerd with the systemd driver, its images loaded; once a boot.
kube_start() {
	[ ! -e /run/kube-started ] || return 0
	mkdir -p /etc/containerd
	cat >/etc/containerd/config.toml <<-'T'
		version = 2
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "localhost/pause:1"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		  runtime_type = "io.containerd.runc.v2"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
		  SystemdCgroup = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		  bin_dir = "/usr/lib/cni"
	T
	# What joins a pod with a network of its own to the node.
	mkdir -p /etc/cni/net.d
	cat >/etc/cni/net.d/10-pods.conflist <<-'T'
		{"cniVersion": "1.0.0", "name": "pods", "plugins": [
		  {"type": "ptp", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]]}}]}
	T
	# A pod of the node's network gets a copy.
	: >>/etc/resolv.conf
	systemctl restart containerd
	eventually 30 ctr version
	load_image localhost/pause:1 pause
	load_image "$image" srv-1.24-plain srv-1.22-plain leaker-1.24-plain hold endpoint-1.24-plain
	: >/run/kube-started
}

# load_image NAME PROGRAM...
load_image() {
	local name=$1 programs=()
	shift
	programs=("${@/#/$PROGRAMS/}")
	"$PROGRAMS/cripod" image "$name" "${programs[@]}" | ctr -n k8s.io images import -
}

# container NAME [KEY=NUMBER...] -- COMMAND...: describes one; keys as cripod has them.
container() {
	local name=$1 figures='{}'
	shift
	while [ "$1" != -- ]; do
		figures=$(jq -c --arg key "${1%%=*}" --argjson value "$((${1#*=}))" '.[$key] = $value' <<<"$figures")
		shift
	done
	shift
	jq -nc --arg name "$name" --arg image "$image" --argjson figures "$figures" \
		'{name: $name, image: $image, command: $ARGS.positional} + $figures' --args -- "$@"
}

# pod NAMESPACE NAME UID [NETWORK] < <(container...): the pod of these containers, started when this returns and removed when the
# test ends. NETWORK is "pod" for one of its own; else it has the node's.
pod() {
	jq -s --arg ns "$1" --arg name "$2" --arg uid "$3" --arg network "${4:-}" \
		'{namespace: $ns, name: $name, uid: $uid, network: $network, containers: .}' >"/run/pod-$2.json"
	at_exit "cripod stop '$1/$2'"
	cripod run "/run/pod-$2.json"
}

# agent PROFILE NAME UID [FILTER]: the pod of the DaemonSet of deploy/kubernetes/overlays/PROFILE, as the cluster would name it;
# FILTER is what a kustomization of the cluster's own changes in it, in jq's words.
agent() {
	jq --arg name "$2" --arg uid "$3" ".name = \$name | .uid = \$uid | ${4:-.}" "/t/agent-$1.json" >"/run/pod-$2.json"
	at_exit "cripod stop 'gomemd/$2'"
	cripod run "/run/pod-$2.json"
}

cripod() {
	"$PROGRAMS/cripod" "$@"
}

# pod_id NS/POD/CONTAINER: the container's id, by what the kubelet leaves in /var/log/containers.
pod_id() {
	local ns name container files
	IFS=/ read -r ns name container <<<"$1"
	files=("/var/log/containers/${name}_${ns}_$container-"*.log)
	[ -L "${files[0]}" ] || fail "no log of $1"
	files=("${files[0]##*-}")
	printf '%s\n' "${files[0]%.log}"
}

# pod_cgroup NS/POD/CONTAINER: the directory of its cgroup, by the kernel.
pod_cgroup() {
	local id found
	id=$(pod_id "$1")
	# shellcheck disable=SC2154 # lib.sh's
	found=$(find "$cgroot/kubepods.slice" -type d -name "cri-containerd-$id.scope")
	[ -n "$found" ] || fail "no cgroup of $1"
	printf '%s\n' "$found"
}

# pod_pid NS/POD/CONTAINER: its first process.
pod_pid() {
	local cgroup
	cgroup=$(pod_cgroup "$1")
	head -n 1 "$cgroup/cgroup.procs"
}

# pod_log NS/POD/CONTAINER: what it has said.
pod_log() {
	cat "/var/log/containers/"*"-$(pod_id "$1").log"
}

pod_said() {
	pod_log "$1" | grep -q -e "$2"
}

# pod_alerts NS/POD/CONTAINER: the records of its alerts, one JSON object a line.
pod_alerts() {
	journalctl --sync
	journalctl -o json --no-pager MESSAGE_ID=918d95ed3dc84462b00bdb3ed12b65bb GOMEMD_WORKLOAD="$1"
}
