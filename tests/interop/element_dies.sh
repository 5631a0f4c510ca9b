#!/usr/bin/env bash
# An element that ends in the middle of a run makes its variant inconclusive, with its name
# and its last line, within seconds; the next variant gets a new rig.
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"

cat >dies.yaml <<'EOT'
id: t-dies
title: an element ends by itself
document: {name: project}
rig: {processes: [hss, scscf, icscf, epcscf]}
actors:
  alice: {kind: wic, edge: epcscf, impi: a@ims.example.org, impu: "sip:a@ims.example.org", password: x}
flow:
  - &connect
    step: one
    do: alice connects
    expect: ["alice -> epcscf: HTTP GET /sip", "epcscf -> alice: HTTP 101"]
  - step: two
    text: Nothing comes, since the I-CSCF is gone by then.
    do: [{admin: {at: icscf, cmd: stop}}, alice registers]
    expect: ["alice -> epcscf: SIP REGISTER", "epcscf -> icscf: SIP REGISTER", "epcscf -> alice: SIP 401"]
variants:
  - id: after
    flow: [*connect]
  - id: waits
    flow:
      - *connect
      - step: two
        do: alice registers
        expect: ["alice -> epcscf: SIP REGISTER", "epcscf -> icscf: SIP REGISTER", "icscf -> hss: Cx UAR", "hss -> icscf: Cx UAA", "icscf -> epcscf: SIP 403", "epcscf -> alice: SIP 403"]
      - step: three
        text: Nothing comes until somebody outside kills the S-CSCF.
        expect: ["epcscf -> alice: SIP 599"]
EOT
begun=$(date +%s)
expect_exit 2 out.txt imsrig run --json --keep-going --variant 'base' --out base dies.yaml
expect_text out.txt '"variant":"base","verdict":"inconc","why":"step two: icscf ended by itself; its last line: [^}]*stop'
expect_exit 2 out.txt imsrig run --json --keep-going --variant '[ba]*' --out both dies.yaml
expect_text out.txt '"variant":"base","verdict":"inconc"'
expect_text out.txt '"variant":"after","verdict":"pass"'
took=$(($(date +%s) - begun))
[ $took -lt 20 ] || complain "it took $took s"

imsrig run --json --variant waits --out waits dies.yaml >out.txt 2>&1 &
run=$!
scscf() { # its pid, among the children of the run alone
	local pid
	for pid in $(cat "/proc/$run/task/$run/children" 2>/dev/null); do
		tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q '/scscf.yaml ' && echo "$pid"
	done
}
for _ in $(seq 100); do
	pid=$(scscf)
	[ -n "$pid" ] && grep -q 'refused with 403' waits/rig-1/icscf.log 2>/dev/null && break
	sleep 0.05
done
if [ -n "$pid" ]; then kill -KILL "$pid"; else complain "no S-CSCF to kill"; fi
wait $run
code=$?
[ $code = 2 ] || complain "killed: exit $code instead of 2"
expect_text out.txt '"verdict":"inconc","why":"step three: scscf ended by itself'
finish
