#!/usr/bin/env bash
# SIPp, an independent client, registers a hundred users by digest over UDP at the access
# listener of a whole rig; the HSS and the S-CSCF say that they are registered. sngrep, an
# independent receiver of HEP, gets every message of the eP-CSCF.
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
users=100 up= sngrep=

end_rig() {
	[ -n "$up" ] || return
	kill -INT "$up" 2>/dev/null
	wait "$up"
	code=$?
	[ "$code" = 0 ] || complain "imsrig up: exit $code"
	up=
}
end_sngrep() {
	[ -n "$sngrep" ] || return
	kill -INT "$sngrep" 2>/dev/null
	wait "$sngrep"
	sngrep=
}
trap 'end_rig; end_sngrep' EXIT

cp "$TOP/scenarios/subscribers/individual.yaml" mine.yaml # by a relative path, as people do
for net in 231 232 233 234 235; do
	imsrig up --network $net --subscribers mine.yaml --set epcscf.access=udp \
		--set scscf.node.metrics=127.$net.0.14:9100 \
		--set epcscf.node.trace=udp:127.$net.0.1:9060 >up.txt 2>&1 &
	up=$!
	for _ in $(seq 200); do
		grep -q 'The rig is up' up.txt && break 2
		kill -0 "$up" 2>/dev/null || break
		sleep 0.1
	done
	wait "$up" 2>/dev/null
	up=
done
[ -n "$up" ] || { cat up.txt; complain "the rig did not start"; finish; }

TERM=dumb sngrep -F -N -q -L "udp:127.$net.0.1:9060" -O hep.pcap >sngrep.txt 2>&1 </dev/null &
sngrep=$!
at=$(printf '%02X00%02X7F:2364' 1 $net)
for _ in $(seq 100); do
	grep -q "$at" /proc/net/udp && break
	sleep 0.1
done

expect_exit 0 add.txt imsrig subscriber add --range user%06d --count $users --first 1 \
	--password pw%06d
{
	echo SEQUENTIAL
	for i in $(seq -f %06g $users); do
		echo "user$i;user$i@ims.example.org;[authentication username=user$i@ims.example.org password=pw$i]"
	done
} >users.csv
expect_exit 0 sipp.txt env TERM=dumb sipp "127.$net.0.12:5062" -i 127.$net.0.101 -p 5060 \
	-t u1 -nd -auth_uri ims.example.org -sf "$TOP/tests/interop/register.xml" -inf users.csv -m $users -r 100 -l 20 \
	-timeout 60 -timeout_error -trace_err -error_file "$WORK/errors.txt"
[ -s errors.txt ] && head -20 errors.txt

list=$(for i in $(seq -f %06g $users); do imsrig subscriber show "user$i" || echo missing; done)
registered=$(grep -c '@ims.example.org: registered' <<<"$list")
[ "$registered" = $users ] || complain "the HSS has $registered of $users registered"
exec 3<>/dev/tcp/127.$net.0.14/9100
printf 'GET /metrics HTTP/1.1\r\nHost: scscf\r\nConnection: close\r\n\r\n' >&3
cat <&3 >metrics.txt
exec 3>&-
grep -E '^imsrig_scscf_' metrics.txt
grep -qE "^imsrig_scscf_(bindings|contacts|users)[^ ]* $users\$" metrics.txt ||
	complain "the S-CSCF does not hold $users bindings"
end_rig
end_sngrep
trap - EXIT

# Two REGISTERs, a 401 and a 200 a user, each received and sent.
for of in 'sip.Method == "REGISTER" 4' 'sip.Status-Code == 401 2' 'sip.Status-Code == 200 2'; do
	got=$(tshark -n -r hep.pcap -Y "${of% *}" 2>/dev/null | wc -l)
	[ "$got" = $((users * ${of##* })) ] || complain "sngrep has $got of ${of% *}"
done
finish
