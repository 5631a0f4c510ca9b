-- The identity database (TR 23.701 6.3.2.1.3, step 1), keyed by the web identity.
-- user_version 1.

CREATE TABLE user (
	id         INTEGER PRIMARY KEY,
	name       TEXT NOT NULL UNIQUE,             -- web identity, exact
	hash       TEXT,                             -- crypt(3) yescrypt; NULL: cannot sign in
	configured INTEGER NOT NULL DEFAULT 0        -- stands in the configuration, and goes with it
);

CREATE TABLE identity (                              -- one row a user that has an IMS identity
	user INTEGER PRIMARY KEY REFERENCES user ON DELETE CASCADE,
	impi TEXT NOT NULL                           -- TS 23.003 13.3
);

CREATE TABLE impu (
	user     INTEGER NOT NULL REFERENCES identity ON DELETE CASCADE,
	position INTEGER NOT NULL,                   -- the first is the default
	impu     TEXT NOT NULL,                      -- TS 23.003 13.4
	PRIMARY KEY (user, position)
) WITHOUT ROWID;
