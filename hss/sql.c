/* The texts of the store's statements; schema.sql has the tables.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/store_inside.h"

const char *const sql_texts[SQL_N] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_FIND] =
		"SELECT i.id, i.scheme, i.realm, i.ha1, i.ha1_sha256,"
		" u.id, u.subscription, u.implicit_set, u.kind, u.barred,"
		" s.may_register, s.visited_networks, s.mandatory_capabilities,"
		" s.optional_capabilities, s.server_names, s.pool, s.fixed_server IS NOT NULL,"
		" p.state, p.auth_pending, a.server"
		" FROM impu u JOIN subscription s ON s.id = u.subscription"
		" LEFT JOIN assignment a ON a.subscription = u.subscription"
		" LEFT JOIN impi i ON i.identity = ?1"
		" LEFT JOIN pair p ON p.impi = i.id AND p.impu = u.id"
		" WHERE u.identity = ?2",
	[SQL_STATE] =
		"SELECT p.state, p.auth_pending, a.server FROM pair p"
		" LEFT JOIN assignment a ON a.subscription = ?3 WHERE p.impi = ?1 AND p.impu = ?2",
	[SQL_AGGREGATE] = "SELECT max(state) FROM pair WHERE impu = ?1",
	[SQL_WILDCARDS] = "SELECT identity FROM impu WHERE kind IN (2, 4) ORDER BY id",
	[SQL_POOLS] =
		"SELECT p.subscription, p.impi, p.impu, p.max, (SELECT count(*) FROM subscription s"
		" WHERE s.pool = p.subscription) FROM pool p ORDER BY p.subscription",
	[SQL_TEMPLATE] =
		"SELECT may_register, visited_networks, mandatory_capabilities,"
		" optional_capabilities, server_names FROM subscription WHERE id = ?1",
	[SQL_UNREGISTERED_SERVICES] =
		"SELECT 1 FROM impu u JOIN filter f ON f.subscription = ?2 AND f.profile = u.profile"
		" WHERE u.identity = ?1 AND (f.part IS NULL OR f.part = 1) LIMIT 1",
	[SQL_SERVERS] = "SELECT id, name, origin_host FROM server ORDER BY id",
	[SQL_ADD_SERVER] = "INSERT INTO server VALUES (NULL, ?1, ?2)",
	[SQL_SET_USABLE] =
		"SELECT 1 FROM impu WHERE subscription = ?1 AND implicit_set = ?2"
		" AND barred = 0 AND kind = 0 LIMIT 1",
	[SQL_SET] =
		"SELECT u.id, u.identity, u.kind, u.barred, u.profile, u.display_name"
		" FROM impu u JOIN pair p ON p.impu = u.id AND p.impi = ?3"
		" WHERE u.subscription = ?1 AND u.implicit_set = ?2 ORDER BY u.position",
	[SQL_IMPIS] = "SELECT identity FROM impi WHERE subscription = ?1 ORDER BY id",
	[SQL_IMPIS_REGISTERING] =
		"SELECT i.identity FROM pair p JOIN impi i ON i.id = p.impi"
		" WHERE p.impu = ?1 AND p.state > 0 ORDER BY i.id",
	[SQL_SETS_OF] =
		"SELECT min(u.position), u.identity FROM impi i JOIN pair p ON p.impi = i.id"
		" JOIN impu u ON u.id = p.impu WHERE i.identity = ?1 AND u.kind = 0"
		" GROUP BY u.implicit_set",
	[SQL_CHARGING] =
		"SELECT primary_ecf, secondary_ecf, primary_ccf, secondary_ccf, allowed_wafs,"
		" allowed_wwsfs FROM subscription WHERE id = ?1",
	[SQL_ASSIGN] = "REPLACE INTO assignment VALUES (?1, ?2)",
	[SQL_PENDING] = "UPDATE pair SET auth_pending = ?3 WHERE impi = ?1 AND impu = ?2",
	[SQL_REGISTER] =
		"UPDATE pair SET state = ?4, auth_pending = 0 WHERE impi = ?3 AND impu IN"
		" (SELECT id FROM impu WHERE subscription = ?1 AND implicit_set = ?2)",
	[SQL_REGISTER_ALL] =
		"UPDATE pair SET state = ?4, auth_pending = 0 WHERE impu IN"
		" (SELECT id FROM impu WHERE subscription = ?1 AND implicit_set = ?2)",
	[SQL_RELEASE] =
		"DELETE FROM assignment WHERE subscription = ?1 AND NOT EXISTS (SELECT 1 FROM pair"
		" WHERE impi >= ?1 * 64 AND impi < ?1 * 64 + 64 AND (state > 0 OR auth_pending > 0))",
	[SQL_RESET_PAIRS] =
		"UPDATE pair SET state = 0, auth_pending = 0 WHERE state > 0 OR auth_pending > 0",
	[SQL_RESET_ASSIGNMENTS] = "DELETE FROM assignment",
	[SQL_RESET_FIXED_PAIRS] =
		"UPDATE pair SET state = 1 WHERE impu IN (SELECT u.id FROM subscription s"
		" JOIN impu u ON u.subscription = s.id WHERE s.fixed_server IS NOT NULL)",
	[SQL_RESET_FIXED_ASSIGNMENTS] =
		"INSERT INTO assignment SELECT id, fixed_server FROM subscription"
		" WHERE fixed_server IS NOT NULL",
	[SQL_ADD_SUBSCRIPTION] =
		"INSERT INTO subscription VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
		" ?11, ?12, ?13, ?14, NULL)",
	[SQL_ADD_POOL] = "INSERT INTO pool VALUES (?1, ?2, ?3, ?4)",
	[SQL_ADD_MEMBER] =
		"INSERT INTO subscription SELECT NULL, ?2, 0, may_register, visited_networks,"
		" mandatory_capabilities, optional_capabilities, server_names, primary_ecf,"
		" secondary_ecf, primary_ccf, secondary_ccf, allowed_wafs, allowed_wwsfs, NULL, id"
		" FROM subscription WHERE id = ?1",
	[SQL_MEMBER] = "SELECT id FROM subscription WHERE pool = ?1 LIMIT 1",
	[SQL_ANY_MEMBER] = "SELECT id FROM subscription WHERE pool IS NOT NULL LIMIT 1",
	[SQL_ADD_IMPI] = "INSERT INTO impi VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_ADD_USIM] = "INSERT INTO usim VALUES (?1, ?2, ?3, ?4, ?4)",
	[SQL_USIM] = "SELECT keys, amf, sqn FROM usim WHERE impi = ?1",
	[SQL_USIM_NAMED] =
		"SELECT keys, amf, sqn, impi FROM usim"
		" WHERE impi = (SELECT id FROM impi WHERE identity = ?1)",
	[SQL_USIM_SQN] = "UPDATE usim SET sqn = ?2 WHERE impi = ?1",
	[SQL_RESET_USIMS] = "UPDATE usim SET sqn = first_sqn WHERE sqn <> first_sqn",
	[SQL_SEALED] = "SELECT value FROM sealed",
	[SQL_SEAL] = "INSERT OR IGNORE INTO sealed VALUES (1, ?1)",
	[SQL_ADD_IMPU] = "INSERT INTO impu VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[SQL_ADD_PAIR] = "INSERT INTO pair (impi, impu) VALUES (?1, ?2)",
	[SQL_ADD_FILTER] = "INSERT INTO filter VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SQL_ADD_TRIGGER] = "INSERT INTO trigger_point VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_FINGERPRINT] = "SELECT id, fingerprint FROM subscription WHERE name = ?1",
	[SQL_NAMED] =
		"SELECT id FROM subscription WHERE name = ?1"
		" UNION SELECT subscription FROM impi WHERE identity = ?1"
		" UNION SELECT subscription FROM impu WHERE identity = ?1",
	[SQL_FIX_PAIRS] =
		"UPDATE pair SET state = 1 WHERE impi >= ?1 * 64 AND impi < ?1 * 64 + 64",
	[SQL_REMOVE] = "DELETE FROM subscription WHERE id = ?1",
	[SQL_REMOVE_PAIRS] = "DELETE FROM pair WHERE impi >= ?1 * 64 AND impi < ?1 * 64 + 64",
	[SQL_REMOVE_ASSIGNMENT] = "DELETE FROM assignment WHERE subscription = ?1",
	[SQL_LIST] = "SELECT name FROM subscription WHERE name > ?1 ORDER BY name LIMIT ?2",
	[SQL_COUNT] = "SELECT count(*) FROM subscription",
	[SQL_SHOW] =
		"SELECT s.name, s.may_register, s.visited_networks, s.mandatory_capabilities,"
		" s.optional_capabilities, s.server_names, s.primary_ecf, s.secondary_ecf,"
		" s.primary_ccf, s.secondary_ccf, s.allowed_wafs, s.allowed_wwsfs, v.name,"
		" v.origin_host, s.fixed_server IS NOT NULL, t.name, p.impi, p.impu, p.max,"
		" (SELECT count(*) FROM subscription m WHERE m.pool = s.id)"
		" FROM subscription s LEFT JOIN assignment a ON a.subscription = s.id"
		" LEFT JOIN server v ON v.id = a.server LEFT JOIN subscription t ON t.id = s.pool"
		" LEFT JOIN pool p ON p.subscription = s.id WHERE s.id = ?1",
	[SQL_SHOW_IMPIS] =
		"SELECT identity, scheme, realm, ha1 IS NOT NULL, ha1_sha256 IS NOT NULL"
		" FROM impi WHERE subscription = ?1 ORDER BY id",
	[SQL_SHOW_PAIRS] =
		"SELECT u.identity, u.implicit_set, u.kind, u.barred, u.profile, u.display_name,"
		" i.identity, p.state, p.auth_pending FROM impu u JOIN pair p ON p.impu = u.id"
		" JOIN impi i ON i.id = p.impi WHERE u.subscription = ?1"
		" ORDER BY u.implicit_set, u.position, i.id",
	[SQL_FILTERS] =
		"SELECT id, priority, part, all_of_any, server, default_handling, service_info"
		" FROM filter WHERE subscription = ?1 AND profile = ?2 ORDER BY priority",
	[SQL_TRIGGERS] =
		"SELECT in_group, negated, kind, value, content FROM trigger_point"
		" WHERE filter = ?1 ORDER BY position",
};
