#!/usr/bin/env bash
# tshark.sh TRACE: an independent dissector reads what our elements sent. No malformed packet,
# no expert item of severity error; AVPs that it does not know are those of TS 29.229 that are
# younger than its dictionary.
# SPDX-License-Identifier: Apache-2.0
set -uo pipefail
trace=$1
elements='hss|scscf|scscf2|icscf|epcscf|waaf|wwsf|wwsf2'
error=8388608 warning=6291456

fields() { tshark -n -r "$trace" -Y "$1" -T fields -E separator='|' -e frame.number \
	-e _ws.expert.message -e frame.comment 2>/dev/null; }
# The comment ends with ": FROM -> TO", and perhaps what the judge says of it.
of_ours() { grep -E "\|[^|]*: ($elements) -> [^ ]+( \([a-z ]+\))?\$"; }

wrong=$(fields "_ws.malformed || _ws.expert.severity >= $error" | of_ours)
[ -z "$wrong" ] || { echo "malformed, or an error:"; echo "$wrong"; exit 1; }
# What a peer sent may come back to it in Failed-AVP. A list of WAFs and WWSFs that names
# nobody is an empty group, as the grammar of TS 29.229 6.3.58 allows.
empty='(_ws.expert.message == "Data is empty" && diameter.avp.code == 656 && diameter.avp.len == 12)'
wrong=$(fields "diameter && _ws.expert.severity == $warning && !$empty" | of_ours |
	grep -v '|ims-bad-cx/' | grep -vE 'Unknown AVP 66[2-6] \(vendor=3GPP\)')
[ -z "$wrong" ] || { echo "warnings about Diameter:"; echo "$wrong"; exit 1; }
for protocol in sip diameter http; do
	n=$(tshark -n -r "$trace" -Y "$protocol" 2>/dev/null | wc -l)
	[ "$n" -gt 0 ] || { echo "no packet is read as $protocol"; exit 1; }
	echo "$n packets of $protocol"
done
wrong=$(fields '!sip && !diameter && !http && !websocket' | of_ours)
[ -z "$wrong" ] || { echo "not understood:"; echo "$wrong"; exit 1; }
