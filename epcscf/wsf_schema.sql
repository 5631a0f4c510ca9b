-- What the WSF knows of web users (TR 23.701 6.2.2.4.2 steps 1 and 2), and the sessions that
-- outlive it.

CREATE TABLE user (
	name   TEXT PRIMARY KEY,                     -- web identity, exact
	hash   TEXT,                                 -- crypt(3) yescrypt, for passwords in a body
	md5    TEXT,                                 -- H(A1) of RFC 7616 by MD5 ...
	sha256 TEXT,                                 -- ... and by SHA-256, lower-case hex
	impi   TEXT                                  -- TS 23.003 13.3; NULL: no IMS identity
) WITHOUT ROWID;

CREATE TABLE impu (
	user     TEXT NOT NULL,
	position INTEGER NOT NULL,                   -- the first is the default
	impu     TEXT NOT NULL,                      -- TS 23.003 13.4, canonical
	PRIMARY KEY (user, position)
) WITHOUT ROWID;

-- One row a live session. Neither cookie nor handle stands here: whoever reads the file can't use
-- them.
CREATE TABLE session (
	cookie     BLOB PRIMARY KEY,                 -- SHA-256
	handle     BLOB NOT NULL,                    -- SHA-256
	user       TEXT NOT NULL,
	impi       TEXT NOT NULL,
	impu       TEXT NOT NULL,
	contact    TEXT NOT NULL,                    -- user part of Contact and Path
	instance   TEXT NOT NULL,                    -- UUID of +sip.instance
	call_id    TEXT NOT NULL,
	cseq       INTEGER NOT NULL,                 -- the last that was used
	route      TEXT NOT NULL,                    -- Service-Route
	identities TEXT NOT NULL,                    -- P-Associated-URI, one a line
	waf        TEXT,                             -- whom the core is told
	wwsf       TEXT,
	client     TEXT,                             -- WWSF whose token it began with; NULL: no token
	page       TEXT,                             -- ... whose page it began on; NULL: on none
	ends_ms    INTEGER NOT NULL,                 -- wall clock: of the session
	until_ms   INTEGER NOT NULL                  -- ... of its registration
) WITHOUT ROWID;
