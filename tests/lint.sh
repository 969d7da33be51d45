#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: lint.sh [STEP]...
#
# Everything about the sources that can be checked without running them; prints each step with ok or
# failed, and "N passed, N failed, N skipped" last. Without root, in the files as they are (not only
# those that git knows). The steps are the names at the end of this file.
set -u

cd "$(dirname "$(realpath "$0")")/.." || exit 1
jobs=$(nproc)
work=$(mktemp -d "${TMPDIR:-/tmp}/lint.XXXXXX")
trap 'rm -rf "$work"' EXIT

# bpf/ has the one header that both sides share.
layers="bpf base wire gobin kube escape policy decide host sense act report state core"
cli_may_include="bpf base wire gobin kube escape policy decide host sense cli"

# Folders that are still empty are not in a fresh clone.
there() {
	find "$@" -maxdepth 0 2>/dev/null
}

c_files() {
	local dirs
	mapfile -t dirs < <(there "$@")
	find "${dirs[@]}" -name '*.[ch]' -not -path '*/build/*' | sort
}

# Every script: by name, or by its first line.
scripts() {
	local dirs
	mapfile -t dirs < <(there tests .ci deploy)
	{
		find "${dirs[@]}" -name '*.sh'
		find "${dirs[@]}" -type f -not -name '*.*' -exec grep -lE '^#!/bin/(ba)?sh' {} +
	} | sort -u
}

# The Makefile's flags, one a line: what is checked is what is compiled.
compiler_flags() {
	make --no-print-directory -s BUILD="$work/flags" generated >&2
	make --no-print-directory -n V=1 BUILD="$work/flags" "$work/flags/daemon/base/text.o" |
		sed -n 's/^[^ ]* \(.*\) -MMD -MP .*/\1/p' | xargs -n 1
}

