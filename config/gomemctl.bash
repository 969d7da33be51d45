# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Completion of gomemctl(1) for bash.

# Names of workloads, and their PIDs, out of the daemon's own words; what is not the word wanted is passed over.
_gomemctl_workloads() {
	gomemctl status --json 2>/dev/null | sed 's/[,{[]/\n/g' |
		sed -n 's/^"\(workload\|cgroup\)": *"\([^"\\]*\)".*/\2/p; s/^"pid": *\([0-9]*\).*/\1/p' | sort -u
}

_gomemctl_pids() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		exe=${exe%/exe}
		printf '%s\n' "${exe#/proc/}"
	done
}

# The options that a verb takes.
_gomemctl_options() {
	case $1 in
	scan | probe) echo "--json --watch --interval" ;;
	audit) echo "--json --since" ;;
	set) echo "--json --gogc --memory-limit --for --force --dry-run --socket" ;;
	release | stop-writes | resume) echo "--json --dry-run --socket" ;;
	status | explain | show-config) echo "--json --socket" ;;
	check-config) echo "--json" ;;
	replay) echo "--json --journal --set" ;;
	*) echo "--help --version" ;;
	esac
}

_gomemctl() {
	local verbs="scan probe status explain audit set release stop-writes resume check-config show-config replay"
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb="" word words
	COMPREPLY=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case " $verbs " in *" $word "*) verb=$word && break ;; esac
	done

	case $prev in
	--gogc) words="10 30 50 100 off" ;;
	--memory-limit) words="none" ;;
	--for | --since) words="10min 1h 2h 1d" ;;
	--interval) words="500ms 1s 5s" ;;
	--socket | --journal) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--set) words="cgroup.limit= cgroup.room= cgroup.anon= proc0.heap_marked= proc0.memory_limit=" ;;
	*)
		case $cur in
		-*) words=$(_gomemctl_options "$verb") ;;
		*)
			case $verb in
			"") words=$verbs ;;
			probe) words=$(_gomemctl_pids) ;;
			status | explain | audit | set | release | resume) words=$(_gomemctl_workloads) ;;
			check-config | replay) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
			*) words="" ;;
			esac
			;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _gomemctl gomemctl
