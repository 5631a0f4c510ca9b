-- The identity database (TR 23.701 6.3.2.1.3, step 1), keyed by the web identity, and the
-- identities that are lent (TS 23.228 U.2.1.4). PRAGMA user_version is 2: with `loan`.

CREATE TABLE IF NOT EXISTS user (
	id         INTEGER PRIMARY KEY,
	name       TEXT NOT NULL UNIQUE,             -- web identity, exact
	hash       TEXT,                             -- crypt(3) yescrypt; NULL: cannot sign in
	configured INTEGER NOT NULL DEFAULT 0        -- stands in the configuration, and goes with it
);

CREATE TABLE IF NOT EXISTS identity (                              -- one row a user that has an IMS identity
	user INTEGER PRIMARY KEY REFERENCES user ON DELETE CASCADE,
	impi TEXT NOT NULL                           -- TS 23.003 13.3
);

CREATE TABLE IF NOT EXISTS impu (
	user     INTEGER NOT NULL REFERENCES identity ON DELETE CASCADE,
	position INTEGER NOT NULL,                   -- the first is the default
	impu     TEXT NOT NULL,                      -- TS 23.003 13.4
	PRIMARY KEY (user, position)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS loan (                    -- one row an identity that has ever been lent
	impi    TEXT PRIMARY KEY,
	holder  TEXT UNIQUE,                         -- who has it, or had it last
	until   INTEGER NOT NULL,                    -- ms, rig time: lease and every token end by then
	pending INTEGER NOT NULL,                    -- tokens asked for, and not yet known of
	used    INTEGER NOT NULL                     -- this holder may have had a token
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS loan_until ON loan (until);
