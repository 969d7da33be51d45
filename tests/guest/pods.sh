# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For tests of pods without a container runtime: ". /t/pods.sh" after govern.sh. Scopes and files in /var/log as the kubelet
# with systemd's driver and containerd make them.

logs=/var/log
at_exit 'rm -rf /var/log/pods /var/log/containers'
outs=()
# shellcheck disable=SC2016,SC2154 # evaluated at the end
at_exit '[ "$code" -eq 0 ] || tail -n 3 "${outs[@]}" >&3'
rm -rf "$logs/pods" "$logs/containers"

# id_of WORD: 64 hexadecimal digits.
id_of() {
	sha256sum <<<"$1" | cut -c1-64
}

# The kubelet's slices. slice_of CLASS UID: what systemd has for the dashes.
slice_of() {
	local class=
	[ "$1" = guaranteed ] || class=-$1
	echo "kubepods$class-pod${2//-/_}.slice"
}

# pod_dir NAMESPACE POD UID CONTAINER...: before the pod's containers begin.
pod_dir() {
	local dir=$logs/pods/$1_$2_$3
	shift 3
	for c; do mkdir -p "$dir/$c"; done
}

# pod_link NAMESPACE POD UID CONTAINER ID: soon after one has.
pod_link() {
	mkdir -p "$logs/containers"
	ln -s "$logs/pods/$1_$2_$3/$4/0.log" "$logs/containers/$2_$1_$4-$5.log"
}

# container NAME CLASS UID ID PROPERTY... -- FLAG...: a scope as the runtime's, with a Go service; $pid.
container() {
	local name=$1 class=$2 uid=$3 id=$4 properties=()
	shift 4
	while [ "$1" != -- ]; do
		properties+=("--property=$1")
		shift
	done
	shift
	rm -f "/run/$name.out"
	outs+=("/run/$name.out")
	at_exit "systemctl stop cri-containerd-$id.scope"
	systemd-run --quiet --collect --scope --unit="cri-containerd-$id" --slice="$(slice_of "$class" "$uid")" \
		"${properties[@]}" -- "$PROGRAMS/srv-1.24-plain" "$@" >"/run/$name.out" 2>&1 </dev/null &
	pid=$!
	eventually 30 srv_ready "$name"
	same "the program of $name" srv-1.24-plain "$(basename "$(readlink "/proc/$pid/exe")")"
}

# sandbox CLASS UID: what holds a pod's cgroup while its containers come and go.
sandbox() {
	local id
	id=$(id_of "sandbox $2")
	at_exit "systemctl stop cri-containerd-$id.scope"
	systemd-run --quiet --collect --scope --unit="cri-containerd-$id" --slice="$(slice_of "$1" "$2")" -- \
		sleep infinity >/dev/null 2>&1 </dev/null &
}

limited() { probe_not "$1" memory_limit_bytes null; }
limited_below() { local l && l=$(probe "$1" memory_limit_bytes) && [ "$l" != null ] && [ "$l" -lt "$2" ]; }
limited_above() { local l && l=$(probe "$1" memory_limit_bytes) && [ "$l" != null ] && [ "$l" -gt "$2" ]; }
