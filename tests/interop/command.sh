#!/usr/bin/env bash
# What `imsrig run` promises to who calls it: exit codes, JSON, the run's directory, runs
# beside each other, the same draw from the same seed.
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
base=tr23701-6.2.2.4.1
script=$TOP/scenarios/tr23701/6.2.2.4.1.yaml

# A script of one step that expects WHAT.
tiny() { # FILE ID EXPECT [MORE LINES]
	cat >"$1" <<-EOT
	id: $2
	title: a script of the tests
	document: {name: project}
	rig: {processes: [epcscf]}
	actors:
	  alice: {kind: wic, edge: epcscf, impi: a@ims.example.org, impu: "sip:a@ims.example.org", password: x}
	flow:
	  - step: one
	    do: alice connects
	    expect:
	      - "alice -> epcscf: HTTP GET /sip"
	      - "$3"
	${4:-}
	EOT
}

# ---- exit codes ----
tiny pass.yaml t-pass 'epcscf -> alice: HTTP 101'
expect_exit 0 pass.txt imsrig run pass.yaml
tiny fail.yaml t-fail 'epcscf -> alice: HTTP 403'
expect_exit 1 fail.txt imsrig run fail.yaml
expect_text fail.txt 'step one, epcscf: expected "epcscf -> alice: HTTP 403", came "epcscf -> alice: HTTP 101"'
tiny error.yaml t-error 'epcscf -> alice: HTTP 101' 'matrix: {epcscf.icscf: [nowhere.example.net]}'
expect_exit 3 error.txt imsrig run error.yaml
expect_text error.txt 'the rig did not start: epcscf .*nowhere.example.net'
# A setting that the element does not know is the script's fault, though it is seen only when
# the element starts.
tiny setting.yaml t-setting 'epcscf -> alice: HTTP 101' 'matrix: {epcscf.no.such: [1]}'
expect_exit 4 setting.txt imsrig run setting.yaml --variant 'epcscf*'
expect_text setting.txt 'setting.yaml:[0-9]+:[0-9]+: .*key "no" is not known here'
expect_exit 4 setting.txt imsrig run --keep-going setting.yaml fail.yaml
for line in 'expct: []' 'variants: 7' 'never: ["alice => epcscf"]'; do
	tiny script.yaml t-script 'epcscf -> alice: HTTP 101' "$line"
	expect_exit 4 script.txt imsrig run script.yaml
done
sed 's/kind: wic/kind: wick/' pass.yaml >kind.yaml
expect_exit 4 kind.txt imsrig run kind.yaml
expect_text kind.txt 'kind.yaml:6:[0-9]+: .*wick'
sed 's/do: alice connects/do: alice connets/' pass.yaml >verb.yaml
expect_exit 4 verb.txt imsrig run verb.yaml
expect_text verb.txt 'verb.yaml:[0-9]+:[0-9]+: .*connets'
sed '/expect:/,$d' pass.yaml >nothing.yaml
expect_exit 4 nothing.txt imsrig run nothing.yaml
expect_exit 4 folder.txt imsrig run ./
expect_text folder.txt 'it is a directory'
expect_exit 4 endless.txt timeout 20 imsrig run /dev/zero
expect_exit 3 full.txt bash -c 'imsrig run --json pass.yaml >/dev/full'
expect_text full.txt 'did not all arrive'
expect_exit 4 missing.txt imsrig run no-such-script
expect_exit 4 option.txt imsrig run --no-such-option
expect_exit 4 command.txt imsrig no-such-command
expect_exit 0 version.txt imsrig --version
expect_text version.txt '^imsrig [0-9]+\.[0-9]+\.[0-9]+$'

# ---- what did not run is never a pass ----
expect_exit 1 both.txt imsrig run --json fail.yaml pass.yaml
expect_text both.txt '"type":"summary","pass":0,"fail":1,"inconc":0,"error":0,"notrun":1'
expect_exit 1 both.txt imsrig run --json --keep-going fail.yaml pass.yaml
expect_text both.txt '"type":"summary","pass":1,"fail":1,"inconc":0,"error":0,"notrun":0'

