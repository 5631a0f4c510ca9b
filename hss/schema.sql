-- The HSS's database: what is provided for subscribers, and where they are registered.
-- PRAGMA user_version is 3; a change of the schema raises it.

-- An IMS subscription (TS 23.228 4.3.1). Lists are texts, their entries parted by one blank.
CREATE TABLE subscription (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	fingerprint INTEGER NOT NULL,          -- of what it was made from; with a USIM by seal_print
	may_register INTEGER NOT NULL,         -- TS 29.228 6.1.1.1 step 5
	visited_networks TEXT,                 -- TS 29.228 6.1.1.1 step 5; NULL: the HSS's own list
	mandatory_capabilities TEXT,           -- TS 29.229 6.3.5
	optional_capabilities TEXT,            -- TS 29.229 6.3.6
	server_names TEXT,                     -- TS 29.229 6.3.4: preferred S-CSCFs
	primary_ecf TEXT, secondary_ecf TEXT,  -- TS 29.229 6.3.20, 6.3.21
	primary_ccf TEXT, secondary_ccf TEXT,  -- TS 29.229 6.3.22, 6.3.23
	allowed_wafs TEXT,                     -- TS 29.229 6.3.58; NULL: no list applies
	allowed_wwsfs TEXT,                    -- TS 29.229 6.3.59
	fixed_server INTEGER REFERENCES server, -- never registered, yet served (TS 23.228 S.2)
	pool INTEGER REFERENCES subscription ON DELETE CASCADE -- its template
);
CREATE INDEX subscription_fixed ON subscription (id) WHERE fixed_server IS NOT NULL;
CREATE INDEX subscription_pool ON subscription (pool) WHERE pool IS NOT NULL;

-- A template for the subscriptions of identities that a third party manages (TS 29.228
-- 6.1.1.1 step 0): whoever fits both wildcards has one while he is registered.
CREATE TABLE pool (
	subscription INTEGER PRIMARY KEY REFERENCES subscription ON DELETE CASCADE,
	impi TEXT NOT NULL,
	impu TEXT NOT NULL UNIQUE,
	max INTEGER NOT NULL
);

-- Identities are found by their text, in one step; the number of one is 64 times that of
-- its subscription plus its place there.

-- A private identity (TS 23.228 4.3.3.1) with its credentials (TS 33.203 Annex N). No
-- password is kept.
CREATE TABLE impi (
	identity TEXT PRIMARY KEY,
	id INTEGER NOT NULL UNIQUE,
	subscription INTEGER NOT NULL REFERENCES subscription ON DELETE CASCADE,
	scheme INTEGER NOT NULL,               -- 0 SIP Digest, 1 AKA, 2 none (TS 29.228 6.3.1 step 4)
	realm TEXT NOT NULL,                   -- TS 29.229 6.3.37
	ha1 TEXT,                              -- TS 29.229 6.3.40; MD5
	ha1_sha256 TEXT                        -- TS 29.229, Alternate-Digest-HA1
) WITHOUT ROWID;
CREATE INDEX impi_subscription ON impi (subscription, id);

-- The USIM of a private identity with scheme 1 (TS 33.102 6.3). `keys` is K and OPc, sealed for
-- this identity (hss/seal.h).
CREATE TABLE usim (
	impi INTEGER PRIMARY KEY REFERENCES impi (id) ON DELETE CASCADE,
	keys BLOB NOT NULL,
	amf INTEGER NOT NULL,
	sqn INTEGER NOT NULL,                  -- of the last vector
	first_sqn INTEGER NOT NULL             -- as it was provided
);

-- One row once something is sealed: a value that the right key opens.
CREATE TABLE sealed (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	value BLOB NOT NULL
);

-- A public identity (TS 23.228 4.3.3.2), member of an implicit registration set (4.3.3.4).
CREATE TABLE impu (
	identity TEXT PRIMARY KEY,
	id INTEGER NOT NULL UNIQUE,
	subscription INTEGER NOT NULL REFERENCES subscription ON DELETE CASCADE,
	implicit_set INTEGER NOT NULL,         -- number within the subscription
	position INTEGER NOT NULL,             -- the first that is not barred is the default
	kind INTEGER NOT NULL,                 -- IdentityType of TS 29.228 Annex E: 0 to 4
	barred INTEGER NOT NULL,               -- TS 29.228 Annex B.2.1
	profile INTEGER NOT NULL,              -- its service profile within the subscription
	display_name TEXT                      -- TS 29.228 Annex B.2.1
) WITHOUT ROWID;
CREATE INDEX impu_set ON impu (subscription, implicit_set, position, id);
CREATE INDEX impu_wildcard ON impu (id) WHERE kind IN (2, 4);

-- What registrations change is kept small, apart from what is provided: a page holds
-- hundreds of rows, and a busy HSS writes few pages. These tables have no constraint that
-- could fail halfway, which would cost each change a journal of its own.

-- A private identity that may use a public one, and their registration (TS 29.228 6.1.1.1
-- step 6): state 0 not registered, 1 unregistered, 2 registered.
CREATE TABLE pair (
	impi INTEGER,
	impu INTEGER,
	state INTEGER DEFAULT 0,
	auth_pending INTEGER DEFAULT 0,        -- TS 29.228 6.3.1 step 5
	PRIMARY KEY (impi, impu)
) WITHOUT ROWID;
CREATE INDEX pair_impu ON pair (impu);

-- S-CSCFs that were ever assigned, and the Diameter host that each spoke from.
CREATE TABLE server (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,                    -- TS 29.229 6.3.3
	origin_host TEXT NOT NULL,             -- TS 29.228 6.1.2.1: where RTR and PPR go
	UNIQUE (name, origin_host)
);

-- The S-CSCF that serves a subscription; no row: none.
CREATE TABLE assignment (
	subscription INTEGER PRIMARY KEY,
	server INTEGER
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
