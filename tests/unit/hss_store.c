/* Tests of the subscriber store: opening and refusing databases, the YAML of subscriptions,
 * provisioning, state, User-Data, the command line.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <libxml/parser.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/crypto/digest.h"
#include "hss/store.h"
#include "hss/subscriber.h"
#include "hss/user_data.h"

struct fixture {
	char dir[64], db[100];
	struct store *store;
	struct arena a;
	char why[512];
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	strcpy(f->dir, "/tmp/imsrig-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->db, sizeof f->db, "%s/hss.db", f->dir);
	if (store_open(f->db, &f->store, f->why) || store_unlock(f->store, NULL, f->why))
		fail_msg("%s", f->why);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[100];
	if (f->store)
		store_close(f->store);
	arena_free(&f->a);
	snprintf(cmd, sizeof cmd, "rm -r %s", f->dir);
	assert_int_equal(system(cmd), 0);
	free(f);
	return 0;
}

static int add_text(struct fixture *f, const char *yaml, bool replace)
{
	struct subscriptions all;
	enum store_added how;
	int err = subscriptions_load_text(str_of(yaml), "t.yaml", &all, &f->a, f->why);
	const struct subscription *s = all.items.items;
	for (size_t i = 0; !err && i < all.items.n; i++)
		err = store_add(f->store, &s[i], replace, &how, f->why);
	return err;
}

static const char *const one =
	"subscriptions:\n"
	"  - name: alice\n"
	"    private: [{impi: a@x, password: secret}]\n"
	"    public:\n"
	"      - {impu: 'sip:Alice@X.Example'}\n"
	"      - {impu: 'tel:+1-555-0100'}\n";

static struct found find(struct fixture *f, const char *impi, const char *impu)
{
	struct found out;
	assert_int_equal(store_find(f->store, str_of(impi), str_of(impu), &f->a, &out), 0);
	return out;
}

/* ---- databases ---- */

static void created_and_kept(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	assert_int_equal(add_text(f, one, false), 0);
	assert_int_equal(stat(f->db, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_close(f->store);
	assert_int_equal(store_open(f->db, &f->store, f->why), 0);
	assert_int_equal(store_count(f->store), 1);
	assert_true(find(f, "a@x", "sip:Alice@x.example").associated);
}

static void in_use(void **state)
{
	struct fixture *f = *state;
	struct store *second;
	assert_int_equal(store_open(f->db, &second, f->why), -EBUSY);
	assert_non_null(strstr(f->why, "in use by another process"));
}

static void another_version(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA user_version = 7", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(store_open(f->db, &f->store, f->why), -EINVAL);
	f->store = NULL;
	assert_non_null(strstr(f->why, "move it away and provide the subscribers anew"));
	assert_non_null(strstr(f->why, "has version 7, this program needs version 3"));
}

static void not_ours(void **state)
{
	struct fixture *f = *state;
	char path[100];
	sqlite3 *db;
	struct store *s;
	snprintf(path, sizeof path, "%s/text", f->dir);
	FILE *o = fopen(path, "w");
	for (int i = 0; i < 200; i++)
		fputs("this is no database at all\n", o);
	fclose(o);
	assert_int_equal(store_open(path, &s, f->why), -EINVAL);
	assert_non_null(strstr(f->why, "is not a database"));
	/* somebody else's */
	snprintf(path, sizeof path, "%s/other", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_exec(db, "CREATE TABLE x (y)", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(store_open(path, &s, f->why), -EINVAL);
	assert_int_equal(store_open("/nonexistent/hss.db", &s, f->why), -EIO);
	assert_non_null(strstr(f->why, "can't be opened"));
}

/* ---- YAML ---- */

static void what_is_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *yaml, *why;
	} cases[] = {
		{"subscriptions: [{name: a, private: [{impi: x, password: p}], public: [{impu: 'sip:a@x'}]}]",
			"private identity \"x\" is not user@realm"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: p, realm: 'r\"'}],"
		 " public: [{impu: 'sip:a@x'}]}]",
			"realm \"r\"\" of a@x has a sign that a challenge can't quote"},
		{"subscriptions: [{name: a, private: [{impi: a@x}], public: [{impu: 'sip:a@x'}]}]",
			"a@x needs a password or ha1"},
		{"subscriptions: [{name: a, private: [{impi: a@x, scheme: aka}], public: [{impu: 'sip:a@x'}]}]",
			"a@x: scheme aka needs k, and op or opc"},
		{"subscriptions: [{name: a, private: [{impi: a@x, scheme: aka, password: x, k: 00}],"
		 " public: [{impu: 'sip:a@x'}]}]", "a@x: scheme aka has no password"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: x, sqn: 00}],"
		 " public: [{impu: 'sip:a@x'}]}]", "a@x: k, op, opc, amf and sqn are of scheme aka"},
		{"subscriptions: [{name: a, private: [{impi: a@x, scheme: aka, k: 00, opc: 11}],"
		 " public: [{impu: 'sip:a@x'}]}]", "k of a@x is not 32 hex digits"},
		{"subscriptions: [{name: a, private: [{impi: a@x, ha1: 12}], public: [{impu: 'sip:a@x'}]}]",
			"ha1 of a@x is not 32 hex digits"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: p, algorithms: [SHA-1]}],"
		 " public: [{impu: 'sip:a@x'}]}]",
			"algorithm \"SHA-1\" of a@x is not MD5 or SHA-256"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: p}], public: [{impu: 'a@x'}]}]",
			"public identity \"a@x\" is not a sip: or tel: URI"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: p}],"
		 " public: [{impu: 'sip:a!.*!@x'}]}]",
			"an expression between ! marks is what a wildcard has"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: p}],"
		 " public: [{impu: 'sip:a@x', private: [b@x]}]}]",
			"sip:a@x names b@x, which is no private identity here"},
		{"subscriptions: [{name: a b, private: [{impi: a@x, password: p}],"
		 " public: [{impu: 'sip:a@x'}]}]",
			"its name is one word"},
		{"subscriptions: [{name: a, private: [], public: []}]",
			"it needs 1 to 64 private"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: p}], public: [{impu: 'sip:a@x'}],"
		 " filter-criteria: [{priority: 1, server: 'sip:s', conditions: [{method: X, header: Y}]}]}]",
			"a condition is one of method"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: p}], public: [{impu: 'sip:a@x'}],"
		 " filter-criteria: [{priority: 1, server: 'sip:s'}, {priority: 1, server: 'sip:t'}]}]",
			"priority 1 is there twice"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: p}], public: [{impu: 'sip:a@x'}],"
		 " allowed: {waf: [a b]}}]",
			"allowed: \"a b\" is no host name of a WAF"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: p}], public: [{impu: 'sip:a@x'}],"
		 " allowed: {wwsf: [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q]}}]",
			"allowed has more than 16 names of a WWSF"},
