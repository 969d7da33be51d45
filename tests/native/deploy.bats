#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # those of lib.bash
#
# What is shipped for a cluster: manifests are rendered by kustomize and decoded strictly, the image is built and runs with the
# rights that each of them gives, a ConfigMap that changes is read, and what a dashboard asks for is there.

load lib.bash
# shellcheck source=tests/lib/promised.sh
. "$BATS_TEST_DIRNAME/../lib/promised.sh"

setup_file() {
	"$top/tests/lib/programs.sh" kustomize >"$BATS_FILE_TMPDIR/kustomize"
	"$top/tests/lib/manifests.sh" >"$BATS_FILE_TMPDIR/manifests"
	build srv 1.24
	make -s -C "$top" all
}

setup() {
	kubernetes=$top/deploy/kubernetes
	kustomize=$(cat "$BATS_FILE_TMPDIR/kustomize")
	manifests=$(cat "$BATS_FILE_TMPDIR/manifests")
	scratch=$BATS_TEST_TMPDIR
}

# daemon_of PID: that which it runs, as buildah does by several processes, of which none passes a signal on.
daemon_of() {
	local pid=$1
	until [ "$(cat "/proc/$pid/comm")" = gomemd ]; do pid=$(pgrep -o -P "$pid") || return 1; done
	printf '%s\n' "$pid"
}

stop_daemons() {
	local pid daemon
	for pid; do
		daemon=$(daemon_of "$pid" 2>/dev/null) || continue
		kill -TERM "$daemon"
		eventually 20 dead "$pid"
	done
}

teardown() {
	stop_daemons "${started_pids[@]}"
	stop_all
}

# render OVERLAY [COMPONENT...]: of deploy/, as a cluster's own kustomization has them. To $scratch/yaml, and what is in it to
# $scratch/objects.
render() {
	local component
	mkdir -p "$scratch/cluster"
	{
		printf 'resources: [%s]\ncomponents:\n' "$(realpath --relative-to="$scratch/cluster" "$kubernetes/overlays/$1")"
		for component in "${@:2}"; do
			printf -- '- %s\n' "$(realpath --relative-to="$scratch/cluster" "$top/deploy/$component")"
		done
	} >"$scratch/cluster/kustomization.yaml"
	"$kustomize" build "$scratch/cluster" >"$scratch/yaml" 2>"$scratch/said" || fail "$(cat "$scratch/said")" || return 1
	[ ! -s "$scratch/said" ] || fail "kustomize says: $(cat "$scratch/said")" || return 1
	"$manifests" <"$scratch/yaml" >"$scratch/objects" 2>"$scratch/said" || fail "$1:" "$(cat "$scratch/said")"
}

data() {
	"$manifests" -data "$1" <"$scratch/yaml"
}

capabilities() {
	sed -n 's/^capabilities //p' "$scratch/objects"
}

has() {
	grep -qx "$1" "$scratch/objects" || fail "no $1 in:" "$(cat "$scratch/objects")"
}

lacks() {
	! grep -q "$1" "$scratch/objects" || fail "$1 in:" "$(cat "$scratch/objects")"
}

# settings_hold WANTED...: gomemd takes gomemd.conf without a word, and these lines are in it.
settings_hold() {
	local line
	data gomemd-config/gomemd.conf >"$scratch/gomemd.conf"
	run "$top/build/gomemd" --check-config --config "$scratch/gomemd.conf"
	[ "$status" -eq 0 ] && [ -z "$output" ] || fail "$output" || return 1
	for line; do grep -qxF -- "$line" "$scratch/gomemd.conf" || fail "no '$line' in:" "$(cat "$scratch/gomemd.conf")" || return 1; done
}

@test "reduced: every object is one of its API, and nothing of it writes" {
	render reduced
	has 'apps/v1 DaemonSet gomemd'
	has 'networking.k8s.io/v1 NetworkPolicy gomemd'
	lacks rbac
	[ "$(capabilities)" = "SYS_PTRACE DAC_READ_SEARCH SETUID SETGID KILL BPF PERFMON" ]
	settings_hold 'reload_on_change = yes'
	! grep -q '^mode' "$scratch/gomemd.conf"
	data gomemd-policies/60-cluster.ini >"$scratch/60-cluster.ini"
	[ -s "$scratch/60-cluster.ini" ]
}

@test "full: with the rights to act, and told to" {
	render full
	[ "$(capabilities)" = "SYS_PTRACE DAC_READ_SEARCH SETUID SETGID KILL BPF PERFMON DAC_OVERRIDE SYS_ADMIN" ]
	settings_hold 'reload_on_change = yes' 'mode = enforce'
	lacks local-config
}

