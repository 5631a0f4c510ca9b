#!/usr/bin/env bash
# `imsrig avproxy` on database files: what it prints, its exit codes, and that whatever is refused
# leaves the old store as it was.
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
files=$TOP/scenarios/subscribers

av() { # CODE ARGUMENTS...: into out.txt
	local code=$1
	shift
	expect_exit "$code" out.txt imsrig avproxy "$@" --database av.db
}
ours() { # still there, all of it
	av 0 list
	[ "$(wc -l <out.txt)" = 6 ] || complain "the old store has changed: $(cat out.txt)"
}

av 0 status
expect_text out.txt 'no WWSF has been synchronised with; import a file'
av 0 import "$files/web-credentials-wwsf.csv"
expect_text out.txt '^wwsf.ims.example.org: 6 users, 0 withdrawn$'
av 0 status
expect_text out.txt 'realm web.ims.example.org'
expect_text out.txt 'synchronised 20..-..-..T..:..:..Z, [0-9]+ s ago$'
av 0 show alice@wwsf.ims.example.org
expect_text out.txt 'private alice-web@ims.example.org, public sip:alice@ims.example.org'
av 0 --json show alice@wwsf.ims.example.org
expect_text out.txt '^\{"ok":true,"at":\[\{"wwsf":"wwsf.ims.example.org"'
av 1 show nobody@wwsf.ims.example.org
expect_text out.txt 'no web identity "nobody@wwsf.ims.example.org" is known'

av 1 import "$files/web-credentials-cut.csv"
expect_text out.txt 'cut.csv:7: the file has no end line: .* import it again'
ours
av 1 import "$files/web-credentials-half.csv"
expect_text out.txt 'half.csv:7: the HA1 for MD5 is not 32 hex digits'
ours
av 1 import nothing.csv
expect_text out.txt 'nothing.csv can.t be read: No such file'
ours

[ "$(stat -c %a av.db av.db.key | sort -u)" = 600 ] || complain "others may read the store"
for digest in $(sed -n 's/^user,[^,]*,[^,]*,[^,]*,//p' "$files/web-credentials-wwsf.csv"); do
	! grep -qF "$digest" av.db* || complain "a HA1 stands in the store"
done
mv av.db.key kept
av 1 list
expect_text out.txt 'av.db.key: it is missing, .*put it back'
printf '%064d\n' 7 >av.db.key
chmod 600 av.db.key
av 1 list
expect_text out.txt 'av.db was not sealed with the key in av.db.key: put the key file back'
chmod 644 av.db.key
av 1 list
expect_text out.txt 'chmod 600'
mv kept av.db.key
ours

av 0 import "$files/web-credentials-wwsf-later.csv"
expect_text out.txt '^wwsf.ims.example.org: 5 users, 1 withdrawn$'
av 0 remove anna@wwsf.ims.example.org
av 1 remove anna@wwsf.ims.example.org
av 1 remove --wwsf wwwsf.ims.example.org
expect_text out.txt 'no WWSF "wwwsf.ims.example.org" is known'
av 0 remove --wwsf wwsf.ims.example.org
av 0 status
expect_text out.txt 'no WWSF'
av 4 nothing
av 4 import
finish