#define WILD(impu, more) "subscriptions: [{name: a, private: [{impi: a@x, password: p}],\n" \
	"  public: [{impu: 'sip:a@x'},\n   {impu: '" impu "', kind: wildcard" more "}]}]"
		{WILD("sip:a!(b)*!@x", ""), "t.yaml:3:4: subscription \"a\": wildcard "
			"\"sip:a!(b)*!@x\": its expression is refused: an open count stands"},
		{WILD("sip:a!(b)\\1!@x", ""), "t.yaml:3:4: subscription \"a\": wildcard "
			"\"sip:a!(b)\\1!@x\": its expression is refused: it has a back-reference"},
		{WILD("sip:a!b{1001}!@x", ""), "the product of its counts is over 1,000"},
		{WILD("sip:a@x", ""), "it has no expression between two ! marks"},
		{WILD("sip:a!.*!@x", ", set: 2"), "has no distinct identity in its set"},
		{"subscriptions: [{name: a, pool: {impi: 'a!.*!@x'}}]", "has an impi and an impu"},
		{"subscriptions: [{name: a, pool: {impi: 'a!.*!@x', impu: 'sip:a!.*!@x'},"
		 " public: [{impu: 'sip:a@x'}]}]", "a pool has no identities of its own"},
		{"subscriptions: [{name: a, pool: {impi: 'a@x', impu: 'sip:a!.*!@x'}}]",
			"\"a@x\": it has no expression between two ! marks"},
		{"subscriptions: [{name: a, pool: {impi: 'a!.*!@x', impu: 'sip:a![!@x'}}]",
			"a bracket is not closed"},
		{"subscriptions: [{name: a, private: [{impi: a@x, password: p}],"
		 " public: [{impu: 'sip:a@x'}], unregistered: {server-name: scscf}}]",
			"\"scscf\" is no SIP URI of an S-CSCF"},
		{"subscriptions: [{name: a, privat: []}]", "did you mean \"private\"?"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(add_text(f, cases[i].yaml, false), -EINVAL);
		if (!strstr(f->why, cases[i].why))
			fail_msg("\"%s\" has no \"%s\"", f->why, cases[i].why);
	}
}