@test "components: all of them with either, each adding what is its own" {
	local overlay
	for overlay in reduced full; do
		render "$overlay" kubernetes/components/kube-api kubernetes/components/kube-events kubernetes/components/podmonitor \
			kubernetes/components/selinux grafana
		has 'rbac.authorization.k8s.io/v1 ClusterRole gomemd'
		has 'rbac.authorization.k8s.io/v1 ClusterRole gomemd-events'
		has 'rbac.authorization.k8s.io/v1 ClusterRoleBinding gomemd'
		has 'monitoring.coreos.com/v1 PodMonitor gomemd'
		has 'v1 ConfigMap gomemd-dashboard'
		data gomemd-config/gomemd.conf >"$scratch/gomemd.conf"
		grep -qx 'kube_api = in-cluster' "$scratch/gomemd.conf"
		grep -qx 'alert_events = yes' "$scratch/gomemd.conf"
		grep -q 'type: spc_t' "$scratch/yaml"
		[ "$overlay" = reduced ] || grep -qx 'mode = enforce' "$scratch/gomemd.conf"
	done
	data gomemd-dashboard/gomemd.json | jq -e '.panels | length > 10' >/dev/null
}

rights() {
	sed -n 's/^may //p' "$scratch/objects"
}

@test "a component that asks the API server has leave for what it is for, and for nothing else" {
	render reduced kubernetes/components/kube-api
	[ "$(rights)" = 'gomemd: get list watch of ["pods" "namespaces"] in [""]' ] || fail "$(rights)"
	settings_hold 'kube_api = in-cluster'
	! grep -q '^alert_events' "$scratch/gomemd.conf"
	render reduced kubernetes/components/kube-events
	[ "$(rights)" = 'gomemd-events: create patch of ["events"] in [""]' ] || fail "$(rights)"
	settings_hold 'alert_events = yes'
	! grep -q '^kube_api' "$scratch/gomemd.conf"
	grep -q 'automountServiceAccountToken: true' "$scratch/yaml"
}

@test "a field that the API does not have is refused, and so is what a cluster would find out later" {
	render full
	wrong() {
		sed "$1" "$scratch/yaml" >"$scratch/wrong"
		cmp -s "$scratch/yaml" "$scratch/wrong" && fail "nothing was changed by $1"
		run "$manifests" <"$scratch/wrong"
		[ "$status" -eq 1 ] && [[ $output == *"$2"* ]] || fail "$1: $status $output"
	}
	wrong 's/hostPID:/hostPid:/' hostPid
	wrong 's/  periodSeconds: 30/  periodSeconds: often/' periodSeconds
	wrong '/^ \{4,\}name: gomemd-policies/s/policies/others/' gomemd-others
	wrong 's/- ALL/- NET_RAW/' 'not all capabilities'
	wrong 's/maxSurge: 0/maxSurge: 1/' 'two daemons'
	wrong 's/allowPrivilegeEscalation: true/allowPrivilegeEscalation: false/' allowPrivilegeEscalation
	wrong 's|path: /var/lib/gomemd|path: /tmp/gomemd|' /var/lib/gomemd
	wrong 's/^kind: NetworkPolicy/kind: NetPolicy/' NetPolicy
}

@test "the rules are an object of the Prometheus operator, too, and the same" {
	"$top/deploy/prometheus/prometheusrule.sh" >"$scratch/yaml"
	"$manifests" <"$scratch/yaml" >"$scratch/objects"
	has 'monitoring.coreos.com/v1 PrometheusRule gomemd'
	[ "$(grep -c ' - alert: ' "$scratch/yaml")" -eq "$(grep -c ' - alert: ' "$top/deploy/prometheus/gomemd.rules.yml")" ]
}

# What the table of families makes of each name, as series have it.
families() {
	sed -nE '/^static const struct metrics_family of_/,/^};/s/^\t(WORKLOAD|DAEMON|WRITTEN)\("([a-z_]+)", ([A-Z]+), .*/\2 \3/p' \
		"$top/daemon/report/metrics_families.c" | while read -r name type; do
		case $type in
		COUNTER) printf '%s_total\n' "$name" ;;
		INFO) printf '%s_info\n' "$name" ;;
		HISTOGRAM) printf '%s\n' "$name"_{bucket,sum,count} ;;
		*) printf '%s\n' "$name" ;;
		esac
	done
}

