# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What doc/KUBERNETES.md promises of a profile, in the words of "gomemctl features". Sourced, by tests of the guest as well.

# promised DOC PROFILE: "NAME works" or "NAME missing" a line, sorted; missing is all for which this node lacks what the table says.
promised() {
	local name reduced full needs word
	while IFS='|' read -r _ name reduced full needs _; do
		if [ "$2" = full ]; then word=$full; else word=$reduced; fi
		needs=$(tr -d ' `' <<<"$needs")
		[ -z "$needs" ] || [ -e "$needs" ] || word=missing
		printf '%s %s\n' "${name// /}" "${word// /}"
	done < <(grep -E '^\| [a-z0-9-]+ \| (works|missing) \| (works|missing) \|' "$1") | sort
}

# in_fact: the same of what "gomemctl features --json" says on standard input, but for servers that nobody has configured.
in_fact() {
	jq -r '.features[] | select(.configured != false) | "\(.name) \(if .works == null then "untried" elif .works then "works" else "missing" end)"' | sort
}