static void canonical_identities(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"sip:Alice@IMS.Example.ORG", "sip:Alice@ims.example.org"},
		{"SIP:alice@x;transport=tcp", "sip:alice@x"},
		{"sip:+1555@x;user=phone;a=b", "sip:+1555@x;user=phone"},
		{"TEL:+1-(555)-01.00;phone-context=x", "tel:+15550100"},
		{"sip:x.example", "sip:x.example"},
		{"sip:web!.*!@Ims.example.org", "sip:web!.*!@ims.example.org"},
		{"sip:%77eb%21@x", "sip:web%21@x"},
		{"mailto:a@x", NULL}, {"", NULL}, {"sip:", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str c = impu_canonical(str_of(cases[i].from), &f->a);
		assert_int_equal(c.p == NULL, cases[i].to == NULL);
		assert_true(!cases[i].to || str_eq(c, str_of(cases[i].to)));
	}
}

/* Passwords are not kept, hashes are what RFC 7616 says. */
static void credentials(void **state)
{
	struct fixture *f = *state;
	char md5[DIGEST_HEX_MAX], sha[DIGEST_HEX_MAX], cmd[200];
	assert_int_equal(add_text(f,
		"subscriptions:\n"
		"  - name: a\n"
		"    private: [{impi: a@x, password: hidden-word, realm: r, algorithms: [MD5, SHA-256]}]\n"
		"    public: [{impu: 'sip:a@x'}]\n"
		"  - name: b\n"
		"    private: [{impi: b@x, ha1: 00112233445566778899AABBCCDDEEFF}]\n"
		"    public: [{impu: 'sip:b@x'}]\n"
		"  - name: c\n"
		"    private: [{impi: c@x, password: p, algorithms: [SHA-256]}]\n"
		"    public: [{impu: 'sip:c@x'}]\n", false), 0);
	digest_ha1(DIGEST_MD5, STR("a@x"), STR("r"), STR("hidden-word"), md5);
	digest_ha1(DIGEST_SHA256, STR("a@x"), STR("r"), STR("hidden-word"), sha);
	struct found a = find(f, "a@x", "sip:a@x");
	assert_true(str_eq(a.ha1, str_of(md5)) && str_eq(a.ha1_sha256, str_of(sha)));
	assert_true(str_eq(a.realm, STR("r")));
	struct found b = find(f, "b@x", "sip:b@x");
	assert_true(str_eq(b.realm, STR("x")));
	assert_true(str_eq(b.ha1, STR("00112233445566778899aabbccddeeff")));
	struct found c = find(f, "c@x", "sip:c@x");
	assert_null(c.ha1.p);
	assert_int_equal(c.ha1_sha256.n, 64);
	store_close(f->store);
	f->store = NULL;
	snprintf(cmd, sizeof cmd, "grep -q hidden-word %s/*", f->dir);
	assert_int_not_equal(system(cmd), 0);
}

/* ---- provisioning ---- */

static void added_once(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add_text(f, one, false), 0);
	assert_int_equal(add_text(f, one, false), 0); /* the same */
	assert_int_equal(store_count(f->store), 1);
	static const char *const other =
		"subscriptions:\n"
		"  - name: alice\n"
		"    private: [{impi: a@x, password: changed}]\n"
		"    public: [{impu: 'sip:Alice@x.example'}]\n";
	assert_int_equal(add_text(f, other, false), -EEXIST);
	assert_non_null(strstr(f->why, "subscription \"alice\" is there already"));
	assert_true(find(f, "a@x", "tel:+15550100").associated);
	struct str before = find(f, "a@x", "sip:Alice@x.example").ha1;
	assert_int_equal(add_text(f, other, true), 0);
	assert_false(find(f, "a@x", "tel:+15550100").has_impu);
	assert_false(str_eq(find(f, "a@x", "sip:Alice@x.example").ha1, before));
}

static void identities_are_unique(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add_text(f, one, false), 0);
	assert_int_equal(add_text(f,
		"subscriptions: [{name: b, private: [{impi: b@x, password: p}],"
		" public: [{impu: 'sip:b@x'}, {impu: 'tel:+15550100'}]}]", false), -EEXIST);
	assert_non_null(strstr(f->why, "tel:+15550100 belongs to a subscription already"));
	/* and nothing of it stayed */
	assert_int_equal(store_count(f->store), 1);
	assert_false(find(f, "b@x", "sip:b@x").has_impu);
}