@test "every metric that the dashboard and the rules ask for is one that is served" {
	local name
	families >"$scratch/families"
	[ "$(wc -l <"$scratch/families")" -gt 60 ]
	{
		jq -r '.. | .expr?, .definition? | strings' "$top/deploy/grafana/gomemd.json"
		# What the rules record themselves has a colon.
		sed -n 's/^ *expr: //p' "$top/deploy/prometheus/gomemd.rules.yml" | sed -E 's/[a-z_]+:[a-z_]+:[a-z0-9_]+//g'
	} | grep -oE '\bgomemd_[a-z_]+' | sort -u >"$scratch/asked"
	[ "$(wc -l <"$scratch/asked")" -gt 30 ]
	grep -vxFf "$scratch/families" "$scratch/asked" >"$scratch/missing" || return 0 # none
	fail "there is no: $(cat "$scratch/missing")"
}

@test "the dashboard's queries are PromQL" {
	jq -r '.. | .expr? | strings' "$top/deploy/grafana/gomemd.json" | awk '
		BEGIN { print "groups: [{name: g, rules: [" }
		{ gsub(/\$namespace|\$workload/, ".*"); gsub(/\047/, "\047\047"); printf "{record: \"a:b%d\", expr: \047%s\047},\n", NR, $0 }
		END { print "]}]" }' >"$scratch/queries.yml"
	run "$("$top/tests/lib/programs.sh" promtool@bookworm)" check rules "$scratch/queries.yml"
	[ "$status" -eq 0 ] || fail "$output"
}

# volume NAME TEXT: as the kubelet makes that of a ConfigMap, and changes it: the link ..data is replaced.
volume() {
	local dir=$scratch/volume version
	version=$(mktemp -d "$dir/..XXXXXX")
	printf '%s\n' "$2" >"$version/$1"
	ln -s "${version##*/}" "$dir/..data_tmp"
	mv -T "$dir/..data_tmp" "$dir/..data"
	[ -L "$dir/$1" ] || ln -s "..data/$1" "$dir/$1"
}

in_force() {
	"$gomemctl" --socket "$scratch/run/control.sock" show-config | grep -Eq "^$1 *= *$2( |\$)"
}

served() {
	curl -sS --max-time 10 --unix-socket "$scratch/metrics.sock" http://localhost/metrics | grep -qx "$1"
}

@test "a ConfigMap that changes is read; one with an error changes nothing, and that is told" {
	local common option
	common=$'[daemon]\nreload_on_change = yes\nprobes = no\nprocess_events = no\nmetrics_listen = '$scratch/metrics.sock
	mkdir -p "$scratch/volume" "$scratch/run" "$scratch/root/"{proc,etc/gomemd,sys/fs/cgroup}
	volume gomemd.conf "$common"
	GOMEMD_ROOT=$scratch/root STATE_DIRECTORY=$scratch/state RUNTIME_DIRECTORY=$scratch/run start "$top/build/gomemd" \
		--config "$scratch/volume/gomemd.conf" >"$scratch/log" 2>&1
	eventually 20 served 'gomemd_last_reload_successful 1'
	in_force interval 5s
	# A second one, as a pod beside a unit would be, and what would give back under the first's hands.
	for option in "--config=$scratch/none" --restore; do
		GOMEMD_ROOT=$scratch/root STATE_DIRECTORY=$scratch/state RUNTIME_DIRECTORY=$scratch/other run timeout 20 \
			"$top/build/gomemd" "$option"
		[ "$status" -eq 1 ] && [[ $output =~ "Another gomemd has"|"A gomemd runs" ]] || fail "$option beside another: $status $output"
	done
	volume gomemd.conf "$common"$'\ninterval = 17s'
	eventually 20 in_force interval 17s
	volume gomemd.conf "$common"$'\ninterval = soon'
	eventually 20 served 'gomemd_last_reload_successful 0'
	says "$scratch/log" 'gomemd.conf:6: interval = soon is not understood'
	says "$scratch/log" 'what was in force stays in force'
	in_force interval 17s
	volume gomemd.conf "$common"$'\ninterval = 18s'
	eventually 20 served 'gomemd_last_reload_successful 1'
	in_force interval 18s
	# Defaults are not what somebody means who moves it away for a moment.
	mv "$scratch/volume/gomemd.conf" "$scratch/volume/away"
	eventually 20 says "$scratch/log" 'gomemd.conf is gone: what was in force stays'
	in_force interval 18s
	volume gomemd.conf "$common"$'\ninterval = 16s'
	mv "$scratch/volume/away" "$scratch/volume/gomemd.conf"
	eventually 20 in_force interval 16s
	# A policy in a directory that was not there before is found by the next scan.
	mkdir -p "$scratch/root/etc/gomemd/policies.d"
	printf '[tier wrong\n' >"$scratch/root/etc/gomemd/policies.d/60-a.ini"
	eventually 90 served 'gomemd_last_reload_successful 0'
	rm "$scratch/root/etc/gomemd/policies.d/60-a.ini"
	eventually 20 served 'gomemd_last_reload_successful 1'
	# It is no longer so when they say so.
	volume gomemd.conf "${common/= yes/= no}"$'\ninterval = 19s'
	eventually 20 in_force interval 19s
	! ls -l "/proc/$started/fd" | grep -q inotify || [ "$(ls -l "/proc/$started/fd" | grep -c inotify)" -eq 1 ]
}

