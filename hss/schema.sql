-- The HSS's database: what is provided for subscribers, and where they are registered.
-- PRAGMA user_version is 1; a change of the schema raises it.

-- An IMS subscription (TS 23.228 4.3.1). Lists are texts, their entries parted by one blank.
CREATE TABLE subscription (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	fingerprint INTEGER NOT NULL,          -- of what it was made from
	may_register INTEGER NOT NULL,         -- TS 29.228 6.1.1.1 step 5
	visited_networks TEXT,                 -- TS 29.228 6.1.1.1 step 5; NULL: the HSS's own list
	mandatory_capabilities TEXT,           -- TS 29.229 6.3.5
	optional_capabilities TEXT,            -- TS 29.229 6.3.6
	server_names TEXT,                     -- TS 29.229 6.3.4: preferred S-CSCFs
	primary_ecf TEXT, secondary_ecf TEXT,  -- TS 29.229 6.3.20, 6.3.21
	primary_ccf TEXT, secondary_ccf TEXT,  -- TS 29.229 6.3.22, 6.3.23
	allowed_wafs TEXT,                     -- TS 29.229 6.3.58; NULL: no list applies
	allowed_wwsfs TEXT                     -- TS 29.229 6.3.59
);

-- A private identity (TS 23.228 4.3.3.1) with its credentials (TS 33.203 Annex N). No
-- password is kept.
CREATE TABLE impi (
	id INTEGER PRIMARY KEY,
	identity TEXT NOT NULL UNIQUE,
	subscription INTEGER NOT NULL REFERENCES subscription ON DELETE CASCADE,
	scheme INTEGER NOT NULL,               -- 0 SIP Digest, 1 AKA (TS 29.228 6.3.1 step 4)
	realm TEXT NOT NULL,                   -- TS 29.229 6.3.37
	ha1 TEXT,                              -- TS 29.229 6.3.40; MD5
	ha1_sha256 TEXT                        -- TS 29.229, Alternate-Digest-HA1
);
CREATE INDEX impi_subscription ON impi (subscription);

-- A public identity (TS 23.228 4.3.3.2), member of an implicit registration set (4.3.3.4).
CREATE TABLE impu (
	id INTEGER PRIMARY KEY,
	identity TEXT NOT NULL UNIQUE,
	subscription INTEGER NOT NULL REFERENCES subscription ON DELETE CASCADE,
	implicit_set INTEGER NOT NULL,         -- number within the subscription
	position INTEGER NOT NULL,             -- the first that is not barred is the default
	kind INTEGER NOT NULL,                 -- IdentityType of TS 29.228 Annex E: 0 to 4
	barred INTEGER NOT NULL,               -- TS 29.228 Annex B.2.1
	profile INTEGER NOT NULL,              -- its service profile within the subscription
	display_name TEXT                      -- TS 29.228 Annex B.2.1
);
CREATE INDEX impu_set ON impu (subscription, implicit_set, position);

-- A private identity that may use a public one, and their registration (TS 29.228 6.1.1.1
-- step 6): state 0 not registered, 1 unregistered, 2 registered.
CREATE TABLE pair (
	impi INTEGER NOT NULL REFERENCES impi ON DELETE CASCADE,
	impu INTEGER NOT NULL REFERENCES impu ON DELETE CASCADE,
	state INTEGER NOT NULL DEFAULT 0,
	auth_pending INTEGER NOT NULL DEFAULT 0,       -- TS 29.228 6.3.1 step 5
	PRIMARY KEY (impi, impu)
) WITHOUT ROWID;
CREATE INDEX pair_impu ON pair (impu);

-- The S-CSCF that serves a subscription, and the Diameter host that said so; no row: none.
CREATE TABLE assignment (
	subscription INTEGER PRIMARY KEY REFERENCES subscription ON DELETE CASCADE,
	server_name TEXT NOT NULL,             -- TS 29.229 6.3.3
	origin_host TEXT NOT NULL              -- TS 29.228 6.1.2.1: where RTR and PPR go
);

-- Initial filter criteria (TS 29.228 Annex B.2.2).
CREATE TABLE filter (
	id INTEGER PRIMARY KEY,
	subscription INTEGER NOT NULL REFERENCES subscription ON DELETE CASCADE,
	profile INTEGER NOT NULL,
	priority INTEGER NOT NULL,
	part INTEGER,                          -- ProfilePartIndicator; NULL: both
	all_of_any INTEGER,                    -- ConditionTypeCNF; NULL: no trigger point
	server TEXT NOT NULL,
	default_handling INTEGER NOT NULL,     -- 0 session continues, 1 terminates
	service_info TEXT,
	UNIQUE (subscription, profile, priority)
);

-- Service point triggers (TS 29.228 Annex B.2.3).
CREATE TABLE trigger_point (
	filter INTEGER NOT NULL REFERENCES filter ON DELETE CASCADE,
	position INTEGER NOT NULL,
	in_group INTEGER NOT NULL,
	negated INTEGER NOT NULL,
	kind INTEGER NOT NULL,                 -- enum spt_kind of hss/subscription.h
	value TEXT NOT NULL,
	content TEXT,
	PRIMARY KEY (filter, position)
) WITHOUT ROWID;
