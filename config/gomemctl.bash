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
	heap) echo "--json --top --socket" ;;
	culprits) echo "--json --for --report --top --socket" ;;
	goroutines) echo "--json --blocked --top" ;;
	allocs) echo "--json --for --top" ;;
	throttle) echo "--json --rate --for" ;;
	postmortem) echo "--json --list --dir" ;;
	top) echo "--json --batch --once --delay --socket" ;;
	endpoint) echo "--json --url" ;;
	audit) echo "--json --since" ;;
	timeline) echo "--json --for --socket" ;;
	features) echo "--json --socket" ;;
	set) echo "--json --gogc --memory-limit --for --force --dry-run --socket" ;;
	release | stop-writes | resume) echo "--json --dry-run --socket" ;;
	status | explain | show-config) echo "--json --socket" ;;
	check-config) echo "--json" ;;
	replay) echo "--json --journal --set" ;;
	record) echo "--json --all --for --output --socket" ;;
	simulate) echo "--json --policy --plant --svg --top" ;;
	escape) echo "--json --class --package --top --baseline --rules --output --sarif --junit --binary --profile --report --dir --values" ;;
	*) echo "--help --version" ;;
	esac
}

_gomemctl() {
	local verbs="scan probe heap allocs culprits goroutines endpoint status top postmortem explain timeline features throttle audit set release stop-writes resume check-config show-config replay record simulate escape"
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb="" word words
	COMPREPLY=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case " $verbs " in *" $word "*) verb=$word && break ;; esac
	done

	case $prev in
	--gogc) words="10 30 50 100 off" ;;
	--memory-limit) words="none" ;;
	--for | --since)
		words="10min 1h 2h 1d"
		case $verb in allocs | culprits | throttle) words="10s 1min 5min" ;; esac
		;;
	--rate) words="1000/s 20000/s 100000/s" ;;
	--top) words="10 20 50 100" ;;
	--interval | --delay) words="500ms 1s 5s" ;;
	--class) words="0 1 2 2a 2b 2c 3 3a 3b 3c 4 4a 4b 4c 4d 5 5a 5b 6 leak unexplained" ;;
	--socket | --journal | --baseline | --rules | --output | --sarif | --junit | --binary | --profile | --report | --policy | --svg) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--set) words="cgroup.limit= cgroup.room= cgroup.anon= proc0.heap_marked= proc0.memory_limit=" ;;
	*)
		case $cur in
		-*) words=$(_gomemctl_options "$verb") ;;
		*)
			case $verb in
			"") words=$verbs ;;
			probe)
				# A core file as well.
				mapfile -t COMPREPLY < <(
					compgen -W "$(_gomemctl_pids)" -- "$cur"
					compgen -f -- "$cur"
				)
				return
				;;
			heap | culprits) words="$(_gomemctl_pids) $(_gomemctl_workloads)" ;;
			allocs | goroutines | throttle | endpoint) words=$(_gomemctl_pids) ;;
			status | explain | timeline | audit | postmortem | set | release | resume | record) words=$(_gomemctl_workloads) ;;
			escape)
				if [ "$prev" = escape ]; then
					words="report why baseline gate diff join import build"
				else
					mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return
				fi
				;;
			check-config | replay | simulate) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
			*) words="" ;;
			esac
			;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _gomemctl gomemctl