static void removed(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add_text(f, one, false), 0);
	assert_int_equal(store_remove(f->store, STR("nobody")), -ENOENT);
	assert_int_equal(store_remove(f->store, STR("tel:+15550100")), 0);
	assert_int_equal(store_count(f->store), 0);
	assert_false(find(f, "a@x", "sip:Alice@x.example").has_impu);
	assert_int_equal(add_text(f, one, false), 0);
}

static void shown(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add_text(f, one, false), 0);
	json_t *s = store_show(f->store, STR("a@x"));
	assert_non_null(s);
	char *text = json_dumps(s, JSON_COMPACT);
	assert_non_null(strstr(text, "\"name\":\"alice\""));
	assert_non_null(strstr(text, "\"impu\":\"tel:+15550100\""));
	assert_non_null(strstr(text, "\"state\":\"not-registered\""));
	assert_null(strstr(text, "ha1"));
	free(text);
	json_decref(s);
	assert_null(store_show(f->store, STR("nobody")));
}

static void private_identities_of_one(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add_text(f,
		"subscriptions:\n"
		"  - name: a\n"
		"    private: [{impi: a1@x, password: p}, {impi: a2@x, password: p}]\n"
		"    public:\n"
		"      - {impu: 'sip:both@x'}\n"
		"      - {impu: 'sip:second@x', private: [a2@x]}\n", false), 0);
	assert_true(find(f, "a1@x", "sip:both@x").associated);
	assert_true(find(f, "a2@x", "sip:both@x").associated);
	assert_false(find(f, "a1@x", "sip:second@x").associated);
	assert_true(find(f, "a2@x", "sip:second@x").associated);
	struct found both = find(f, "a1@x", "sip:both@x");
	struct member m[8];
	assert_int_equal(store_set(f->store, &both, &f->a, m, 8), 1);
	both = find(f, "a2@x", "sip:both@x");
	assert_int_equal(store_set(f->store, &both, &f->a, m, 8), 2);
	assert_true(str_eq(m[1].identity, STR("sip:second@x")));
}

/* ---- wildcards, pools, unregistered from the start ---- */

static const char *const wild =
	"subscriptions:\n"
	"  - name: pilot\n"
	"    private: [{impi: pilot@x, password: p}]\n"
	"    public:\n"
	"      - {impu: 'sip:pilot@x'}\n"
	"      - {impu: 'SIP:web!.*!@X', kind: wildcard, profile: 2}\n"
	"  - name: inside\n"
	"    private: [{impi: inside@x, password: p}]\n"
	"    public: [{impu: 'sip:web000900@x'}]\n"
	"  - name: guests\n"
	"    pool: {impi: 'guest!.*!@x', impu: 'sip:guest!.*!@x', max: 2}\n"
	"    allowed: {wwsf: [wwsf2.x]}\n"
	"    capabilities: {mandatory: [7]}\n"
	"    filter-criteria: [{priority: 1, server: 'sip:as@x', part: unregistered}]\n"
	"  - name: static\n"
	"    private: [{impi: static@x, password: p}]\n"
	"    public: [{impu: 'sip:static@x'}, {impu: 'sip:st!.*!@x', kind: wildcard}]\n"
	"    unregistered: {server-name: 'sip:scscf.x:5060'}\n";

static bool wildcard_is(struct fixture *f, const char *identity, const char *named, const char *is)
{
	struct str w = store_wildcard(f->store, str_of(identity), str_of(named));
	return is ? w.p && str_eq(w, str_of(is)) : !w.p;
}

static void members_of_wildcards(void **state)
{
	struct fixture *f = *state;
	assert_true(wildcard_is(f, "sip:web1@x", NULL, NULL));
	assert_int_equal(add_text(f, wild, false), 0);
	assert_true(wildcard_is(f, "sip:web1@x", NULL, "sip:web!.*!@x"));
	assert_true(wildcard_is(f, "sip:web1@x", "sip:web!.*!@x", "sip:web!.*!@x"));
	assert_true(wildcard_is(f, "sip:web1@x", "sip:st!.*!@x", "sip:web!.*!@x"));
	assert_true(wildcard_is(f, "sip:other@x", "sip:web!.*!@x", NULL));
	assert_true(wildcard_is(f, "sip:static@x", NULL, "sip:st!.*!@x"));
	/* a longer literal part wins; what is removed is gone */
	assert_int_equal(add_text(f, "subscriptions: [{name: b, private: [{impi: b@x, password: p}],"
		" public: [{impu: 'sip:b@x'}, {impu: 'sip:web1!.*!@x', kind: wildcard}]}]", false), 0);
	assert_true(wildcard_is(f, "sip:web1@x", NULL, "sip:web1!.*!@x"));
	assert_int_equal(store_remove(f->store, STR("b")), 0);
	assert_true(wildcard_is(f, "sip:web1@x", NULL, "sip:web!.*!@x"));
	store_close(f->store);
	assert_int_equal(store_open(f->db, &f->store, f->why), 0);
	assert_true(wildcard_is(f, "sip:web1@x", NULL, "sip:web!.*!@x"));
}

