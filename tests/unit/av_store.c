/* Tests of the AV proxy's store: synchronisations that are taken whole or not at all, secrets
 * that open with their key alone, and what requests find.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "hss/av_admin.h"

#define MD5_A "0123456789abcdef0123456789abcdef"
#define MD5_B "fedcba9876543210fedcba9876543210"
#define HEAD  "wwsf,wwsf.example\nrealm,web.example\nalgorithms,MD5\n"
#define ALICE "user,alice@wwsf.example,alice-web@ims.example.org,sip:alice@ims.example.org," MD5_A "\n"
#define BOB   "user,bob@wwsf.example,bob-web@ims.example.org,sip:bob@ims.example.org," MD5_B "\n"

enum { HOUR_MS = 3600 * 1000 };
#define NOW_MS INT64_C(1795694400000)  /* 2026-11-26T12:00:00Z */

static char dir[64], db[96], key[96], file[96], why[512];
static struct av_store *store;
static struct arena arena;

static int setup(void **state)
{
	strcpy(dir, "/tmp/av-store-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(db, sizeof db, "%s/av.db", dir);
	snprintf(key, sizeof key, "%s/av.db.key", dir);
	snprintf(file, sizeof file, "%s/sync.csv", dir);
	assert_int_equal(av_store_open(db, NULL, &store, why), 0);
	return 0;
}

static int teardown(void **state)
{
	char command[100];
	av_store_close(store);
	store = NULL;
	arena_free(&arena);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct av_imported done;

static int import_at(const char *text, int64_t now_ms, int64_t max_age_ms)
{
	struct av_import i = {.path = file, .now_ms = now_ms, .max_age_ms = max_age_ms};
	put_file(file, text);
	return av_store_import(store, &i, &done, why);
}

static void import(const char *text)
{
	if (import_at(text, NOW_MS, 0))
		fail_msg("%s", why);
}

static void refused(const char *text, const char *because)
{
	assert_int_not_equal(import_at(text, NOW_MS, 0), 0);
	if (!strstr(why, because))
		fail_msg("\"%s\" is not said: %s", because, why);
}

/* HA1 of a web identity at a WWSF, or what there is in place of it. */
static const char *ha1(const char *name, const char *wwsf)
{
	struct av_vector v;
	int found = av_store_vector(store, str_of(name), str_of(wwsf), &arena, &v);
	if (found == AV_FOUND)
		return arena_str(&arena, v.ha1[DIGEST_MD5]).p;
	return found == AV_UNKNOWN ? "unknown" : found == AV_OTHER_WWSF ? "other" : "fault";
}

static void test_found(void **state)
{
	struct av_vector v;
	struct av_mapping m;

	import(HEAD "qop,auth\n" ALICE BOB "end,2\n");
	assert_int_equal(done.users, 2);
	assert_string_equal(done.wwsf, "wwsf.example");
	assert_int_equal(av_store_vector(store, STR("alice@WWSF.example"), STR("Wwsf.Example."), &arena, &v),
		AV_FOUND);
	assert_true(str_eq(v.realm, STR("web.example")));
	assert_true(str_eq(v.ha1[DIGEST_MD5], STR(MD5_A)));
	assert_null(v.ha1[DIGEST_SHA256].p);
	assert_int_equal(v.synchronised_ms, NOW_MS);
	assert_string_equal(ha1("Alice@wwsf.example", "wwsf.example"), "unknown");
	assert_string_equal(ha1("alice@wwsf.example", "other.example"), "other");
	assert_string_equal(ha1("carol@wwsf.example", "wwsf.example"), "unknown");
	assert_string_equal(ha1("alice", "wwsf.example"), "unknown");
	assert_int_equal(av_store_map(store, STR("bob@wwsf.example"), &arena, &m), 1);
	assert_true(str_eq(m.impi, STR("bob-web@ims.example.org")));
	assert_true(str_eq(m.impu, STR("sip:bob@ims.example.org")) && m.current);
	assert_int_equal(av_store_map(store, STR("sip:bob@wwsf.example"), &arena, &m), 0);
}

static void test_algorithms(void **state)
{
	struct av_vector v;
	import("wwsf,wwsf.example\nrealm,web\nalgorithms,SHA-256,MD5\n"
		"user,alice@wwsf.example,a@b,sip:alice@ims.example.org," MD5_A MD5_A "," MD5_B "\nend,1\n");
	assert_int_equal(av_store_vector(store, STR("alice@wwsf.example"), STR("wwsf.example"), &arena, &v),
		AV_FOUND);
	assert_true(str_eq(v.ha1[DIGEST_SHA256], STR(MD5_A MD5_A)));
	assert_true(str_eq(v.ha1[DIGEST_MD5], STR(MD5_B)));
}

/* The pair is the key; the mapping is one, whatever the WWSF. */
static void test_two_wwsfs(void **state)
{
	import(HEAD ALICE "end,1\n");
	import("wwsf,two.example\nrealm,two\nalgorithms,MD5\n"
		"user,alice@wwsf.example,alice-web@ims.example.org,sip:alice@ims.example.org," MD5_B "\nend,1\n");
	assert_string_equal(ha1("alice@wwsf.example", "wwsf.example"), MD5_A);
	assert_string_equal(ha1("alice@wwsf.example", "two.example"), MD5_B);
	refused("wwsf,two.example\nrealm,two\nalgorithms,MD5\n"
		"user,alice@wwsf.example,mallory@ims.example.org,sip:alice@ims.example.org," MD5_B "\nend,1\n",
		"sync.csv:4: the web identity is mapped to other identities at wwsf.example");
	assert_string_equal(ha1("alice@wwsf.example", "two.example"), MD5_B);
}

static void test_all_or_nothing(void **state)
{
	import(HEAD ALICE BOB "end,2\n");
	static const struct {
		const char *text, *because;
	} rows[] = {
		{"", "no end line"},
		{HEAD, "no end line: it was cut short or is still being written"},
		{HEAD ALICE, "sync.csv:4: the file has no end line"},
		{HEAD ALICE BOB "en", "sync.csv:6: a line without a comma"},
		{HEAD ALICE BOB "end,", "sync.csv:6: the end line does not name the 2 users"},
		{HEAD ALICE BOB "end,1\n", "the end line does not name the 2 users"},
		{HEAD ALICE "user,bob@wwsf.example,bob-web@ims.example.org,sip:bo", "sync.csv:5: the HA1"},
		{HEAD ALICE "end,1\n" BOB, "sync.csv:6: something stands behind the end line"},
		{HEAD ALICE ALICE "end,2\n", "sync.csv:5: the web identity stands twice"},
		{HEAD "user,alice,a@b,sip:a@b," MD5_A "\nend,1\n", "sync.csv:4: the web identity is not"},
		{HEAD "user,a b@wwsf.example,a@b,sip:a@b," MD5_A "\nend,1\n", "the web identity is not"},
		{HEAD "user,a@WWSF.example,a@b,sip:a@b," MD5_A "\nend,1\n", "is not in lower case"},
		{HEAD "user,a@wwsf.example.,a@b,sip:a@b," MD5_A "\nend,1\n", "has a dot behind"},
		{HEAD "user,a@wwsf.example,b,sip:a@b," MD5_A "\nend,1\n", "the private identity is not"},
		{HEAD "user,a@wwsf.example,a@b,mailto:a@b," MD5_A "\nend,1\n", "the public identity is not"},
		{HEAD "user,a@wwsf.example,a@b,sip:a@b," MD5_A "0\nend,1\n", "is not 32 hex digits"},
		{HEAD "user,a@wwsf.example,a@b,sip:a@b," MD5_A "," MD5_B "\nend,1\n", "more columns"},
		{"wwsf,wwsf.example\nalgorithms,MD5\n" ALICE, "sync.csv:3: wwsf, realm and algorithms"},
		{"wwsf,wwsf.example\nend,0\n", "wwsf, realm and algorithms must be said"},
		{"wwsf,ww sf\n", "sync.csv:1: the name of the WWSF"},
		{"wwsf,wwsf.example\nwwsf,wwsf.example\n", "\"wwsf\" stands twice"},
		{"realm,a\"b\n", "the realm is"},
		{"algorithms,MD5,SHA-1\n", "not MD5 or SHA-256"},
		{"algorithms,MD5,md5\n", "an algorithm stands twice"},
		{"qop,auth-int\n", "qop is not auth"},
		{"made,yesterday\n", "made is not a time"},
		{HEAD ALICE "realm,other\n", "\"realm\" stands behind a user"},
		{"password,secret\n", "begins with none of"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		refused(rows[i].text, rows[i].because);
		assert_null(strstr(why, MD5_A));
	}
	struct buf b = {0};
	for (int i = 0; i < 3000; i++)
		buf_byte(&b, 'x');
	refused(buf_z(&b), "sync.csv:1: the line is too long");
	buf_free(&b);
	unlink(file);
	struct av_import gone = {.path = file};
	assert_int_equal(av_store_import(store, &gone, &done, why), -ENOENT);
	assert_int_equal(mkfifo(file, 0600), 0); /* nobody ever writes to it */
	assert_int_equal(av_store_import(store, &gone, &done, why), -EINVAL);
	assert_non_null(strstr(why, "sync.csv is no file"));
	unlink(file);
	assert_string_equal(ha1("alice@wwsf.example", "wwsf.example"), MD5_A);
	assert_string_equal(ha1("bob@wwsf.example", "wwsf.example"), MD5_B);
}

static void test_times(void **state)
{
	static const char made[] = HEAD "made,2026-11-26T10:00:00Z\n" ALICE "end,1\n";
	static const char later[] = HEAD "made,2026-11-26T11:00:00Z\n" BOB "end,1\n";
	assert_int_equal(import_at(made, NOW_MS, 1 * HOUR_MS), -EINVAL);
	assert_non_null(strstr(why, "older than max-age allows; ask for a new one"));
	assert_int_equal(import_at(made, NOW_MS - 24 * HOUR_MS, 0), -EINVAL);
	assert_non_null(strstr(why, "made in the future"));
	assert_int_equal(import_at(later, NOW_MS, 3 * HOUR_MS), 0);
	assert_int_equal(import_at(made, NOW_MS, 3 * HOUR_MS), -EINVAL);
	assert_non_null(strstr(why, "older than what is stored"));
	json_t *s = av_store_status(store, NOW_MS, HOUR_MS / 2), *w = json_array_get(json_object_get(s, "wwsfs"), 0);
	assert_int_equal(json_integer_value(json_object_get(w, "age_s")), 3600);
	assert_true(json_is_true(json_object_get(w, "stale")));
	assert_string_equal(json_string_value(json_object_get(w, "synchronised")), "2026-11-26T11:00:00Z");
	json_decref(s);
}

/* At start a file that was imported before is left alone, so that its age stays. */
static void test_unchanged(void **state)
{
	struct av_import i = {.path = file, .now_ms = NOW_MS, .changed = true};
	put_file(file, HEAD ALICE "end,1\n");
	assert_int_equal(av_store_import(store, &i, &done, why), 0);
	assert_false(done.same);
	i.now_ms += HOUR_MS;
	assert_int_equal(av_store_import(store, &i, &done, why), 0);
	assert_true(done.same);
	struct av_vector v;
	assert_int_equal(av_store_vector(store, STR("alice@wwsf.example"), STR("wwsf.example"), &arena, &v),
		AV_FOUND);
	assert_int_equal(v.synchronised_ms, NOW_MS);
	put_file(file, HEAD BOB "end,1\n");
	assert_int_equal(av_store_import(store, &i, &done, why), 0);
	assert_false(done.same);
	assert_int_equal(done.withdrawn, 1);
}

static int start_with(const char *text, int64_t now_ms)
{
	struct av_import i = {.path = file, .now_ms = now_ms, .max_age_ms = 3 * HOUR_MS,
		.changed = true};
	put_file(file, text);
	return av_store_import(store, &i, &done, why);
}

/* An HSS that is started anew with files that others have followed, or that have grown old, starts
 * with what it has. */
static void test_started_anew(void **state)
{
	static const char made[] = HEAD "made,2026-11-26T10:00:00Z\n" ALICE "end,1\n";
	static const char later[] = HEAD "made,2026-11-26T11:00:00Z\n" BOB "end,1\n";
	static const char plain[] = HEAD ALICE "end,1\n", other[] = HEAD BOB "end,1\n";

	assert_int_equal(start_with(made, NOW_MS + 9 * HOUR_MS), -EINVAL); /* nothing is stored */
	assert_non_null(strstr(why, "sync.csv:4: the file is older than max-age allows"));
	assert_int_equal(start_with(made, NOW_MS), 0);
	assert_int_equal(start_with(made, NOW_MS + 9 * HOUR_MS), 0);
	assert_true(done.same);
	assert_int_equal(import_at(later, NOW_MS, 0), 0);
	assert_int_equal(start_with(made, NOW_MS), 0);
	assert_true(done.same);
	assert_string_equal(ha1("bob@wwsf.example", "wwsf.example"), MD5_B);
	assert_string_equal(ha1("alice@wwsf.example", "wwsf.example"), "unknown");

	assert_int_equal(av_store_remove(store, STR_NONE, STR("wwsf.example"), NULL, NULL), 1);
	assert_int_equal(start_with(plain, NOW_MS), 0);
	assert_int_equal(import_at(other, NOW_MS + HOUR_MS, 0), 0);
	assert_int_equal(start_with(plain, NOW_MS + 2 * HOUR_MS), 0); /* it was imported before */
	assert_true(done.same);
	assert_string_equal(ha1("bob@wwsf.example", "wwsf.example"), MD5_B);
	assert_int_equal(import_at(plain, NOW_MS + 3 * HOUR_MS, 0), 0); /* ... but is asked for now */
	assert_string_equal(ha1("alice@wwsf.example", "wwsf.example"), MD5_A);

	static const char elsewhere[] = "wwsf,two.example\nrealm,two\nalgorithms,MD5\n"
		"user,bob@wwsf.example,other@ims.example.org,sip:other@ims.example.org," MD5_A "\nend,1\n";
	assert_int_equal(import_at(elsewhere, NOW_MS + 3 * HOUR_MS, 0), 0);
	assert_int_equal(start_with(other, NOW_MS + 4 * HOUR_MS), 0);
	assert_true(done.same);        /* what it says of Bob is the past */
	assert_int_equal(av_store_remove(store, STR_NONE, STR("two.example"), NULL, NULL), 1);

	assert_int_equal(av_store_remove(store, STR_NONE, STR("wwsf.example"), NULL, NULL), 1);
	assert_int_equal(start_with(other, NOW_MS + 4 * HOUR_MS), 0); /* forgotten with its WWSF */
	assert_false(done.same);
}

static bool bob_is_registered(struct str impi, struct str impu, void *arg)
{
	return str_eq(impi, STR("bob-web@ims.example.org")) && *(bool *)arg;
}

static void test_withdrawn(void **state)
{
	bool registered = true;
	struct av_import i = {.path = file, .now_ms = NOW_MS, .registered = bob_is_registered,
		.arg = &registered};
	struct av_mapping m;
	import(HEAD ALICE BOB "end,2\n");
	put_file(file, HEAD "end,0\n");
	assert_int_equal(av_store_import(store, &i, &done, why), 0);
	assert_int_equal(done.withdrawn, 2);
	assert_int_equal(av_store_map(store, STR("alice@wwsf.example"), &arena, &m), 0);
	assert_int_equal(av_store_map(store, STR("bob@wwsf.example"), &arena, &m), 1);
	assert_false(m.current);
	assert_string_equal(ha1("bob@wwsf.example", "wwsf.example"), "unknown");
	registered = false;
	assert_int_equal(av_store_import(store, &i, &done, why), 0);
	assert_int_equal(av_store_map(store, STR("bob@wwsf.example"), &arena, &m), 0);
}

/* Who is registered keeps his mapping, so that the end of that finds its way. */
static void test_mapped_anew(void **state)
{
#define BOB_ANEW "user,bob@wwsf.example,other@ims.example.org,sip:bob@ims.example.org," MD5_B "\n"
	bool registered = true;
	struct av_import i = {.path = file, .now_ms = NOW_MS, .registered = bob_is_registered,
		.arg = &registered};
	struct av_mapping m;
	import(HEAD ALICE BOB "end,2\n");
	put_file(file, HEAD BOB_ANEW "end,1\n");
	assert_int_equal(av_store_import(store, &i, &done, why), -EINVAL);
	assert_non_null(strstr(why, "sync.csv:4: the web identity is registered as other identities"));
	assert_int_equal(av_store_map(store, STR("bob@wwsf.example"), &arena, &m), 1);
	assert_true(m.current && str_eq(m.impi, STR("bob-web@ims.example.org")));

	assert_int_equal(av_store_remove(store, STR("bob@wwsf.example"), STR_NONE, bob_is_registered,
		&registered), 1);
	put_file(file, "wwsf,two.example\nrealm,two\nalgorithms,MD5\n" BOB_ANEW "end,1\n");
	assert_int_equal(av_store_import(store, &i, &done, why), -EINVAL);
	registered = false;
	assert_int_equal(av_store_import(store, &i, &done, why), 0);
	assert_int_equal(av_store_map(store, STR("bob@wwsf.example"), &arena, &m), 1);
	assert_true(m.current && str_eq(m.impi, STR("other@ims.example.org")));
}

static void test_removed(void **state)
{
	struct av_mapping m;
	import(HEAD ALICE BOB "end,2\n");
	assert_int_equal(av_store_remove(store, STR("alice@wwsf.example"), STR("other.example"), NULL, NULL), -ENOENT);
	assert_int_equal(av_store_remove(store, STR("alice@wwsf.example"), STR_NONE, NULL, NULL), 1);
	assert_string_equal(ha1("alice@wwsf.example", "wwsf.example"), "unknown");
	assert_string_equal(ha1("bob@wwsf.example", "wwsf.example"), MD5_B);
	assert_int_equal(av_store_remove(store, STR_NONE, STR("wwsf.example"), NULL, NULL), 1);
	assert_int_equal(av_store_map(store, STR("bob@wwsf.example"), &arena, &m), 0);
	json_t *s = av_store_status(store, NOW_MS, 0);
	assert_int_equal(json_array_size(json_object_get(s, "wwsfs")), 0);
	json_decref(s);
}

/* ---- at rest ---- */

static void again(int err, const char *because)
{
	av_store_close(store);
	store = NULL;
	int got = av_store_open(db, NULL, &store, why);
	if (got != err)
		fail_msg("%d, not %d: %s", got, err, got ? why : "");
	if (err && !strstr(why, because))
		fail_msg("\"%s\" is not said: %s", because, why);
}

static bool holds(const char *path, const char *text)
{
	struct buf b = {0};
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	for (int c; (c = fgetc(f)) != EOF;)
		buf_byte(&b, (char)c);
	fclose(f);
	bool found = memmem(b.p, b.n, text, strlen(text)) != NULL;
	buf_free(&b);
	return found;
}

static void test_sealed(void **state)
{
	struct stat st;
	char wal[110];
	import(HEAD ALICE "end,1\n");
	snprintf(wal, sizeof wal, "%s-wal", db);
	assert_false(holds(wal, MD5_A));
	assert_true(holds(wal, "alice-web@ims.example.org"));
	again(0, NULL);
	assert_false(holds(db, MD5_A));
	assert_true(holds(db, "alice-web@ims.example.org"));
	assert_string_equal(ha1("alice@wwsf.example", "wwsf.example"), MD5_A);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(db, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_keys(void **state)
{
	char kept[110];
	import(HEAD ALICE "end,1\n");
	av_store_close(store);
	store = NULL;
	snprintf(kept, sizeof kept, "%s.kept", key);
	assert_int_equal(rename(key, kept), 0);
	again(-ENOENT, "put it back");
	put_file(key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
	assert_int_equal(chmod(key, 0600), 0);
	again(-EINVAL, "was not sealed with the key in");
	assert_non_null(strstr(why, "put the key file back that belongs to it"));
	assert_int_equal(chmod(key, 0644), 0);
	again(-EPERM, "chmod 600");
	put_file(key, "no key\n");
	assert_int_equal(chmod(key, 0600), 0);
	again(-EINVAL, "64 hex digits");
	assert_int_equal(rename(kept, key), 0);
	again(0, NULL);
	assert_string_equal(ha1("alice@wwsf.example", "wwsf.example"), MD5_A);
}

static void with_sql(const char *sql)
{
	sqlite3 *q;
	av_store_close(store);
	store = NULL;
	assert_int_equal(sqlite3_open(db, &q), SQLITE_OK);
	assert_int_equal(sqlite3_exec(q, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(q);
}

/* A secret opens for the web identity and WWSF that it was sealed for, and for no other. */
static void test_changed_by_others(void **state)
{
	import(HEAD ALICE BOB "end,2\n");
	with_sql("UPDATE web_user SET ha1 = (SELECT ha1 FROM web_user WHERE web_identity LIKE 'bob%')");
	again(0, NULL);
	assert_string_equal(ha1("alice@wwsf.example", "wwsf.example"), "fault");
	assert_string_equal(ha1("bob@wwsf.example", "wwsf.example"), MD5_B);
	import(HEAD ALICE BOB "end,2\n");
	assert_string_equal(ha1("alice@wwsf.example", "wwsf.example"), MD5_A);
	with_sql("PRAGMA user_version = 7");
	again(-EINVAL, "move it away and import the synchronisations anew");
	unlink(db);
	put_file(db, "this is not a database, and long enough to be sure of it");
	again(-EINVAL, "is not a database");
	assert_true(holds(db, "long enough"));
}

static void test_one_process(void **state)
{
	struct av_store *second;
	assert_int_equal(av_store_open(db, NULL, &second, why), -EBUSY);
	assert_non_null(strstr(why, "in use by another process"));
}

/* ---- commands ---- */

static json_t *ask(const char *fmt, const char *cmd, const char *k, const char *v)
{
	struct av_import like = {.now_ms = NOW_MS};
	json_t *c = json_pack(fmt, "cmd", cmd, k, v);
	json_t *a = av_command(store, &like, c);
	json_decref(c);
	return a;
}

static void test_commands(void **state)
{
	put_file(file, HEAD ALICE BOB "end,2\n");
	json_t *a = ask("{s:s, s:s}", "avproxy.import", "file", file);
	assert_true(json_is_true(json_object_get(a, "ok")));
	json_decref(a);
	a = ask("{s:s, s:s}", "avproxy.list", "wwsf", "WWSF.example");
	assert_int_equal(json_array_size(json_object_get(a, "names")), 2);
	json_decref(a);
	a = ask("{s:s, s:s}", "avproxy.list", "wwsf", "no host name");
	assert_int_equal(json_array_size(json_object_get(a, "names")), 0);
	json_decref(a);
	a = ask("{s:s, s:s}", "avproxy.remove", "wwsf", "wwwsf.example");
	assert_non_null(strstr(json_string_value(json_object_get(a, "why")), "no WWSF \"wwwsf.example\""));
	json_decref(a);
	a = ask("{s:s, s:s}", "avproxy.list", "after", "alice@wwsf.example");
	assert_int_equal(json_array_size(json_object_get(a, "names")), 1);
	json_decref(a);
	a = ask("{s:s, s:s}", "avproxy.show", "name", "alice@wwsf.example");
	char *shown = json_dumps(a, 0);
	assert_non_null(strstr(shown, "alice-web@ims.example.org"));
	assert_null(strstr(shown, MD5_A));
	free(shown);
	json_decref(a);
	a = ask("{s:s, s:s}", "avproxy.show", "name", "carol@wwsf.example");
	assert_false(json_is_true(json_object_get(a, "ok")));
	json_decref(a);
	a = ask("{s:s, s:s}", "avproxy.remove", "name", "carol@wwsf.example");
	assert_false(json_is_true(json_object_get(a, "ok")));
	json_decref(a);
	a = ask("{s:s, s:s}", "avproxy.remove", "nothing", "");
	assert_non_null(strstr(json_string_value(json_object_get(a, "why")), "needs"));
	json_decref(a);
	assert_null(ask("{s:s, s:s}", "subscriber.list", "nothing", ""));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(test_found), T(test_algorithms), T(test_two_wwsfs),
		T(test_all_or_nothing), T(test_times), T(test_unchanged), T(test_started_anew),
		T(test_withdrawn), T(test_mapped_anew), T(test_removed), T(test_sealed), T(test_keys),
		T(test_changed_by_others), T(test_one_process), T(test_commands)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