# ---- JSON: one object a line, results and then the summary ----
timeout 60 imsrig run --json --variant base $base >json.txt 2>json.err || complain "run --json"
[ "$(wc -l <json.txt)" = 2 ] || complain "not two lines of JSON"
n='[0-9]+(\.[0-9]+)?'
expect_text json.txt "^\{\"type\":\"result\",\"scenario\":\"$base\",\"variant\":\"base\",\"verdict\":\"pass\",\"why\":\"\",\"step\":\"\",\"messages\":[0-9]+,\"seconds\":$n\}\$"
expect_text json.txt "^\{\"type\":\"summary\",\"pass\":1,\"fail\":0,\"inconc\":0,\"error\":0,\"notrun\":0,\"seconds\":$n\}\$"

# ---- the directory ----
rm -rf runs
expect_exit 0 dir.txt imsrig run --variant base "$script"
[ -L runs/latest ] || complain "no runs/latest"
for file in trace.pcapng ladder.txt verdicts.json rig-1/epcscf.log rig-1/hss.log rig-1/icscf.yaml; do
	[ -s runs/latest/$file ] || complain "no runs/latest/$file"
done
[ "$(stat -Lc %a runs/latest/trace.pcapng)" = 600 ] || complain "mode of trace.pcapng"
expect_text runs/latest/verdicts.json '"seed"'
expect_text runs/latest/verdicts.json '"version"'
bash "$TOP/tests/interop/tshark.sh" runs/latest/trace.pcapng >tshark.txt || complain "tshark: $(cat tshark.txt)"
bash "$TOP/tests/interop/secrets.sh" runs/latest "$TOP/scenarios" >secrets.txt ||
	complain "secrets: $(cat secrets.txt)"

# ---- web passwords ----
hash=$(echo "a long one" | imsrig web-password --cost 1) || complain "web-password"
[[ $hash == '$y$'* ]] || complain "web-password made $hash"
[ "$hash" != "$(echo "a long one" | imsrig web-password --cost 1)" ] || complain "web-password without salt"
expect_exit 4 out.txt imsrig web-password --cost 12 </dev/null
expect_exit 4 out.txt imsrig web-password </dev/null
expect_text out.txt '1 to 1024 octets'

# ---- beside each other ----
for i in 1 2 3; do
	timeout 120 imsrig run --variant base --out beside-$i $base >beside-$i.txt 2>&1 &
	pids[i]=$!
done
for i in 1 2 3; do
	wait "${pids[i]}" || { complain "run $i beside others"; cat beside-$i.txt; }
done

# ---- the same seed: the same ladder, but for the time, what the kernel drew, and what
# libfdcore sends on its own ----
same() {
	grep -v "^  \. " "$1" | sed -E -e 's/^( *[!.]? *)[0-9]+\.[0-9]{3} /\1/' -e 's/127\.[0-9]+\.0\./127.R.0./g' \
		-e 's/(127\.R\.0\.[0-9]+):[0-9]{4,5}/\1:PORT/g' -e 's/[0-9.]+ s$//'
}
for i in 1 2; do
	expect_exit 0 seed-$i.txt imsrig run --seed 4711 --variant 'base' --out seed-$i $base
	same seed-$i/ladder.txt >ladder-$i.txt
	tshark -n -r seed-$i/trace.pcapng -Y sip -T fields -e sip.auth.nonce -e sip.auth.cnonce \
		-e sip.Call-ID -e sip.Via.branch >drawn-$i.txt 2>/dev/null
done
cmp ladder-1.txt ladder-2.txt || complain "one seed, two ladders"
cmp drawn-1.txt drawn-2.txt || complain "one seed, two draws"
[ "$(wc -w <drawn-1.txt)" -gt 20 ] || complain "nothing was drawn"
expect_exit 0 seed-3.txt imsrig run --seed 4712 --variant base --out seed-3 $base
tshark -n -r seed-3/trace.pcapng -Y sip -T fields -e sip.auth.nonce -e sip.auth.cnonce \
	-e sip.Call-ID -e sip.Via.branch >drawn-3.txt 2>/dev/null
! cmp -s drawn-1.txt drawn-3.txt || complain "two seeds, one draw"
finish
