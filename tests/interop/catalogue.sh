#!/usr/bin/env bash
# The whole catalogue against this build, and its evidence read by others.
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"

timeout -k 5 900 imsrig run --keep-going --json --out run >results.json 2>run.log
code=$?
grep '"type":"result"' results.json | grep -v '"verdict":"pass"'
[ "$code" = 0 ] || { complain "imsrig run: exit $code"; tail -5 run.log; }
tail -1 results.json
# libfdcore leaks what is under way when it is stopped amid a handshake: no leak check here.
expect_no_text run.log 'did not stop cleanly: signal'
grep -l 'ERROR: AddressSanitizer\|runtime error' run/rig-*/*.log && complain "an element has a fault"
[ "$(stat -c %a run/trace.pcapng)" = 600 ] || complain "trace.pcapng is not for its owner alone"
for file in ladder.txt verdicts.json rig-1/hss.log; do
	[ -s "run/$file" ] || complain "no run/$file"
done
bash "$TOP/tests/interop/tshark.sh" run/trace.pcapng || complain "tshark"
bash "$TOP/tests/interop/secrets.sh" run "$TOP/scenarios" || complain "secrets"
finish