# named_in FILE PATTERN WORD...: says which words no line of the file has in the place of %s; a hyphen
# may be written as man pages have it.
named_in() {
	local file=$1 pattern=$2 word literal missing=0
	shift 2
	[ $# -gt 0 ] || { echo "$file: nothing to look for: the table was not found"; return 1; }
	for word; do
		literal=${word//./\\.}
		literal=${literal//-/\\\\?-}
		grep -qE -- "${pattern//%s/"$literal"}" "$file" && continue
		echo "$file: does not name '$word'"
		missing=1
	done
	return "$missing"
}

check_format() {
	c_files daemon bpf tests | xargs clang-format --dry-run -Werror 2>&1 |
		sed -n 's/ error: code should be clang-formatted.*//p' | cut -d: -f1 | sort | uniq -c |
		sed 's/^ *\([0-9]*\) \(.*\)/\2: \1 places are not as clang-format has them (make format)/' |
		tee "$work/format"
	[ ! -s "$work/format" ]
}

# One file at a time: the output of two must not mix. The analyzer of clang 14 does not know the cleanup
# attribute and takes what it frees for lost: leaks are for the sanitizers, the rest of that check stays.
tidy_one() {
	local out=$work/tidy.$$ code=0
	mapfile -t flags <"$work/flags.list"
	clang-tidy -quiet "$1" -- "${flags[@]}" >"$out" 2>&1 || code=$?
	grep -E '(error|warning): ' "$out" | grep -v ': Potential leak of memory' >"$out.kept" &&
		{ sort -u "$out.kept"; return 1; }
	# Neither clean nor a finding: clang-tidy itself did not work.
	[ "$code" -eq 0 ] || grep -q ': Potential leak of memory' "$out" || { cat "$out"; return 1; }
}

check_tidy() {
	compiler_flags >"$work/flags.list"
	[ -s "$work/flags.list" ] || { echo "the Makefile's flags were not found"; return 1; }
	export -f tidy_one
	export work
	find daemon -name '*.c' | sort | xargs -P "$jobs" -I {} bash -c 'tidy_one {}'
}

# It does not know the cleanup attribute, so leaks are for the sanitizers to find.
check_cppcheck() {
	cppcheck -j "$jobs" --quiet --enable=warning,performance,portability --error-exitcode=1 \
		--inline-suppr --std=c11 -D_GNU_SOURCE '-DGOMEMD_VERSION=""' '-DGOMEMD_LIBEXEC=""' -Idaemon \
		--suppress=missingIncludeSystem --suppress=memleak --suppress=resourceLeak daemon 2>&1
}

# Prints "FILE FOLDER" for each include of our own.
own_includes() {
	c_files daemon | xargs grep -HoP '^#include "\K[^"]*' |
		awk -F: '{ print $1, $2 ~ "/" ? substr($2, 1, index($2, "/") - 1) : "(none)" }'
}

# A file may include its own folder and those to the left of it. That decide never sees host is part of it.
check_layers() {
	own_includes | awk -v layers="$layers" -v cli="$cli_may_include" '
		function may(room, other) {
			if (room == "cli")
				return other in for_cli
			return room in floor && other in floor && floor[other] <= floor[room]
		}
		BEGIN {
			n = split(layers, name, " ")
			for (i = 1; i <= n; i++) floor[name[i]] = i
			n = split(cli, name, " ")
			for (i = 1; i <= n; i++) for_cli[name[i]] = 1
		}
		{
			split($1, part, "/")
			if (may(part[2], $2)) next
			print $1 ": " part[2] "/ may not include " $2 "/"
			bad = 1
		}
		END { if (!NR) print "no include was found"; exit bad || !NR }'
}

# Third-party headers are for the files that wrap them.
check_wrapped() {
	local header allowed file bad=0
	while read -r header allowed; do
		while read -r file; do
			[[ " $allowed " == *" $file "* ]] && continue
			echo "$file: <$header> is wrapped by $allowed"
			bad=1
		done < <(grep -rlE "^#include <$header>" daemon)
	done <<-'TABLE'
		ini\.h daemon/policy/ini.c
		seccomp\.h daemon/host/confine.c daemon/host/parse.c daemon/host/curl_library.c daemon/host/post_serve.c daemon/host/kube_serve.c
		curl/curl\.h daemon/host/curl_library.h
		systemd/sd-bus\.h daemon/host/unit.c
		systemd/sd-journal\.h daemon/cli/audit.c
		bpf/(lib)?bpf\.h daemon/host/probes.c daemon/host/trap_cost.c daemon/host/kernel_probes.c daemon/host/event_ring.c daemon/host/throttle_bucket.c
		(pb_decode|wire/pprof\.pb)\.h daemon/wire/pprof.c
		(ncursesw/)?curses\.h daemon/cli/top_screen.c
		zlib\.h daemon/wire/gzip.c
		microhttpd\.h daemon/report/http.c
		xxhash\.h daemon/gobin/binary.c
		(runtime|kernel|throttle)\.skel\.h daemon/host/probes.c daemon/host/kernel_probes.c daemon/host/throttle_bucket.c
	TABLE
	return "$bad"
}

header_alone() {
	mapfile -t flags <"$work/flags.list"
	printf '#include "%s"\n' "${1#daemon/}" | gcc "${flags[@]}" -fsyntax-only -x c - 2>&1 && return 0
	echo "$1: does not compile alone"
	return 1
}

check_headers() {
	compiler_flags >"$work/flags.list"
	export -f header_alone
	export work
	find daemon -name '*.h' | sort | xargs -P "$jobs" -I {} bash -c 'header_alone {}'
}

# Calls that the house does without, looked for in code without comments and strings.
check_banned() {
	local never='atoi|atol|atoll|atof|sprintf|vsprintf|strcpy|strcat|stpcpy|gets|strtok|tmpnam|mktemp|alloca|system|popen|sleep|usleep'
	local wrapped='strtol|strtoul|strtoll|strtoull|strtod|strtof'
	local file banned bad=0
	while read -r file; do
		banned=$never
		[ "$file" = daemon/base/text.c ] || banned+="|$wrapped"
		[[ $file == */main.c ]] || banned+='|exit'
		gcc -fpreprocessed -dD -E -P "$file" 2>/dev/null | sed 's/"[^"]*"//g' |
			grep -oE "(^|[^A-Za-z0-9_.>])($banned) ?\(" | tr -d '(\t !=' | sort -u |
			sed "s|^|$file: calls |" | tee -a "$work/banned"
	done < <(c_files daemon)
	[ ! -s "$work/banned" ] || bad=1
	return "$bad"
}

check_spdx() {
	local file bad=0
	while read -r file; do
		head -n 6 "$file" | grep -q 'SPDX-License-Identifier: ' && continue
		echo "$file: no SPDX line"
		bad=1
	done < <(
		c_files daemon bpf tests
		scripts
		find tests -name '*.bats' -o -name '*.bash' -o -name '*.go' -o -name '*.py' -o -name '*.jq'
		ls Makefile .clang-tidy doc/*.[1578] config/* units/* policies/*
	)
	return "$bad"
}

# Settings: each in the man page, and in the file as shipped with the default that the daemon has.
check_settings() {
	local keys key default bad=0
	sed -n '/ rows\[\] = {/,/^};/s/^\t{ "\([a-z_]*\)", [A-Z_]*, FIELD([a-z_]*), "\([^"]*\)".*/\1 \2/p;
		/ rows\[\] = {/,/^};/{/^\t{ "\([a-z_]*\)", [A-Z_]*, FIELD([a-z_]*),$/{N;s/^\t{ "\([a-z_]*\)".*\n[\t ]*"\([^"]*\)".*/\1 \2/p}}' \
		daemon/policy/config.c >"$work/settings"
	mapfile -t keys < <(cut -d' ' -f1 "$work/settings")
	[ "${#keys[@]}" -eq "$(sed -n '/ rows\[\] = {/,/^};/s/^\t{ "//p' daemon/policy/config.c | wc -l)" ] ||
		{ echo "daemon/policy/config.c: a row of the table is not understood"; bad=1; }
	named_in doc/gomemd.conf.5 '^\.B %s$' "${keys[@]}" || bad=1
	while read -r key default; do
		grep -qxF "#$key = $default" config/gomemd.conf && continue
		echo "config/gomemd.conf: has no line '#$key = $default'"
		bad=1
	done <"$work/settings"
	return "$bad"
}

check_policy_keys() {
	local keys
	mapfile -t keys < <(sed -n '/ keys\[\] = {/,/^};/s/^\t{ POLICY_SECTION_[A-Z]*, "\([^"]*\)".*/\1/p' \
		daemon/policy/keys.c | sort -u)
	named_in doc/gomemd-policy.5 '^\.BR? (.* )?%s( |$)' "${keys[@]}"
}

check_verbs() {
	local verbs options word bad=0
	mapfile -t verbs < <(sed -n '/ verbs\[\] = {/,/^};/s/^\t{ "\([^"]*\)".*/\1/p' daemon/cli/main.c)
	mapfile -t options < <(sed -n '/ long_options\[\] = {/,/^};/s/^\t{ "\([^"]*\)".*/--\1/p' daemon/cli/main.c)
	named_in doc/gomemctl.1 '^\.B[RI]? (.* )?"?%s( |"|,|$)' "${verbs[@]}" "${options[@]}" || bad=1
	named_in config/gomemctl.bash "(^|[ \"'(|])%s([ \"')|=]|\$)" "${verbs[@]}" "${options[@]}" || bad=1
	mapfile -t options < <(sed -n '/ options\[\] = {/,/};/s/^\t*{ "\([^"]*\)".*/--\1/p' daemon/core/main.c)
	named_in doc/gomemd.8 '^\.B[RI]? (.* )?"?%s( |"|,|$)' "${options[@]}" || bad=1
	return "$bad"
}

# Members of the objects that --json prints, each in a section of its own verb; view.c has those of several.
check_json_keys() {
	local sections section files page keys bad=0
	while read -r sections files; do
		page="$work/gomemctl.1, $sections"
		for section in ${sections//,/ }; do
			sed -n "/^\.SS $section\$/,/^\.S[SH] /p" doc/gomemctl.1 | sed 1d
		done >"$page"
		# shellcheck disable=SC2086 # a list of files
		mapfile -t keys < <(cat $files | tr '\n' ' ' |
			grep -oP '(json_object_object_add|put_?[a-z0-9_]*)\(\s*[a-z]+, "\K[A-Za-z_]+(?=",)' | grep -vx schema | sort -u)
		named_in "$page" '(^|[ "(])%s([ ",.;:)]|$)' "${keys[@]}" || bad=1
	done <<-'TABLE'
		probe daemon/cli/look.c
		scan,probe daemon/cli/scan.c
		status daemon/kube/identity_json.c
		heap,goroutines daemon/cli/profile.c daemon/cli/calls.c
		series daemon/core/view_heap.c
		culprits daemon/cli/culprits.c daemon/sense/culprits_json.c
		endpoint daemon/cli/endpoint.c
		status daemon/core/endpoints.c
		throttle daemon/cli/throttle.c
		allocs daemon/cli/allocs.c daemon/cli/calls.c
		timeline daemon/cli/timeline.c daemon/wire/timeline.c
		features daemon/cli/features.c daemon/host/features.c daemon/core/view_health.c
		escape daemon/cli/escape.c daemon/cli/escape_why.c daemon/cli/escape_gate.c daemon/cli/escape_join.c daemon/cli/escape_index.c
		top daemon/cli/top.c daemon/cli/top_model.c
		postmortem daemon/report/kill_record.c daemon/core/evidence.c daemon/cli/postmortem.c
		record daemon/cli/record.c
		simulate daemon/cli/simulate.c
		others daemon/cli/replay.c daemon/cli/verbs.c
		status daemon/sense/activity_json.c
		status,explain,timeline,probe,others daemon/core/view.c
		status,explain,others daemon/core/view_unit.c
		status daemon/core/kubernetes.c
		explain daemon/kube/told_json.c
		status,explain,timeline,features,others daemon/core/orders.c
	TABLE
	return "$bad"
}

# words_of PREFIX: the names that the table of an enum gives its values, wherever that table is.
words_of() {
	grep -rhoP "\[$1_[A-Z0-9_]+\] = (\{ )?\"\K[^\"]+" daemon --include=*.c | sort -u
}

# What the daemon writes to the journal, and other words of its tables: identifiers, fields, names.
check_journal_words() {
	local ids fields words prefix page text='^\.B[RI]? (.* )?"?%s( |"|,|$)' bad=0
	mapfile -t ids < <(sed -n 's/^#define AUDIT_ID_[A-Z]*[ \t]*"\(.*\)"/\1/p' daemon/report/audit.h)
	[ "${#ids[@]}" -eq "$(grep -c AUDIT_ID_ daemon/report/audit.h)" ] ||
		{ echo "daemon/report/audit.h: an identifier is not understood"; bad=1; }
	named_in doc/gomemd.8 '%s' "${ids[@]}" || bad=1
	named_in config/gomemd.catalog '^-- %s$' "${ids[@]}" || bad=1
	mapfile -t fields < <(grep -ohP '"\KGOMEMD_[A-Z_]+(?=")' daemon/report/*.c | sort -u)
	named_in doc/gomemd.8 "$text" "${fields[@]}" || bad=1
	for prefix in REASON ALERT GATE CHANGE VERDICT LEVER STATE MODE RIGHTS FEATURE ENVIRONMENT RESTART THROTTLE; do
		mapfile -t words < <(words_of "$prefix")
		named_in doc/gomemd.8 "$text" "${words[@]}" || bad=1
	done
	mapfile -t words < <(grep -oP '"\KCAP_[A-Z_]+(?=", CAP)' daemon/host/capability.c | sort -u)
	named_in doc/gomemd.8 '(^|[ "])%s([ ",.;]|$)' "${words[@]}" || bad=1
	for prefix in WHY OBSERVED; do
		mapfile -t words < <(words_of "$prefix")
		named_in doc/gomemctl.1 "$text" "${words[@]}" || bad=1
	done
	# The first of each row of escape/class.c.
	mapfile -t words < <(words_of CLASS)
	named_in doc/gomemd-escape.5 "$text" "${words[@]}" || bad=1
	mapfile -t words < <(words_of ESCAPE)
	named_in doc/gomemd-escape.5 "$text|\\.BR? %s" "${words[@]}" || bad=1
	mapfile -t words < <(words_of OCCASION)
	named_in doc/gomemd.8 "$text" "${words[@]}" || bad=1
	# What is told of culprits, in the journal and by --json.
	for prefix in CULPRIT IMPACT; do
		mapfile -t words < <(words_of "$prefix")
		for page in doc/gomemd.8 doc/gomemctl.1; do
			named_in "$page" "$text" "${words[@]}" || bad=1
		done
	done
	mapfile -t words < <(words_of REPORT)
	for page in doc/gomemctl.1 doc/gomemd-escape.5; do
		named_in "$page" "$text" "${words[@]}" || bad=1
	done
	for prefix in TIMELINE TRIGGER ALLOC; do
		mapfile -t words < <(words_of "$prefix")
		named_in doc/gomemctl.1 '(^|[ "(])%s([ ",;:]|$)' "${words[@]}" || bad=1
	done
	return "$bad"
}

# Metrics: each row of the table of families in the man page, with its type, unit and labels, and nothing else there.
check_metrics() {
	sed -nE '/^static const struct metrics_family of_/,/^};/{
		s/^\t(WORKLOAD|DAEMON)\("([a-z_]+)", ([A-Z]+), "([a-z]*)", .*/\2 \3 "\4" ""/p
		s/^\tWRITTEN\("([a-z_]+)", ([A-Z]+), "([a-z]*)", "([a-z_,]*)", .*/\1 \2 "\3" "\4"/p}' \
		daemon/report/metrics_families.c | tr -d '"' | awk '
		# Unit and labels may be empty: split by the single blanks that are there.
		{
			split($0, f, / /)
			name = f[1] (f[2] == "COUNTER" ? "_total" : f[2] == "INFO" ? "_info" : "")
			gsub(/,/, ", ", f[4])
			print name " (" tolower(f[2]) (f[3] == "" ? "" : ", " f[3]) (f[4] == "" ? "" : ", by " f[4]) ")"
		}' | sort >"$work/metrics.table"
	[ "$(wc -l <"$work/metrics.table")" -eq "$(grep -cE '^	(WORKLOAD|DAEMON|WRITTEN)\(' daemon/report/metrics_families.c)" ] ||
		{ echo "daemon/report/metrics_families.c: a row of the tables is not understood"; return 1; }
	sed -nE 's/^\.BR (gomemd_[a-z_]+) "( \(.*\))"$/\1\2/p' doc/gomemd-metrics.7 | sort >"$work/metrics.page"
	diff "$work/metrics.table" "$work/metrics.page" |
		sed -n 's/^< /doc\/gomemd-metrics.7: does not have: /p; s/^> /doc\/gomemd-metrics.7: there is no: /p' |
		tee "$work/metrics.said"
	[ ! -s "$work/metrics.said" ]
}

check_man() {
	local page bad=0
	for page in doc/*.[1578]; do
		LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 \
			man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null | sed "s|^|$page: |" |
			tee -a "$work/man"
	done
	[ ! -s "$work/man" ] || bad=1
	return "$bad"
}

check_shell() {
	{ scripts; echo config/gomemctl.bash; } | xargs shellcheck -x
}

check_sizes() {
	c_files daemon bpf tests | xargs wc -l | awk '$2 != "total" && $1 > 500 { print $2 ": " $1 " lines, 500 is the ceiling"; bad = 1 } END { exit bad }'
	local bad=$?
	c_files daemon bpf tests | xargs ctags -x --kinds-C=f --_xformat='%F %N %n %{end}' |
		awk '$4 - $3 >= 100 { print $1 ": " $2 "() has " $4 - $3 + 1 " lines, 100 is the ceiling"; bad = 1 }
			END { if (!NR) print "ctags found no function"; exit bad || !NR }' || bad=1
	return "$bad"
}

passed=0 failed=0
step() {
	local start=$SECONDS
	if "check_$1" >"$work/said" 2>&1; then
		passed=$((passed + 1))
		printf 'ok     %-14s %3d s\n' "$1" $((SECONDS - start))
	else
		failed=$((failed + 1))
		printf 'failed %-14s %3d s\n' "$1" $((SECONDS - start))
		sed 's/^/    /' "$work/said"
	fi
}

steps=(layers wrapped headers banned spdx settings policy_keys verbs json_keys journal_words metrics man shell sizes format
	cppcheck tidy)
[ $# -eq 0 ] || steps=("$@")
for name in "${steps[@]}"; do
	declare -F "check_$name" >/dev/null || { echo "lint.sh: no step '$name'; there are ${steps[*]}" >&2; exit 2; }
	step "$name"
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
