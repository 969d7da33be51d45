#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # those of lib.bash; jq has names with a dollar of its own
#
# What gomemctl escape makes of the reports of every Go toolchain: of a program with escapes of every class, whose
# comments say what they are, and of net/http and encoding/json. The oracle of numbers is plain text tools.

load lib.bash
load escape.bash

source=$top/tests/programs/escapes/escapes.go
# compile VERSION FLAGS PACKAGE OUTPUT [GO-FLAG]...: what the compiler prints.
compile() {
	[ $# -gt 4 ] || set -- "$@" -trimpath
	in_module shop "$1" go build "${@:5}" -gcflags="$2" "$3" >"$4" 2>&1 ||
		fail "go $1 build -gcflags=$2 $3: $(tail -n 3 "$4")"
}

setup_file() {
	export work=$BATS_FILE_TMPDIR version
	new_module shop "$source"
	for version in $(go_versions); do
		compile "$version" -m . "$work/m-$version"
		compile "$version" -m=2 . "$work/m2-$version"
		compile "$version" -m=3 . "$work/m3-$version"
		compile "$version" '-m=2 -l' . "$work/l-$version"
		compile "$version" "-json=0,$work/json-$version" . "$work/none"
	done
}

setup() {
	work=$BATS_FILE_TMPDIR
}

# counted REPORT: by text tools alone, each place of each package once.
counted() {
	awk '/^# / { package = $2 } / escapes to heap$|: moved to heap: / { if (!seen[package, $0]++) n++ } END { print n + 0 }' "$1"
}

# agrees REPORT: lines, places, and nothing unknown.
agrees() {
	escape report "$1" --json
	holds '.lines == $n' --argjson n "$(wc -l <"$1")"
	holds '.sites - .by_kind.wrapper == $n' --argjson n "$(counted "$1")"
	holds '(.sites == ([.by_class[]] | add)) and (.sites == ([.by_package[]] | add))'
	holds '.unknown_lines * 10000 < .lines'
}

@test "every line of -m, -m=2, -m=3 and -l of each Go is known, and places are as many as text tools count" {
	local version form
	for version in $(go_versions); do
		for form in m m2 m3 l; do
			agrees "$work/$form-$version"
			holds '.unknown_lines == 0 and .sites > 30'
			holds '.made_with_l == $l and .explained == $e' --argjson l "$([ $form = l ] && echo true || echo false)" \
				--argjson e "$([ $form = m ] && echo false || echo true)"
		done
	done
}

@test "each escape of the program has the class and the function that its comment says, with each Go" {
	local version line expression class function
	for version in $(go_versions); do
		while read -r line expression; do
			function=${expression##* } expression=${expression% *}
			class=${expression##* } expression=${expression% *}
			escape why "shop.go:$line" "$work/m2-$version" --json
			holds 'any(.sites[]; .expression == $e and .class == $c and .function == $f and (.through | not))' \
				--arg e "$expression" --arg c "$class" --arg f "$function" ||
				fail "Go $version: $line $expression $class $function"
			# The way ends where it stays, and its steps are places of the program.
			holds 'all(.sites[]; .kind == "leak" or .kind == "leak-content" or (.path | length) > 0)'
		done < <(sed -n 's/.*\/\/ want \(.*\)/\1/;t p;b;:p;=;p' "$source" | paste - - | tr '\t' ' ')
	done
}

@test "under -m=2 no place is without a class, and a line where nothing escapes is said to be one" {
	local version stays
	stays=$(grep -n 'y := x$' "$source" | cut -d: -f1)
	for version in $(go_versions); do
		escape report "$work/m2-$version" --json
		holds '.unexplained == 0'
		gomemctl escape why "shop.go:$stays" "$work/m2-$version"
		[ "$status" -eq 1 ] || fail "Go $version: exit $status" "$output"
	done
}

@test "the JSON files of each Go tell the same values and classes as the text, and the exact release" {
	local version text
	for version in $(go_versions); do
		escape report "$work/json-$version" --json
		holds '.unknown_lines == 0 and (.go_version | startswith($v))' --arg v "$version"
		text=$(jq '.sites' <<<"$output")
		escape report "$work/m2-$version" --json
		# A generic function's variables are told of once for each shape in one of them.
		holds '.sites - $json <= 5 and $json - .sites <= 5' --argjson json "$text"
	done
}

@test "fewer than one line in 10,000 of net/http and encoding/json is unknown, and few places are without a class" {
	local version package
	for version in $(go_versions); do
		for package in encoding/json net/http; do
			# Its packages take a minute each time; every release has both only with SOAK=1.
			[ -n "${SOAK:-}" ] || [ "$package" != net/http ] || [[ $version =~ 1.(19|24|27) ]] || continue
			compile "$version" -m=2 "$package" "$work/std"
			agrees "$work/std"
			holds '.lines > 1500 and .unexplained * 100 < .sites and .made_with_l == false'
		done
	done
}

# changed: once, a build of the program ($work/plain, with its $work/baseline), and one with more escapes ($work/changed);
# what a gate with rules says of that is in $work/gate, sarif and junit.
changed() {
	local version=1.24
	[ ! -s "$work/sarif" ] || return 0
	cp "$source" "$work/shop/shop.go"
	# As a developer builds: paths are below the working directory.
	compile "$version" -m=2 . "$work/plain" -trimpath=false
	escape baseline "$work/plain" --output "$work/baseline"
	printf '\n//go:noinline\nfunc handler(p *int) func() int {\n\tx := *p\n\tglobal = p\n\treturn func() int { x++; return x }\n}\n' \
		>>"$work/shop/shop.go"
	sed -i '/^package escapes/a //\n// moved by three lines\n//' "$work/shop/shop.go"
	compile "$version" -m=2 . "$work/changed" -trimpath=false
	printf '[rule handlers]\npackage = example.com/**\nclass = leak 2b\nlevel = fail\n' >"$work/rules.ini"
	gomemctl escape gate "$work/changed" --baseline "$work/baseline" --rules "$work/rules.ini" --json \
		--sarif "$work/sarif" --junit "$work/junit"
	[ "$status" -eq 1 ] || fail "exit $status" "$errors" "$output"
	printf '%s\n' "$output" >"$work/gate"
}

@test "a gate passes what is in the baseline, fails what a rule says, and logs the rest" {
	changed
	escape gate "$work/plain" --baseline "$work/baseline" --json
	holds '.failed == 0 and .logged == 0 and .gone == 0 and .new == []'
	output=$(cat "$work/gate")
	holds '[.new[] | select(.verdict == "fail") | [.expression, .class]] | sort == [["p", "leak"], ["x", "2b"]]'
	holds '.failed == 2 and .logged == 1 and all(.new[]; .function == "handler" and .file == "shop.go")'
	gomemctl escape gate "$work/changed" --baseline "$work/baseline"
	[ "$status" -eq 0 ] || fail "without rules: exit $status" "$output"
	[[ $output == *"x in handler"* ]] || fail "does not name the new escape: $output"
}

@test "a link that is named for output stays one, and what it leads to is written" {
	changed
	ln -s "$work/linked-to" "$work/link"
	gomemctl escape gate "$work/changed" --baseline "$work/baseline" --sarif "$work/link"
	[ "$status" -eq 0 ] || fail "exit $status" "$errors"
	[ -L "$work/link" ] && [ -s "$work/linked-to" ] || fail "the link is gone, or nothing is written"
}

@test "what a gate writes is SARIF as code scanning wants it, and JUnit" {
	changed
	output=$(cat "$work/sarif")
	holds '.version == "2.1.0" and (.runs | length) == 1 and .runs[0].tool.driver.name == "gomemctl"'
	holds '.runs[0] | [.tool.driver.rules[].id] as $ids | all(.results[]; .ruleId == $ids[.ruleIndex])'
	holds 'all(.runs[0].tool.driver.rules[]; (.shortDescription.text | length) > 0 and (.help.text | length) > 0)'
	holds '.runs[0].results | length == 3 and ([.[] | .level] | sort) == ["error", "error", "note"]'
	holds 'all(.runs[0].results[]; (.message.text | length) > 0 and (.locations | length) == 1)'
	holds 'all(.runs[0].results[].locations[].physicalLocation; (.artifactLocation.uri | test("^[^/:]")) and .region.startLine > 0)'
	python3 - "$work/junit" <<-'EOF2'
		import sys, xml.etree.ElementTree as tree
		suite = tree.parse(sys.argv[1]).getroot()[0]
		assert suite.get("failures") == "2" and suite.get("tests") == "3", suite.attrib
		assert len(suite.findall("testcase/failure")) == 2 and len(suite.findall("testcase")) == 3
	EOF2
}

@test "a report made with -l, or with -m, is compared only with what was made in the same way" {
	local version=1.27
	escape baseline "$work/m2-$version" --output "$work/baseline-$version"
	for form in l m; do
		gomemctl escape gate "$work/$form-$version" --baseline "$work/baseline-$version"
		[ "$status" -eq 2 ] && [ -z "$output" ] || fail "$form: exit $status" "$output"
	done
	[[ $errors == *-m=2* ]] || fail "does not say how to mend it: $errors"
	escape gate "$work/l-$version" --baseline "$work/l-$version"
	[[ $errors == *inlining* ]] || fail "no warning: $errors"
}

@test "diff tells what two builds have and the other has not" {
	escape diff "$work/m2-1.24" "$work/m2-1.24" --json
	holds '.new == [] and .gone == [] and .warning == null'
	escape diff "$work/m2-1.24" "$work/m2-1.27" --json
	holds 'any(.new[]; .expression == "append" and .function == "(*node).method") and all(.gone[]; .times > 0)'
}

@test "a report of 50 MB (with SOAK=1 of 500 MB) takes no more memory than one of 5" {
	local i big=$work/big rounds=12 small large
	compile 1.24 -m=2 net/http "$work/std"
	cat "$work/std" >"$work/small"
	[ -z "${SOAK:-}" ] || rounds=100
	for ((i = 0; i < rounds; i++)); do
		# As many packages as it has rounds.
		sed "s/^# .*/# example.com\/package$i/" "$work/std"
	done >"$big"
	(ulimit -v 131072 && "$gomemctl" escape report "$big" --json >"$work/big.json") || fail "not within 128 MiB"
	output=$(cat "$work/big.json")
	holds '.lines == $n and (.by_package | length) == $p' --argjson n "$(wc -l <"$big")" --argjson p "$rounds"
	small=$(peak "$work/small") large=$(peak "$big")
	[ "$large" -lt $((small + 4096)) ] || fail "$small KiB for 5 MB, $large KiB for $(wc -c <"$big") bytes"
}

# peak REPORT: KiB resident at most. The pipe stays open until the kernel's figure is read.
peak() {
	local fd
	mkfifo "$BATS_TEST_TMPDIR/pipe-${1##*/}"
	exec {fd}<>"$BATS_TEST_TMPDIR/pipe-${1##*/}"
	start "$gomemctl" escape report --json <"$BATS_TEST_TMPDIR/pipe-${1##*/}" >/dev/null
	cat "$1" >&"$fd"
	awk '/^VmHWM/ { print $2 }' "/proc/$started/status"
	kill -KILL "$started" || true
	wait "$started" 2>/dev/null || true
	exec {fd}>&-
}

# Below the line with the mend stands what it has instead: of a build that failed, what the compiler said.
@test "what is no report is refused with the mend" {
	: >"$work/empty"
	printf 'hello\nworld\n' >"$work/hello"
	local file
	for file in "$work/empty" "$work/hello" "$work/no-such-file"; do
		gomemctl escape report "$file"
		[ "$status" -eq 2 ] && [ -z "$output" ] || fail "$file: exit $status" "$output"
		[[ $(head -n 1 <<<"$errors") == "gomemctl: $file: "* ]] || fail "does not name it first: $errors"
		! tail -n +2 <<<"$errors" | grep -vE '^  line [12]: (hello|world)$' || fail "more than what it has: $errors"
	done
	printf '[rule a]\nlevle = fail\n[rule b]\nclass = 9\n' >"$work/rules.ini"
	gomemctl escape gate "$work/m2-1.27" --baseline "$work/m2-1.27" --rules "$work/rules.ini"
	[ "$status" -eq 2 ] || fail "exit $status"
	[[ $errors == *rules.ini:4:* && $errors == *rules.ini:2:* ]] || fail "does not name the lines: $errors"
}

@test "it works without root, and without a daemon" {
	# By standard input: the directories of the tests are root's alone.
	output=$(setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all \
		"$gomemctl" escape report --json <"$work/m2-1.27")
	holds '.sites > 30 and .unknown_lines == 0'
}
