# What the tests of the command share: sourced with BIN (the programs), TOP (the sources) and
# an empty directory of its own to work in.
# SPDX-License-Identifier: Apache-2.0
set -uo pipefail
BIN=$1 TOP=$2 WORK=$3
export PATH=$BIN:$PATH LC_ALL=C NO_COLOR=1
rm -rf "$WORK"
mkdir -p "$WORK"
cd "$WORK" || exit 1
wrong=0

complain() { printf 'WRONG: %s\n' "$*"; wrong=$((wrong + 1)); }
finish() {
	[ "$wrong" = 0 ] || { echo "$wrong wrong; see $WORK"; exit 1; }
	echo "all as it should be"
}
# expect_exit CODE OUTPUT-FILE COMMAND...: runs it; hangs are ended after five minutes
expect_exit() {
	local want=$1 out=$2 code
	shift 2
	timeout -k 5 300 "$@" >"$out" 2>&1
	code=$?
	[ "$code" = "$want" ] || { complain "exit $code instead of $want: $*"; tail -5 "$out"; }
}
# expect_text FILE REGEX
expect_text() {
	grep -Eq -- "$2" "$1" || { complain "$1 lacks /$2/"; tail -5 "$1"; }
}
expect_no_text() {
	! grep -E -- "$2" "$1" || complain "$1 has /$2/"
}
# field LINE-OF-JSON KEY: of our compact JSON, texts and numbers
field() { sed -n "s/.*\"$2\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$1"; }