static int64_t rows(struct fixture *f, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	assert_int_equal(store_open(f->db, &f->store, f->why), 0);
	return n;
}

static int pooled(struct fixture *f, const char *impi, const char *impu, struct found *out)
{
	return store_pooled(f->store, str_of(impi), str_of(impu), &f->a, out);
}

static struct found take(struct fixture *f, const char *impi, const char *impu)
{
	struct found t;
	assert_int_equal(pooled(f, impi, impu, &t), 1);
	assert_int_equal(store_pool_take(f->store, &t, str_of(impi), str_of(impu), &f->a), 0);
	t = find(f, impi, impu);
	assert_int_equal(store_register(f->store, &t, t.impi, REGISTERED), 0);
	return find(f, impi, impu);
}

static void pools(void **state)
{
	struct fixture *f = *state;
	struct found t;
	struct charging c;
	assert_int_equal(add_text(f, wild, false), 0);
	assert_int_equal(pooled(f, "guest1@x", "sip:guest1@y", &t), 0);
	assert_int_equal(pooled(f, "gast1@x", "sip:guest1@x", &t), 0);
	assert_int_equal(pooled(f, "guest1 @x", "sip:guest1@x", &t), 0);
	assert_int_equal(pooled(f, "guest1@x", "sip:guest!.*!@x", &t), 0);
	assert_int_equal(pooled(f, "guest1@x", "sip:guest1@x", &t), 1);
	assert_true(t.pool && t.associated && t.may_register && str_eq(t.mandatory, STR("7")));
	/* nothing is known of it until it is registered */
	assert_false(find(f, "guest1@x", "sip:guest1@x").has_impu);
	assert_int_equal(rows(f, "SELECT count(*) FROM subscription WHERE pool IS NOT NULL"), 0);

	t = take(f, "guest1@x", "sip:guest1@x");
	assert_true(t.associated && t.state == REGISTERED && t.scheme == AUTH_NONE);
	assert_int_equal(store_charging(f->store, t.subscription, &f->a, &c), 0);
	assert_true(str_eq(c.allowed_wwsfs, STR("wwsf2.x")));
	assert_true(store_unregistered_services(f->store, &t, STR("sip:guest1@x")));
	take(f, "guest2@x", "sip:guest2@x");
	assert_int_equal(pooled(f, "guest3@x", "sip:guest3@x", &t), 0); /* full */
	assert_int_equal(rows(f, "SELECT count(*) FROM pair"), 7);
	assert_int_equal(pooled(f, "guest3@x", "sip:guest3@x", &t), 0); /* still, after a restart */

	t = find(f, "guest1@x", "sip:guest1@x");
	assert_int_equal(store_pool_give_back(f->store, &t, STR("guest1@x"), STR("sip:guest1@x")), 0);
	assert_false(find(f, "guest1@x", "sip:guest1@x").has_impu);
	take(f, "guest3@x", "sip:guest3@x");
	assert_int_equal(store_reset(f->store), 0);
	assert_int_equal(rows(f, "SELECT count(*) FROM subscription WHERE pool IS NOT NULL"), 0);
	take(f, "guest4@x", "sip:guest4@x");
	assert_int_equal(store_remove(f->store, STR("guests")), 0);
	assert_int_equal(rows(f, "SELECT count(*) FROM pair"), 5);
	assert_int_equal(rows(f, "SELECT count(*) FROM impu WHERE identity LIKE '%guest%'"), 0);
}

static void unregistered_from_the_start(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add_text(f, wild, false), 0);
	for (int i = 0; i < 3; i++) {
		struct found s = find(f, "static@x", "sip:st!.*!@x");
		assert_true(s.fixed && s.state == UNREGISTERED);
		assert_true(str_eq(s.server_name, STR("sip:scscf.x:5060")));
		assert_true(str_eq(s.origin_host, STR("scscf.x")));
		assert_int_equal(store_register(f->store, &s, s.impi, REGISTERED), 0);
		assert_int_equal(find(f, "static@x", "sip:st!.*!@x").state, REGISTERED);
		if (i)
			assert_int_equal(store_reset(f->store), 0);
		else
			assert_int_equal(store_register(f->store, &s, s.impi, NOT_REGISTERED), 0);
		assert_int_equal(store_release(f->store, &s), 0);
	}
	assert_false(find(f, "pilot@x", "sip:pilot@x").server_name.p);
}

