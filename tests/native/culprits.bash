# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # the variables of lib.bash and escape.bash
#
# For tests of culprits: the program of that name, its line that is wrong, and what its own profiles say of it. To be
# loaded after escape.bash.

culprits_sources=$top/tests/programs/culprits
filed_below=/var/lib/gomemd

# culprits_build VERSION: stripped, with its index filed, and its twin without a sampler; the files that were filed go to a
# list, from which culprits_forget removes them. Where gomemd is not installed the directory goes as well.
culprits_build() {
	local kind
	[ -d "$filed_below" ] || { mkdir "$filed_below" && echo made >"$BATS_FILE_TMPDIR/made"; }
	for kind in sampled unsampled; do
		rm -rf "${work:?}/$kind"
		cp -r "$culprits_sources" "$work/$kind"
		[ "$kind" = sampled ] || rm "$work/$kind/profile.go"
		GOFLAGS=-trimpath in_module "$kind" "$1" go build -ldflags='-s -w' -o "$work/$kind-$1" .
		GOFLAGS=-trimpath in_module "$kind" "$1" "$gomemctl" escape build --binary "$work/$kind-$1" --json >"$work/filed"
		jq -er .index "$work/filed" >>"$BATS_FILE_TMPDIR/indexes"
	done
}

culprits_forget() {
	[ ! -f "$BATS_FILE_TMPDIR/indexes" ] || xargs -r rm -f -- <"$BATS_FILE_TMPDIR/indexes"
	[ ! -f "$BATS_FILE_TMPDIR/made" ] ||
		rmdir --ignore-fail-on-non-empty "$filed_below/escape" "$filed_below"
}

# wanted CASE: its line that is wrong, as the source says: $want_file, $want_line, $want_class.
wanted() {
	local found
	want_file=${1%-*}.go
	found=$(grep -n '// want: ' "$culprits_sources/$want_file")
	want_line=${found%%:*}
	want_class=${found##*// want: }
}

# culprits_start VERSION CASE: the one that has profiles of its own; at $url.
culprits_start() {
	local port
	port=$(free_port)
	url=http://127.0.0.1:$port
	start_ready "$BATS_FILE_TMPDIR/sampled-$1" -http "127.0.0.1:$port" "$2"
}

ask_program() {
	curl -sf --max-time 30 -o "$2" "$url/$1" || fail "$url/$1 does not answer"
}

# The profile in a file by lines of package main: of each stack's bytes (or objects) the innermost such line has all.
# "BYTES FILE:LINE", the most first.
lines_of() {
	in_module sampled "$1" go tool pprof -sample_index="$2" -raw "$3" 2>/dev/null | awk '
		/^Samples:/ { part = 1; getline; column = 0; for (i = 1; i <= NF; i++) if ($i ~ "^'"$2"'/") column = i; next }
		/^Locations/ { part = 2; next }
		/^Mappings/ { part = 0 }
		part == 1 && /^ +[0-9]/ {
			split($0, halves, ":"); split(halves[1], values, " ")
			value[++n] = values[column]; stack[n] = halves[2]
		}
		part == 2 {
			if ($1 ~ /^[0-9]+:$/) { id = $1 + 0; sub(/^ *[0-9]+: 0x[0-9a-f]+ (M=[0-9]+ )?/, "") }
			if ($1 ~ /^main\./ && !(id in line)) { split($2, at, ":"); line[id] = at[1] ":" at[2] }
		}
		END {
			for (i = 1; i <= n; i++) {
				count = split(stack[i], ids, " ")
				for (k = 1; k <= count && !(ids[k] in line); k++);
				sum[k <= count ? line[ids[k]] : "-"] += value[i]
			}
			for (where in sum) printf "%d %s\n", sum[where], where
		}' | sort -rn
}

# begun_at: of the goroutines by where they began, in the same form.
begun_at() {
	awk '/^created by / { getline; sub(/ \+0x[0-9a-f]+$/, ""); n[$1]++ } END { for (w in n) print n[w], w }' "$1" |
		sort -rn
}

# own_profile VERSION CASE: by the program's own account the line that is wrong is first, with more than half of all. Its
# profiles begin when it begins and are as old as its last collection, so that it may have to be asked again.
own_profile() {
	local lines=$BATS_TEST_TMPDIR/lines
	case $2 in
	pool | retry) ask_program debug/pprof/heap "$lines.raw" && lines_of "$1" inuse_space "$lines.raw" >"$lines" ;;
	goroutines) ask_program debug/pprof/goroutine?debug=2 "$lines.raw" && begun_at "$lines.raw" >"$lines" ;;
	*) ask_program debug/pprof/allocs "$lines.raw" && lines_of "$1" alloc_space "$lines.raw" >"$lines" ;;
	esac || return 1
	awk -v want="/$want_file:$want_line" '
		NR == 1 { first = $1; ok = substr($2, length($2) - length(want) + 1) == want }
		{ all += $1 }
		END { exit !(ok && 2 * first > all) }
	' "$lines" || fail "$want_file:$want_line is not first with a half:" "$(head -n 5 "$lines")"
}

# watch: for five seconds, what was started last.
watch() {
	gomemctl culprits "$started" --for 5s --json
	[ "$status" -eq 0 ] || fail "exit $status" "$errors" "$output" || return 1
	holds '.schema == 1 and .pid == $pid and .report == "matches"' --argjson pid "$started" || return 1
	holds '[.culprits[].impact] | length > 1 and . == (sort | reverse) and .[-1] >= 0'
}

# named CASE: the first culprit is the line that is wrong, with its class and where that comes from.
named() {
	local first from=report kind=heap
	# Of these two the compiler prints no line.
	case $want_class in 0 | 4c) from=runtime ;; esac
	[ "$1" != goroutines ] || kind=goroutines
	first=$(jq -c '.culprits[0]' <<<"$output")
	is_first '(.file | endswith("/" + $file)) and .line == $line and .kind == $kind' \
		--arg file "$want_file" --argjson line "$want_line" --arg kind "$kind" || return 1
	is_first '.class == $class and .class_from == $from' --arg class "$want_class" --arg from "$from" || return 1
	# The map is made in the logger's module, and the line is of this one.
	[ "$1" != fields ] ||
		is_first '(.function | startswith("main.")) and (.site.function | startswith("main.") | not)'
}

# is_first FILTER [JQ-ARG...]: a statement about the first culprit.
is_first() {
	jq -e "${@:2}" "$1" <<<"$first" >/dev/null || fail "the first culprit is another: $*" "$first"
}