image() {
	buildah --storage-driver vfs --root "$BATS_FILE_TMPDIR/storage" --runroot "$BATS_FILE_TMPDIR/runroot" "$@"
}

# in_image "CAPABILITY..." COMMAND...: with these alone, as the manifests have it; "all" would drop those that are added, too.
in_image() {
	local options=(--isolation chroot) capability
	for capability in AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP \
		SETUID SYS_CHROOT; do
		[[ " $1 " == *" $capability "* ]] || options+=(--cap-drop "CAP_$capability")
	done
	for capability in $1; do options+=(--cap-add "CAP_$capability"); done
	image run "${options[@]}" -v "$scratch/config:/etc/gomemd/config:ro" -v "$scratch/run:/run/gomemd" \
		-v "$scratch/state:/var/lib/gomemd" "$container" -- "${@:2}"
}

@test "the image is built from Debian packages, again the same, and its daemon has the rights of each profile" {
	local overlay rights other ebpf='process-events|runtime-probes|kernel-events|goroutine-limit'
	[ "$(sed -n 's/^ *newTag: //p' "$kubernetes/base/kustomization.yaml")" = "$(sed -n 's/^VERSION := //p' "$top/Makefile")" ]
	OCI_ARCHIVE=$scratch/image.tar "$top/deploy/image/build.sh"
	OCI_ARCHIVE=$scratch/again.tar "$top/deploy/image/build.sh"
	cmp "$scratch/image.tar" "$scratch/again.tar"
	[ "$(tar xOf "$scratch/image.tar" index.json | jq -r '.manifests[].annotations["io.containerd.image.name"]')" = \
		"docker.io/library/gomemd:$(sed -n 's/^VERSION := //p' "$top/Makefile")" ]
	[ "$(stat -c %s "$scratch/image.tar")" -lt 30000000 ]
	# The profile of this buildah lets eBPF pass with SYS_ADMIN only.
	container=$(image from --security-opt seccomp=unconfined "oci-archive:$scratch/image.tar")
	mkdir -p "$scratch/config" "$scratch/run" "$scratch/state"
	[[ $(in_image "" /usr/bin/gomemctl --version) == "gomemctl "* ]]
	start setpriv --reuid 12345 --regid 12345 --clear-groups "$(built srv 1.24 | head -n 1)" -live 5 </dev/null >/dev/null 2>&1
	other=$started
	for overlay in reduced full; do
		render "$overlay"
		# A program of another user, by a parser that has lost all rights.
		probed() { in_image "$(capabilities)" /usr/bin/gomemctl probe "$other" --json | jq -e 'all(.gates[]; .ok)'; }
		eventually 20 probed
		# On the pod's own address in a cluster, and here on a socket; nor has a pod the network that the connector is of.
		data gomemd-config/gomemd.conf | sed 's|^metrics_listen = .*|metrics_listen = /run/gomemd/metrics.sock\nprocess_events = bpf|; /^mode/d' \
			>"$scratch/config/gomemd.conf"
		start in_image "$(capabilities)" /usr/sbin/gomemd --config /etc/gomemd/config/gomemd.conf >"$scratch/log" 2>&1
		answers() {
			curl -sS --max-time 10 --unix-socket "$scratch/run/metrics.sock" http://localhost/metrics >"$scratch/metrics" ||
				{ cat "$scratch/log"; return 1; }
		}
		eventually 30 answers
		rights=$(sed -n 's/^gomemd_build_info{.*rights="\([a-z]*\)".*/\1/p' "$scratch/metrics")
		[ "$rights" = "$overlay" ] || fail "$overlay: the rights are '$rights'" "$(cat "$scratch/log")"
		in_image "$(capabilities)" /usr/bin/gomemctl status >/dev/null
		# Of the table in doc/KUBERNETES.md what rests on the kernel's eBPF; all of it, in pods: guest/t/60-kube-agent.sh.
		promised "$top/doc/KUBERNETES.md" "$overlay" | grep -E "^($ebpf) " >"$scratch/promised"
		[ "$(wc -l <"$scratch/promised")" -eq 4 ]
		kept() {
			in_image "$(capabilities)" /usr/bin/gomemctl features --json | in_fact | grep -E "^($ebpf) " |
				diff "$scratch/promised" -
		}
		eventually 30 kept
		stop_daemons "$started"
	done
	image rm "$container" >/dev/null
}