static void ranges(void **state)
{
	struct fixture *f = *state;
	json_t *args = json_pack("{s:s, s:s, s:i, s:s, s:s}", "cmd", "subscriber.add", "range",
		"user%06d", "count", 1000, "realm", "r.example", "password", "pw-%d");
	json_t *answer = subscriber_command(f->store, args);
	assert_int_equal(json_integer_value(json_object_get(answer, "added")), 1000);
	json_decref(answer);
	answer = subscriber_command(f->store, args);
	assert_int_equal(json_integer_value(json_object_get(answer, "same")), 1000);
	json_decref(answer);
	json_decref(args);
	char ha1[DIGEST_HEX_MAX];
	digest_ha1(DIGEST_MD5, STR("user000042@r.example"), STR("r.example"), STR("pw-42"), ha1);
	assert_true(str_eq(find(f, "user000042@r.example", "sip:user000042@r.example").ha1,
		str_of(ha1)));
	static const char *const bad[] = {"user", "user%s", "user%d%d", "%x", "user%099d"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		args = json_pack("{s:s, s:s, s:i}", "cmd", "subscriber.add", "range", bad[i], "count", 3);
		answer = subscriber_command(f->store, args);
		assert_false(json_is_true(json_object_get(answer, "ok")));
		json_decref(answer);
		json_decref(args);
	}
	assert_int_equal(store_count(f->store), 1000);
}

/* All of a file or nothing of it. */
static void all_or_nothing(void **state)
{
	struct fixture *f = *state;
	static const char *const yaml =
		"subscriptions:\n"
		"  - {name: a, private: [{impi: a@x, password: p}], public: [{impu: 'sip:a@x'}]}\n"
		"  - {name: b, private: [{impi: a@x, password: p}], public: [{impu: 'sip:b@x'}]}\n";
	json_t *args = json_pack("{s:s, s:s}", "cmd", "subscriber.add", "yaml", yaml);
	json_t *answer = subscriber_command(f->store, args);
	assert_non_null(strstr(json_string_value(json_object_get(answer, "why")),
		"a@x belongs to a subscription already"));
	json_decref(answer);
	json_decref(args);
	assert_int_equal(store_count(f->store), 0);
}

/* ---- registration state ---- */

static void batches(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add_text(f, one, false), 0);
	struct found a = find(f, "a@x", "sip:Alice@x.example");
	store_begin(f->store);
	assert_int_equal(store_assign(f->store, &a, STR("sip:s1"), STR("s1.x")), 0);
	assert_int_equal(store_register(f->store, &a, a.impi, REGISTERED), 0);
	assert_int_equal(find(f, "a@x", "tel:+15550100").state, REGISTERED);
	assert_int_equal(store_commit(f->store), 0);
	store_begin(f->store);
	assert_int_equal(store_commit(f->store), 0); /* nothing was changed */
	store_close(f->store);
	assert_int_equal(store_open(f->db, &f->store, f->why), 0);
	a = find(f, "a@x", "tel:+15550100");
	assert_int_equal(a.state, REGISTERED);
	assert_true(str_eq(a.server_name, STR("sip:s1")) && str_eq(a.origin_host, STR("s1.x")));
	/* the S-CSCF stays while somebody needs it */
	assert_int_equal(store_release(f->store, &a), 0);
	assert_non_null(find(f, "a@x", "tel:+15550100").server_name.p);
	assert_int_equal(store_register(f->store, &a, a.impi, NOT_REGISTERED), 0);
	assert_int_equal(store_pending(f->store, &a, true), 0);
	assert_int_equal(store_release(f->store, &a), 0);
	assert_non_null(find(f, "a@x", "tel:+15550100").server_name.p);
	assert_int_equal(store_pending(f->store, &a, false), 0);
	assert_int_equal(store_release(f->store, &a), 0);
	assert_null(find(f, "a@x", "tel:+15550100").server_name.p);
	/* reset */
	assert_int_equal(store_assign(f->store, &a, STR("sip:s2"), STR("s2.x")), 0);
	assert_int_equal(store_register(f->store, &a, 0, UNREGISTERED), 0);
	assert_int_equal(store_reset(f->store), 0);
	a = find(f, "a@x", "tel:+15550100");
	assert_int_equal(a.state, NOT_REGISTERED);
	assert_null(a.server_name.p);
}

