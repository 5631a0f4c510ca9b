#!/usr/bin/env bash
# secrets.sh RUN-DIRECTORY SCENARIOS: no password, HA1 or key of a subscriber, and no digest
# response that went over a wire, stands in anything that a run leaves but the trace, which is
# there for the octets.
# SPDX-License-Identifier: Apache-2.0
set -uo pipefail
dir=$1 scenarios=$2
[ -s "$dir/verdicts.json" ] || { echo "$dir is no run"; exit 1; }
list=$(mktemp)
trap 'rm -f "$list"' EXIT

# {impi: X, password: Y, ...} on one line; the realm is the home domain
sed -n 's/.*impi: *\([^,} ]*\),.*password: *\([^,} ]*\).*/\1 \2/p' "$scenarios"/subscribers/*.yaml |
	while read -r impi password; do
		echo "$password"
		printf '%s:ims.example.org:%s' "$impi" "$password" | md5sum | cut -d' ' -f1
		printf '%s:ims.example.org:%s' "$impi" "$password" | sha256sum | cut -d' ' -f1
	done >"$list"
[ "$(wc -l <"$list")" -ge 20 ] || { echo "the subscribers' passwords were not found"; exit 1; }
# ... the keys of USIMs, the network's and the clients'
keys=$(cat "$scenarios"/subscribers/*.yaml "$scenarios"/ladders/*.yaml | grep -oE '\b(k|op|opc): *[0-9a-f]{32}\b' | sed 's/.*: *//')
[ "$(echo "$keys" | sort -u | wc -l)" -ge 4 ] || { echo "the keys of USIMs were not found"; exit 1; }
echo "$keys" >>"$list"
# ... and the passwords of web users, but for those that are wrong
sed -n 's/.*web-password: *\([^,} ]*\).*/\1/p' "$scenarios"/*/*.yaml | grep -vx wrong >>"$list"
# ... and the HA1s that WWSFs hand over, which are sealed in the AV proxy's database
sed -n 's/^user,[^,]*,[^,]*,[^,]*,//p' "$scenarios"/subscribers/*.csv | tr ',' '\n' | grep -E '^[0-9a-f]{32,}$' >>"$list"
tshark -n -r "$dir/trace.pcapng" -Y 'sip.auth.digest.response' -T fields \
	-e sip.auth.digest.response 2>/dev/null | tr -d '"' | grep -E '^[0-9a-f]{32,}$' >>"$list"
# ... those of W4, too, where the WAAF checks them itself
tshark -n -r "$dir/trace.pcapng" -Y 'http.request.uri == "/registrations"' -T fields -E aggregator='|' \
	-e json.value.string 2>/dev/null | sed 's/.*|//' | grep -E '^[0-9a-f]{32}([0-9a-f]{32})?$' >>"$list"
sort -u -o "$list" "$list"
sed -i '/^$/d' "$list"
found=$(grep -rlF -f "$list" --exclude=trace.pcapng "$dir" | head -20)
left=$(find "$dir" -type f | grep -E '/[^/]*(\.db(-[a-z]+)?|\.key|-key\.pem|-keys\.json)$' | head -20)
[ -z "$left" ] || { echo "databases or keys are left:"; echo "$left"; exit 1; }
# Every security token begins so, whoever made it; it is {"alg", {"typ" or {"kid" in base64url.
tokens=$(grep -rlE 'eyJ(hbGci|0eXAi|raWQi)' --exclude=trace.pcapng "$dir")
[ -z "$found$tokens" ] && { echo "$(wc -l <"$list") secrets looked for, and tokens; none found"; exit 0; }
[ -z "$tokens" ] || echo "tokens stand in: $tokens"
[ -n "$found" ] || exit 1
echo "secrets stand in:"
for file in $found; do
	echo "  $file: $(grep -aoF -f "$list" "$file" | sort -u | head -5 | tr '\n' ' ')"
done
exit 1
