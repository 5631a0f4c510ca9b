#!/usr/bin/env bash
# Every element refuses a wrong configuration with exit code 4 and a sentence that names
# file, line, column, key and what was expected; what the machine refuses (a port in use, a
# database) with exit code 1 and a sentence, at once.
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"

# The configurations of a rig, from a run that leaves them.
cat >rig.yaml <<'EOT'
id: t-rig
title: a rig of every element
document: {name: project}
rig: {processes: [hss, scscf, scscf2, icscf, epcscf, waaf, wwsf], subscribers: subscribers/individual.yaml}
actors:
  alice: {kind: wic, edge: epcscf, impi: a@ims.example.org, impu: "sip:a@ims.example.org", password: x}
flow:
  - step: one
    do: alice connects
    expect: ["alice -> epcscf: HTTP GET /sip", "epcscf -> alice: HTTP 101"]
EOT
mkdir scenarios
ln -s "$TOP/scenarios/subscribers" scenarios/subscribers
expect_exit 0 rig.txt imsrig run --keep-rigs rig.yaml --out rig
conf=$WORK/rig/rig-1
# A network of their own: that of the run is free for others now.
sed -i -E "s|trace: .*|trace: off|; s|127\.[0-9]+\.0\.|127.230.0.|g" "$conf"/*.yaml

element() { # the program of a configuration
	local name=${1##*/}
	name=${name%.yaml}
	echo "${name%2}"
}
# refuses CODE FILE REGEX
refuses() {
	local out=out.txt
	expect_exit "$1" $out timeout 10 "$(element "$4")" --config "$2"
	expect_text $out "$3"
}
for file in "$conf"/{hss,scscf,icscf,epcscf,waaf,wwsf}.yaml; do
	bad=$WORK/bad.yaml
	# an unknown key, with its place
	{ cat "$file"; echo 'no-such-key: 1'; } >$bad
	line=$(wc -l <$bad)
	refuses 4 $bad "bad.yaml:$line:1: key \"no-such-key\" is not known here" "$file"
	# a wrong type
	sed 's/^node:.*/node: 7/; /^[ \t]/{/^ *\(name\|run-dir\|seed\|trace\|names\|log\):/d}' "$file" |
		awk '/^node: 7/{print; skip=1; next} /^[^ \t-]/{skip=0} !skip' >$bad
	refuses 4 $bad 'bad.yaml:[0-9]+:[0-9]+: .*node' "$file"
	# a required key is missing
	awk '/^node:/{skip=1; next} /^[^ \t-]/{skip=0} !skip' "$file" >$bad
	refuses 4 $bad 'bad.yaml.*"?node"?.*(missing|needed|required)' "$file"
	# no YAML
	printf 'node: {name: [}\n' >$bad
	refuses 4 $bad 'bad.yaml:1:[0-9]+: ' "$file"
	# no file
	refuses 4 "$WORK/no-such-file.yaml" 'no-such-file.yaml' "$file"
	# no argument
	expect_exit 4 out.txt "$(element "$file")"
	expect_exit 0 out.txt "$(element "$file")" --help
done

# ---- a number and its bounds, an address, a choice ----
try() { # ELEMENT KEY-LINE REGEX
	{ grep -v "^${2%%:*}:" "$conf/$1.yaml"; echo "$2"; } >bad.yaml
	refuses 4 "$WORK/bad.yaml" "bad.yaml:[0-9]+:[0-9]+: .*$3" "$conf/$1.yaml"
}
try scscf 'max-flows: many' 'max-flows.*number'
try scscf 'max-flows: 0' 'max-flows.*1'
try scscf 'nonce-life: soon' 'nonce-life'
try epcscf 'access: sctp' 'access.*off.*udp.*tcp'
try epcscf 'waaf-listen: nowhere:x' 'waaf-listen'
try icscf 'domain: [a, b]' 'domain'

# ---- a port in use ----
in_use() { # ELEMENT REGEX: two of them with one configuration, but for run directory and databases
	local first code
	mkdir -p other
	sed "s|run-dir: .*|run-dir: $WORK/other|; s|$conf/\([a-z0-9]*\.db\)|$WORK/other/\1|" \
		"$conf/$1.yaml" >second.yaml
	"$1" --config "$conf/$1.yaml" 2>first.txt &
	first=$!
	for _ in $(seq 100); do grep -q "$2" first.txt && break; sleep 0.05; done
	expect_exit 1 out.txt timeout 10 "$1" --config second.yaml
	expect_text out.txt '127\.[0-9.]+:[0-9]+.*in use'
	kill "$first"
	wait "$first"
	code=$?
	[ $code = 0 ] || complain "$1 ended with $code"
}
in_use wwsf 'ready'
in_use epcscf 'ready'
in_use waaf 'ready'
in_use hss 'ready'

# ---- the database of the HSS ----
db() { # REGEX
	expect_exit 1 out.txt timeout 10 hss --config "$WORK/hss.yaml"
	expect_text out.txt "$1"
}
sed "s|run-dir: .*|run-dir: $WORK|; s|^database: .*|database: $WORK/bad.db|" "$conf/hss.yaml" >hss.yaml
echo 'this is no database, but long enough to be mistaken for one, or so one would think....' >bad.db
db 'bad.db.*not a database'
rm -f bad.db*
cp "$conf/hss.db" bad.db
printf '\0\0\0\143' | dd of=bad.db bs=1 seek=60 conv=notrunc 2>/dev/null # user_version 99
db 'bad.db has version 99, this program needs version'
rm -f bad.db*
sed "s|^database: .*|database: $WORK/no/such/dir/hss.db|" "$conf/hss.yaml" >hss.yaml
db 'no/such/dir/hss.db'
# locked by another HSS, which listens elsewhere
sed "s|run-dir: .*|run-dir: $WORK|; s|^database: .*|database: $conf/hss.db|; s|\(listen: .*127\.[0-9]*\.0\.\)16|\117|" \
	"$conf/hss.yaml" >hss.yaml
hss --config "$conf/hss.yaml" 2>first.txt &
first=$!
for _ in $(seq 100); do grep -q ready first.txt && break; sleep 0.05; done
db 'hss.db.*(locked|in use|another)'
kill $first
wait $first
finish