/* The cache never answers with what is no longer provided, nor with state. */
static void cache_follows(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add_text(f, one, false), 0);
	struct found a = find(f, "a@x", "sip:Alice@x.example");
	a = find(f, "a@x", "sip:Alice@x.example"); /* cached */
	assert_int_equal(a.state, NOT_REGISTERED);
	store_assign(f->store, &a, STR("sip:s1"), STR("s1.x"));
	store_register(f->store, &a, a.impi, REGISTERED);
	a = find(f, "a@x", "sip:Alice@x.example");
	assert_int_equal(a.state, REGISTERED);
	assert_true(str_eq(a.server_name, STR("sip:s1")));
	assert_true(str_eq(a.realm, STR("x")));
	assert_int_equal(store_remove(f->store, STR("alice")), 0);
	assert_false(find(f, "a@x", "sip:Alice@x.example").has_impu);
}

/* ---- User-Data ---- */

static void user_data_is_well_formed(void **state)
{
	struct fixture *f = *state;
	struct str xml;
	assert_int_equal(add_text(f,
		"subscriptions:\n"
		"  - name: a\n"
		"    private: [{impi: a@x, password: p}]\n"
		"    public:\n"
		"      - {impu: 'sip:a@x', display-name: 'A & <B> \"C\"'}\n"
		"      - {impu: 'sip:psi!.*!@x', kind: wildcarded-psi}\n"
		"      - {impu: 'sip:web!.*!@x', kind: wildcard, profile: 2}\n"
		"    filter-criteria:\n"
		"      - {priority: 2, server: 'sip:as2', part: unregistered}\n"
		"      - priority: 1\n"
		"        server: 'sip:as1'\n"
		"        match: any-group\n"
		"        service-info: 'x<y'\n"
		"        default-handling: terminate\n"
		"        conditions: [{sdp-line: m, content: 'audio.*'}, {request-uri: 'sip:.*', not: true}]\n"
		"      - {priority: 1, profile: 2, server: 'sip:as3'}\n", false), 0);
	struct found a = find(f, "a@x", "sip:a@x");
	assert_int_equal(user_data(f->store, &a, STR("a@x"), &f->a, &xml), 0);
	xmlDoc *doc = xmlReadMemory(xml.p, (int)xml.n, "x", NULL, XML_PARSE_NONET);
	assert_non_null(doc);
	xmlFreeDoc(doc);
	static const char *const in_order[] = {
		"<PrivateID>a@x</PrivateID><ServiceProfile><PublicIdentity><Identity>sip:a@x</Identity>",
		"<DisplayName>A &amp; &lt;B&gt; &quot;C&quot;</DisplayName>",
		"<IdentityType>2</IdentityType><WildcardedPSI>sip:psi!.*!@x</WildcardedPSI>",
		"<InitialFilterCriteria><Priority>1</Priority><TriggerPoint>"
		"<ConditionTypeCNF>0</ConditionTypeCNF>",
		"<SessionDescription><Line>m</Line><Content>audio.*</Content></SessionDescription>",
		"<ConditionNegated>1</ConditionNegated><Group>0</Group><RequestURI>sip:.*</RequestURI>",
		"<ServerName>sip:as1</ServerName><DefaultHandling>1</DefaultHandling>"
		"<ServiceInfo>x&lt;y</ServiceInfo>",
		"<Priority>2</Priority><ApplicationServer><ServerName>sip:as2</ServerName>",
		"<ProfilePartIndicator>1</ProfilePartIndicator>",
		"</ServiceProfile><ServiceProfile>", "<IdentityType>4</IdentityType>",
		"<WildcardedIMPU>sip:web!.*!@x</WildcardedIMPU>", "sip:as3",
	};
	ptrdiff_t at = 0;
	for (size_t i = 0; i < sizeof in_order / sizeof *in_order; i++) {
		ptrdiff_t next = str_find(str_skip(xml, (size_t)at), str_of(in_order[i]));
		if (next < 0)
			fail_msg("no %s behind %zd in " STR_FMT, in_order[i], at, STR_ARG(xml));
		at += next;
	}
}

/* ---- the scenarios' subscribers, the command line ---- */

static void scenario_subscribers(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = {"individual", "web", "wildcard", "pool"};
	int64_t n = 0;
	/* together too: a script may load several */
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct subscriptions all;
		enum store_added how;
		struct str path = arena_fmt(&f->a, SOURCE_DIR "/scenarios/subscribers/%s.yaml", files[i]);
		int err = subscriptions_load(path.p, &all, &f->a, f->why);
		const struct subscription *s = all.items.items;
		for (size_t k = 0; !err && k < all.items.n; k++)
			err = store_add(f->store, &s[k], false, &how, f->why);
		if (err)
			fail_msg("%s: %s", files[i], f->why);
		assert_true(all.items.n >= 4);
		n += (int64_t)all.items.n;
	}
	assert_int_equal(store_count(f->store), n);
}

