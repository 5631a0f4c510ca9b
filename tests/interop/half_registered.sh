#!/usr/bin/env bash
# What a WWSF asks for is registered in the HSS as a whole or not at all: the database is read
# after each variant of the scripts of wildcards, as that variant left it.
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"

# Variants that end with a block registered (TR 23.701 6.3.2.1.4, registration mode). All others
# must leave nothing.
registered="base third-party-waaf plain-tcp plain-udp granted-less network-grants-less several-blocks
one-of-several same-block-otherwise-written neighbours re-registration re-registration-challenged
withdrawal waaf-restarted waaf-restarted-amid-the-steps waaf-forgot wwsf-restarted wwsf-blocked overlap
overlap-amid-the-steps overlap-over in-progress too-many-procedures stale-nonce asked-anew
credentials-for-another-challenge pcscf-gone scscf-lost-amid-the-steps saa-lost
pcscf-restarted-amid-the-steps pcscf-lost-at-the-verdict waaf-lost-at-the-verdict scscf-lost-at-the-verdict"

# What is half of something, a line each.
half="
SELECT 'an authentication is pending', identity FROM pair JOIN impi ON impi.id = pair.impi WHERE auth_pending;
SELECT 'part of an implicit set', group_concat(identity || ' ' || state) FROM pair JOIN impu ON impu.id = pair.impu
	GROUP BY subscription, implicit_set, pair.impi HAVING count(DISTINCT state) > 1;
SELECT 'registered at no S-CSCF', identity FROM pair JOIN impu ON impu.id = pair.impu
	WHERE state AND subscription NOT IN (SELECT subscription FROM assignment)
	AND subscription NOT IN (SELECT id FROM subscription WHERE fixed_server IS NOT NULL);
SELECT 'an S-CSCF for nobody', name FROM subscription JOIN assignment ON assignment.subscription = subscription.id
	WHERE fixed_server IS NULL AND id NOT IN
	(SELECT subscription FROM pair JOIN impu ON impu.id = pair.impu WHERE state OR auth_pending);
SELECT 'a member of a range', identity FROM impi WHERE identity GLOB 'web[0-9]*@*' OR identity GLOB 'net[0-9]*@*';"
nothing="SELECT 'registered', identity FROM pair JOIN impu ON impu.id = pair.impu WHERE state = 2;"
something="SELECT count(*) FROM pair WHERE state = 2;"

read_db() { sqlite3 -readonly "$@" 2>&1; }

timeout -k 5 800 imsrig run --keep-rigs --keep-going --json --out run 'tr23701-6.3.2.1.4-*' \
	tr23701-6.3.2.1.5 >results.json 2>run.log || { complain "imsrig run"; tail -5 run.log; }
n=0 whole=0
while read -r scenario variant logs; do
	db=run/$logs/hss.db
	[ -s "$db" ] || continue # refused at start
	n=$((n + 1))
	found=$(read_db "$db" "$half")
	# web000900 has a subscription of its own
	found=$(grep -v 'a member of a range|web000900-impi@' <<<"$found")
	case $scenario in
	*-reg)
		if grep -qwF -- "$variant" <<<"$registered"; then
			whole=$((whole + 1))
			[ "$(read_db "$db" "$something")" -gt 0 ] || found+=" nothing is registered"
		else
			found+=$(read_db "$db" "$nothing")
		fi
		;;
	*-static) found+=$(read_db "$db" "$nothing") ;;
	esac
	[ -z "$found" ] || complain "$scenario/$variant: $found"
done < <(sed -n 's/^ *"\(scenario\|variant\|logs\)": "\(.*\)",$/\2/p' run/verdicts.json | paste - - -)
[ "$n" -ge 150 ] || complain "only $n databases were read"
[ "$whole" = "$(wc -w <<<"$registered")" ] || complain "only $whole variants end registered"
echo "$n databases were read, $whole with a registered block"
finish
