-- What outlives a WAAF: the blocks that WWSFs registered, and the members of ranges.
-- PRAGMA user_version is 1; a change of the schema raises it. Times are ms since 1970.

-- The registration of a WWSF's blocks (TR 23.701 6.3.2.1.4).
CREATE TABLE registration (
	wwsf TEXT PRIMARY KEY,
	id TEXT NOT NULL,
	blocks TEXT NOT NULL,                  -- wildcarded identities, parted by blanks
	ends_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- An identity out of a range, registered by a WIC (6.3.2.1.5). Its flow is not kept: no
-- connection outlives the process.
CREATE TABLE member (
	impu TEXT PRIMARY KEY,
	impi TEXT NOT NULL,
	wwsf TEXT NOT NULL,
	sub TEXT NOT NULL,                     -- of its token: who may register it again
	instance TEXT,                         -- +sip.instance (RFC 5626)
	contact TEXT NOT NULL,
	call INTEGER NOT NULL,                 -- hash of the Call-ID (RFC 3261 10.3 step 7)
	cseq INTEGER NOT NULL,
	ends_ms INTEGER NOT NULL
) WITHOUT ROWID;