/* Runs the command in a child; its exit code, what it printed in `out`. */
static int run_cli(char *out, size_t size, const char *db, const char *const *args)
{
	char *argv[16] = {"subscriber"};
	int pipes[2], n = 1, status;
	for (; *args; args++)
		argv[n++] = (char *)*args;
	argv[n++] = "--database";
	argv[n++] = (char *)db;
	assert_int_equal(pipe(pipes), 0);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(pipes[1], 1);
		dup2(pipes[1], 2);
		close(pipes[0]);
		int code = subscriber_main(n, argv);
		fflush(NULL);
		_exit(code);
	}
	close(pipes[1]);
	size_t got = 0;
	for (ssize_t r; (r = read(pipes[0], out + got, size - got - 1)) > 0;)
		got += (size_t)r;
	out[got] = 0;
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define CLI(...) run_cli(out, sizeof out, f->db, (const char *const[]){__VA_ARGS__, NULL})

static void command_line(void **state)
{
	struct fixture *f = *state;
	char out[8192];
	static const char *const file = SOURCE_DIR "/scenarios/subscribers/individual.yaml";

	assert_int_equal(CLI("list"), 1);
	assert_non_null(strstr(out, "in use by another process"));
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(CLI("add", file), 0);
	assert_non_null(strstr(out, " added, 0 replaced, 0 as they were"));
	assert_int_equal(CLI("add", file), 0);
	assert_non_null(strstr(out, "0 added, 0 replaced, "));
	assert_int_equal(CLI("list", "--limit", "2"), 0);
	assert_string_equal(out, "alice\nbarred\n");
	assert_int_equal(CLI("list", "--after", "barred", "--limit", "1", "--json"), 0);
	assert_non_null(strstr(out, "\"names\":[\"bob\"]"));
	assert_int_equal(CLI("show", "sip:erin@ims.example.org"), 0);
	assert_non_null(strstr(out, "private erin-web@ims.example.org\n"));
	assert_non_null(strstr(out, "erin-phone@ims.example.org: not-registered\n"));
	assert_int_equal(CLI("show", "nobody"), 1);
	assert_string_equal(out, "imsrig: no subscription has \"nobody\"\n");
	assert_int_equal(CLI("remove", "bob", "carol"), 0);
	assert_int_equal(CLI("show", "bob"), 1);
	assert_int_equal(CLI("add", "--range", "u%03d", "--count", "20", "--realm", "r.x"), 0);
	assert_int_equal(CLI("show", "u020@r.x"), 0);
	assert_int_equal(CLI("add", "--range", "s%02d", "--count", "3", "--k",
		"465b5ce8b199b49faa5f0a2ee238a6%02d", "--opc", "cd63cb71954a9f4e48a5994e37a02baf"), 0);
	assert_int_equal(CLI("show", "s02@ims.example.org"), 0);
	assert_non_null(strstr(out, "scheme aka"));
	assert_null(strstr(out, "465b5ce8"));
	assert_int_equal(CLI("add", "--range", "t%02d", "--count", "3", "--k", "465b"), 1);
	assert_int_equal(CLI("show", "s02@ims.example.org", "--key", "/nonexistent.key"), 1);
	assert_non_null(strstr(out, "/nonexistent.key: it is missing"));
	assert_int_equal(CLI("validate", file), 0);
	assert_int_equal(CLI("validate", "/nonexistent.yaml"), 1);
	assert_int_equal(CLI("add", "/nonexistent.yaml"), 1);
	assert_int_equal(CLI("frobnicate"), 4);
	assert_int_equal(CLI("add"), 4);
	assert_int_equal(CLI("show", "a", "b"), 4);
	assert_int_equal(CLI("list", "--limit", "x"), 4);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(created_and_kept), T(in_use), T(another_version), T(not_ours), T(what_is_refused),
		T(canonical_identities), T(credentials), T(added_once), T(identities_are_unique),
		T(removed), T(shown), T(private_identities_of_one), T(members_of_wildcards), T(pools),
		T(unregistered_from_the_start), T(ranges), T(all_or_nothing),
		T(batches), T(cache_follows), T(user_data_is_well_formed), T(scenario_subscribers),
		T(command_line),
	};
	log_setup(&(struct log_conf){.level = LOG_ERROR, .node = "test"});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
