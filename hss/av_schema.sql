-- What the AV proxy was handed over (TR 33.871, direct authentication), a synchronisation a WWSF.
-- PRAGMA user_version is 2; a change of the schema raises it.

CREATE TABLE wwsf (
	name TEXT PRIMARY KEY,
	realm TEXT NOT NULL,
	generation INTEGER NOT NULL,           -- counts synchronisations
	synchronised_ms INTEGER NOT NULL       -- when the data was made, or imported; since 1970
) WITHOUT ROWID;

-- The files that were imported: at start each is left alone, whatever has followed it since.
CREATE TABLE imported (
	wwsf TEXT NOT NULL,
	fingerprint INTEGER NOT NULL,          -- of all its lines, seal_print
	PRIMARY KEY (wwsf, fingerprint)
) WITHOUT ROWID;

-- A web identity at a WWSF; it is known there as long as its generation is the WWSF's. One that
-- was withdrawn while it is registered stays, without its secrets, until that has ended.
CREATE TABLE web_user (
	web_identity TEXT NOT NULL,
	wwsf TEXT NOT NULL,
	generation INTEGER NOT NULL,
	impi TEXT NOT NULL,
	impu TEXT NOT NULL,
	ha1 BLOB,                              -- sealed (seal.h), about av_seal_about
	ha1_sha256 BLOB,
	PRIMARY KEY (web_identity, wwsf)
) WITHOUT ROWID;
CREATE INDEX web_user_wwsf ON web_user (wwsf, generation);

-- A text that the key must open, so that a wrong one is noticed at start.
CREATE TABLE seal (proof BLOB NOT NULL);
