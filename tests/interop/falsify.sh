#!/usr/bin/env bash
# A script whose expectation is wrong must fail: each expect line of the base scripts is
# falsified in turn (another message, a field that is not there, each field's value), taken out,
# or put behind the next one, and each time
# the verdict must be "fail", with the step that the line stands in.
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"

# Writes a script with one variant for each falsified line; the variants and their steps to
# `steps`, a line each.
generate() { # SCRIPT ID
	awk -v id="$2" -v dir="$(dirname "$1")" -v steps="$2.steps" '
	function other(line) {
		if (line ~ /: Cx [A-Z]+R[ "]/) sub(/: Cx [A-Z]+R/, ": Cx LIR", line)
		else if (line ~ /: Cx /) sub(/: Cx [A-Z]+A/, ": Cx LIA", line)
		else if (line ~ /: SIP [0-9]/) sub(/: SIP [0-9]+/, ": SIP 599", line)
		else if (line ~ /: SIP /) sub(/: SIP [A-Z]+/, ": SIP NOTIFY", line)
		else if (line ~ /: HTTP [0-9]/) sub(/: HTTP [0-9]+/, ": HTTP 418", line)
		else sub(/: HTTP [A-Z]+/, ": HTTP PUT", line)
		return line
	}
	function field(line,   add) {
		add = line ~ /: Cx / ? "Failed-AVP: present" : "X-Falsified: present"
		if (line ~ /\{/) sub(/\{/, "{" add ", ", line)
		else sub(/"$/, " {" add "}\"", line)
		return line
	}
	# The fields of a line, to `start` (where their values begin) and `end`.
	function fields(line,   at, last) {
		count = 0; at = index(line, "{") + 1
		last = length(line) - match(reverse(line), /}/)
		while (at > 1 && match(substr(line, at), /(^|, +)[A-Za-z][A-Za-z0-9_.+\[\]-]*: /)) {
			if (count) end[count] = at + RSTART - 2
			at += RSTART + RLENGTH - 1
			start[++count] = at
		}
		if (count) end[count] = last
	}
	function reverse(text,   i, out) {
		for (i = length(text); i; i--) out = out substr(text, i, 1)
		return out
	}
	# The k-th value, become one that can not hold; "" where that is not sure.
	function value(line, k,   now) {
		fields(line)
		now = substr(line, start[k], end[k] - start[k] + 1)
		if (now ~ /^not /) return ""
		now = now == "absent" ? "present" : now == "present" || now ~ /^\$/ ? "absent" : "/^no such value$/"
		return substr(line, 1, start[k] - 1) now substr(line, end[k] + 1)
	}
	# Two lines of one step that share an element: their order is told.
	function pair(at,   a, b) {
		if (!expected[at + 1] || step[at] != step[at + 1]) return 0
		if (split(flow[at], a, /[":]| -> /) < 3 || split(flow[at + 1], b, /[":]| -> /) < 3) return 0
		return a[2] == b[2] || a[2] == b[3] || a[3] == b[2] || a[3] == b[3]
	}
	function variant(kind, at, k,   i, line, id) {
		if (kind == "value" && value(flow[at], k) == "") return
		id = kind "-" at (k ? "-" k : "")
		print "  - id: " id "\n    text: line " at " of the flow\n    flow:"
		for (i = 1; i <= n; i++) {
			line = flow[i]
			if (i == at && kind == "removed") continue
			if (i == at && kind == "swapped") { print "    " flow[i + 1]; print "    " line; i++; continue }
			if (i == at - 1 && kind == "removed" && !expected[i] && !expected[at + 1])
				continue # the list would be empty
			if (i == at) line = kind == "other" ? other(line) : kind == "value" ? value(line, k) : field(line)
			print "    " line
		}
		print id "\t" step[at] >steps
	}
	# An expect line may be folded: a quoted text goes on until its quote.
	folded { sub(/^ */, ""); line = line " " $0; if (!/"$/) next; $0 = line; folded = 0 }
	/^      - "/ && !/"$/ { line = $0; folded = 1; next }
	/^[a-z]/ { top = $1 }
	top == "id:" { print "id: " id; next }
	top == "variants:" || top == "matrix:" || /^ *#/ { next }
	top == "include:" { gsub(/\.\.\//, dir "/../"); print; next }
	{ print }
	top == "flow:" && !/^flow:/ {
		flow[++n] = $0
		if (/^  - .*step:/ || /^    step:/) { now = $0; sub(/.*step: */, "", now); gsub(/"/, "", now) }
		step[n] = now
		if (/^    [a-z]+:/) { key = $1 }
		expected[n] = key == "expect:" && /^      - "/
	}
	END {
		print "variants:"
		for (at = 1; at <= n; at++) if (expected[at]) {
			variant("other", at); variant("field", at); variant("removed", at)
			if (pair(at)) variant("swapped", at)
			fields(flow[at])
			for (k = count; k > 0; k--) variant("value", at, k)
		}
	}' "$1" >"$2.yaml"
}
n=0
for script in ts23228/u.2.1.2 tr23701/6.2.2.4.1 tr23701/6.3.2.1.2 ts23228/u.2.1.3 \
	ts23228/u.2.1.3-refresh tr23701/6.3.2.1.3 tr23701/6.3.2.1.4-reg \
	tr23701/6.3.2.1.4-static tr23701/6.3.2.1.5 \
	tr23701/6.2.2.4.2 tr33871/direct; do
	id=t-falsified-$((n += 1))
	generate "$TOP/scenarios/$script.yaml" $id
	lines=$(grep -c other- $id.steps)
	[ "$lines" -ge 4 ] || complain "$script: only $lines expect lines were found"
	for kind in other field value removed swapped; do
		grep -q "^$kind-" $id.steps || continue # each step has one line
		expect_exit 1 $id.json imsrig run --keep-going --json --variant "$kind-*" --out $id $id.yaml
		while IFS=$'\t' read -r variant step; do
			[[ $variant == $kind-* ]] || continue
			result=$(grep "\"variant\":\"$variant\"" $id.json)
			[ "$(field "$result" verdict)" = fail ] || complain "$script $variant: $result"
			# what a step lacks may come when the next one has begun
			[ $kind = removed ] || [ "$(field "$result" step)" = "$step" ] ||
				complain "$script $variant is in step $step: $result"
		done <$id.steps
		tail -1 $id.json
	done
done
finish
