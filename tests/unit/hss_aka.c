/* Tests of the HSS with USIMs: keys at rest, vectors, resynchronisation. The tests of requests
 * talk Diameter to the real program.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "hss/store.h"
#include "tests/unit/hss_rig.h"

#define K    "465b5ce8b199b49faa5f0a2ee238a6bc"
#define OP   "cdc202d5123e20f62b6d676ac72cb318"
#define OPC  "cd63cb71954a9f4e48a5994e37a02baf"
#define NAME "sip:scscf.ims.example.org:5060"

static const char yaml[] =
	"subscriptions:\n"
	"  - name: sim\n"
	"    private: [{impi: sim@x, scheme: aka, k: " K ", op: " OP ", amf: b9b9, sqn: 000000000100}]\n"
	"    public: [{impu: 'sip:sim@x'}]\n"
	"  - name: sim2\n"
	"    private: [{impi: sim2@x, scheme: aka, k: " K ", opc: " OPC "}]\n"
	"    public: [{impu: 'sip:sim2@x'}]\n"
	"  - name: plain\n"
	"    private: [{impi: plain@x, password: secret}]\n"
	"    public: [{impu: 'sip:plain@x'}]\n";

/* ---- keys at rest ---- */

struct fixture {
	char dir[64], db[100], key[100], other[100], why[512];
	struct store *store;
	struct arena a;
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	strcpy(f->dir, "/tmp/imsrig-aka-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->db, sizeof f->db, "%s/hss.db", f->dir);
	snprintf(f->key, sizeof f->key, "%s/hss.db.key", f->dir);
	snprintf(f->other, sizeof f->other, "%s/other.key", f->dir);
	*state = f;
	return 0;
}

static void close_store(struct fixture *f)
{
	if (f->store)
		store_close(f->store);
	f->store = NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[100];
	close_store(f);
	arena_free(&f->a);
	snprintf(cmd, sizeof cmd, "rm -r %s", f->dir);
	assert_int_equal(system(cmd), 0);
	free(f);
	return 0;
}

static int open_store(struct fixture *f, const char *key)
{
	close_store(f);
	assert_int_equal(store_open(f->db, &f->store, f->why), 0);
	return store_unlock(f->store, key, f->why);
}

static int add(struct fixture *f, const char *text)
{
	struct subscriptions all;
	enum store_added how;
	int err = subscriptions_load_text(str_of(text), "t.yaml", &all, &f->a, f->why);
	const struct subscription *s = all.items.items;
	for (size_t i = 0; !err && i < all.items.n; i++)
		err = store_add(f->store, &s[i], true, &how, f->why);
	return err;
}

static int usim(struct fixture *f, const char *user, struct usim_row *out)
{
	struct found found;
	struct str impi = arena_fmt(&f->a, "%s@x", user), impu = arena_fmt(&f->a, "sip:%s@x", user);
	assert_int_equal(store_find(f->store, impi, impu, &f->a, &found), 0);
	return store_usim(f->store, &found, impi, out);
}

static void set_sqn(struct fixture *f, uint64_t sqn)
{
	struct found found;
	store_find(f->store, STR("sim@x"), STR("sip:sim@x"), &f->a, &found);
	assert_int_equal(store_usim_sqn(f->store, &found, sqn), 0);
}

static void is_hex(const uint8_t *octets, size_t n, const char *hex)
{
	char text[65];
	hex_of(octets, n, text);
	assert_string_equal(text, hex);
}

static void keys_kept(void **state)
{
	struct fixture *f = *state;
	struct usim_row u;
	struct stat st;

	assert_int_equal(open_store(f, NULL), 0);
	assert_int_equal(access(f->key, F_OK), -1); /* made when there is something to seal */
	assert_int_equal(add(f, yaml), 0);
	assert_int_equal(stat(f->key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(usim(f, "sim", &u), 0);
	is_hex(u.keys.k, 16, K);
	is_hex(u.keys.opc, 16, OPC);
	is_hex(u.amf, 2, "b9b9");
	assert_int_equal(u.sqn, 0x100);
	assert_int_equal(usim(f, "sim2", &u), 0);
	is_hex(u.keys.opc, 16, OPC);
	is_hex(u.amf, 2, "0000");
	assert_int_equal(u.sqn, 0);
	assert_int_equal(usim(f, "plain", &u), -ENOENT);

	/* the same provisions leave the number alone, a reset does not */
	set_sqn(f, 0x1000);
	assert_int_equal(add(f, yaml), 0);
	assert_int_equal(open_store(f, NULL), 0);
	assert_int_equal(usim(f, "sim", &u), 0);
	assert_int_equal(u.sqn, 0x1000);
	assert_int_equal(store_reset(f->store), 0);
	assert_int_equal(usim(f, "sim", &u), 0);
	assert_int_equal(u.sqn, 0x100);
	assert_int_equal(store_remove(f->store, STR("sim")), 0);
	assert_int_equal(add(f, yaml), 0);
	assert_int_equal(usim(f, "sim", &u), 0);
}

static int64_t fingerprint(struct fixture *f, const char *name)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	sqlite3_prepare_v2(db, "SELECT fingerprint FROM subscription WHERE name = ?1", -1, &q, NULL);
	sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	int64_t print = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return print;
}

/* The file alone lets nobody try keys: two stores of one subscription have nothing in common. */
static void guesses_not_helped(void **state)
{
	struct fixture *f = *state;
	enum store_added how = STORE_ADDED;
	struct subscriptions all;
	int64_t sim, plain;

	assert_int_equal(open_store(f, NULL), 0);
	assert_int_equal(add(f, yaml), 0);
	assert_int_equal(subscriptions_load_text(str_of(yaml), "t.yaml", &all, &f->a, f->why), 0);
	assert_int_equal(store_add(f->store, all.items.items, true, &how, f->why), 0);
	assert_int_equal(how, STORE_SAME);
	close_store(f);
	sim = fingerprint(f, "sim");
	plain = fingerprint(f, "plain");
	assert_int_equal(unlink(f->db) | unlink(f->key), 0);
	assert_int_equal(open_store(f, NULL), 0);
	assert_int_equal(add(f, yaml), 0);
	close_store(f);
	assert_true(fingerprint(f, "sim") != sim);
	assert_true(fingerprint(f, "plain") == plain);
}

/* Of the same USIM no number is given twice, whatever else changes; another key begins anew, and
 * who is provided with a higher number has that. */
static void numbers_kept(void **state)
{
#define PROVIDED(key, more) "subscriptions:\n  - name: sim\n    private: [{impi: sim@x, scheme: aka, k: " key \
	", opc: " OPC more "}]\n    public: [{impu: 'sip:sim@x'}]\n"
	static const struct {
		const char *yaml;
		uint64_t sqn;
	} rows[] = {{PROVIDED(K, ", sqn: 000000000200"), 0x1000}, {PROVIDED(K, ", amf: 8000"), 0x1000},
		{PROVIDED(K, ", sqn: 000000002000"), 0x2000}, {PROVIDED(OPC, ""), 0}};
	struct fixture *f = *state;
	struct usim_row u;

	assert_int_equal(open_store(f, NULL), 0);
	assert_int_equal(add(f, yaml), 0);
	set_sqn(f, 0x1000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(add(f, rows[i].yaml), 0);
		assert_int_equal(usim(f, "sim", &u), 0);
		assert_int_equal(u.sqn, rows[i].sqn);
	}
}

static bool holds(const char *path, const void *what, size_t n)
{
	static char text[1 << 20];
	FILE *in = fopen(path, "r");
	size_t got = in ? fread(text, 1, sizeof text, in) : 0;
	if (in)
		fclose(in);
	return memmem(text, got, what, n) != NULL;
}

static void keys_hidden(void **state)
{
	struct fixture *f = *state;
	uint8_t k[16], opc[16];

	str_hex(STR(K), k, 16);
	str_hex(STR(OPC), opc, 16);
	assert_int_equal(open_store(f, NULL), 0);
	assert_int_equal(add(f, yaml), 0);
	json_t *show = store_show(f->store, STR("sim"));
	char *shown = json_dumps(show, 0);
	json_decref(show);
	assert_null(strcasestr(shown, K));
	assert_null(strcasestr(shown, OPC));
	assert_non_null(strstr(shown, "\"aka\""));
	free(shown);
	close_store(f);
	assert_true(holds(f->db, "sim@x", 5));
	assert_false(holds(f->db, k, 16) || holds(f->db, opc, 16));
	assert_false(holds(f->db, K, 32) || holds(f->db, OPC, 32));
}

static void wrong_keys(void **state)
{
	struct fixture *f = *state;
	struct usim_row u;

	assert_int_equal(open_store(f, NULL), 0);
	assert_int_equal(add(f, yaml), 0);
	close_store(f);
	assert_int_equal(rename(f->key, f->other), 0);
	assert_int_equal(open_store(f, NULL), -ENOENT);
	assert_non_null(strstr(f->why, "put it back"));
	assert_int_equal(access(f->key, F_OK), -1);
	FILE *o = fopen(f->key, "w");
	fputs("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", o);
	fclose(o);
	assert_int_equal(chmod(f->key, 0600), 0);
	assert_int_equal(open_store(f, NULL), -EBADMSG);
	assert_non_null(strstr(f->why, "put the right file back"));
	assert_int_equal(chmod(f->other, 0644), 0);
	assert_int_equal(open_store(f, f->other), -EPERM);
	/* nothing was lost */
	assert_int_equal(chmod(f->other, 0600), 0);
	assert_int_equal(open_store(f, f->other), 0);
	assert_int_equal(usim(f, "sim", &u), 0);
	is_hex(u.keys.k, 16, K);
}

static void moved_row(void **state)
{
	struct fixture *f = *state;
	struct usim_row u;
	sqlite3 *db;

	assert_int_equal(open_store(f, NULL), 0);
	assert_int_equal(add(f, yaml), 0);
	close_store(f);
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE usim SET keys = (SELECT keys FROM usim ORDER BY impi "
					  "LIMIT 1)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(open_store(f, NULL), 0);
	assert_int_equal(usim(f, "sim", &u), 0);
	assert_int_equal(usim(f, "sim2", &u), -EBADMSG);
}

static void no_key_file(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(store_open(f->db, &f->store, f->why), 0);
	assert_int_not_equal(add(f, yaml), 0);
	assert_non_null(strstr(f->why, "no key file"));
	assert_int_equal(open_store(f, "/nonexistent/dir/key"), 0);
	assert_int_not_equal(add(f, yaml), 0);
	assert_int_equal(store_count(f->store), 0);
}

/* ---- requests ---- */

static struct hss_rig rig;
static struct link scscf, scscf2;
static struct milenage keys;

static int rig_setup(void **state)
{
	char path[100];
	strcpy(path, "/tmp/imsrig-aka-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, yaml, sizeof yaml - 1) > 0);
	close(fd);
	rig.subscribers = path;
	hss_rig_open(&rig, "127.33.3");
	unlink(path);
	str_hex(STR(K), keys.k, 16);
	str_hex(STR(OPC), keys.opc, 16);
	assert_int_equal(link_open(&scscf, &rig, 14, "scscf.ims.example.org"), DIAMETER_SUCCESS);
	assert_int_equal(link_open(&scscf2, &rig, 15, "scscf2.ims.example.org"), DIAMETER_SUCCESS);
	return 0;
}

static int rig_teardown(void **state)
{
	link_close(&scscf);
	link_close(&scscf2);
	assert_int_equal(hss_rig_stop(&rig), 0);
	const char *log = hss_rig_log(&rig);
	assert_null(strcasestr(log, K));
	assert_null(strcasestr(log, OPC));
	assert_null(strcasestr(log, OP));
	hss_rig_close(&rig);
	return 0;
}

static int fresh(void **state)
{
	json_decref(hss_rig_ask(&rig, "{s:s}", "cmd", "reset"));
	return 0;
}

static struct cx_msg mar(const char *scheme, struct str resync)
{
	return (struct cx_msg){.command = CX_MA, .user_name = STR("sim@x"),
		.public_identity = {STR("sip:sim@x")}, .n_public_identity = 1, .auth_items = 1,
		.has_auth_data = true, .auth_scheme = str_of(scheme), .authorization = resync,
		.server_name = STR(NAME)};
}

#define AKA "Digest-AKAv1-MD5"

/* What the MAA brings, seen by a USIM that has accepted `seen` last. */
static enum usim_verdict judge(uint64_t seen, struct usim_answer *out, uint8_t rand[16])
{
	const struct cx_msg *a = &scscf.m;
	struct usim u;

	assert_false(a->result.experimental);
	assert_int_equal(a->result.code, DIAMETER_SUCCESS);
	assert_int_equal(a->auth_items, 1);
	assert_true(str_eq(a->auth_scheme, STR(AKA)));
	assert_int_equal(a->authenticate.n, 32);
	assert_int_equal(a->authorization.n, 8);
	assert_null(a->digest_ha1.p);
	assert_null(a->digest_realm.p);
	memcpy(rand, a->authenticate.p, 16);
	usim_init(&u, &keys, seen);
	enum usim_verdict v =
		usim_authenticate(&u, rand, (const uint8_t *)a->authenticate.p + 16, out);
	if (v == USIM_OK) {
		assert_memory_equal(out->res, a->authorization.p, 8);
		assert_memory_equal(out->ck, a->ck.p, 16);
		assert_memory_equal(out->ik, a->ik.p, 16);
	}
	return v;
}

static void schemes(void **state)
{
	static const char *const others[] = {"SIP Digest", "Unknown", "NASS-Bundled", "Digest-AKAv2-MD5"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		const struct cx_msg *a = link_ask(&scscf, mar(others[i], STR_NONE));
		assert_true(a->result.experimental);
		assert_int_equal(a->result.code, CX_AUTH_SCHEME_NOT_SUPPORTED);
	}
}

static void a_vector(void **state)
{
	struct usim_answer out;
	uint8_t rand[16], before[16];
	struct cx_msg m = mar(AKA, STR_NONE);

	m.auth_items = 5; /* one is returned all the same */
	link_ask(&scscf, m);
	assert_int_equal(judge(0x100, &out, rand), USIM_OK);
	/* the next one has the next number; the first would be refused by then */
	memcpy(before, rand, 16);
	link_ask(&scscf, mar(AKA, STR_NONE));
	assert_memory_not_equal(rand, scscf.m.authenticate.p, 16);
	assert_int_equal(judge(aka_sqn_next(0x100), &out, rand), USIM_OK);
	assert_int_equal(
		judge(aka_sqn_next(aka_sqn_next(0x100)), &out, rand), USIM_SYNC_FAILURE);
}

static void resync(void **state)
{
	struct usim_answer out;
	uint8_t both[30];
	struct str asked = {(char *)both, sizeof both};

	link_ask(&scscf, mar(AKA, STR_NONE));
	assert_int_equal(judge(0x700000, &out, both), USIM_SYNC_FAILURE);
	memcpy(both + 16, out.auts, 14);
	/* not the one that challenged */
	struct cx_msg m = mar(AKA, asked);
	m.server_name = STR("sip:scscf2.ims.example.org:5060");
	const struct cx_msg *a = link_ask(&scscf2, m);
	assert_int_equal(a->result.code, DIAMETER_UNABLE_TO_COMPLY);
	/* not of the USIM: the number stays */
	both[29] ^= 1;
	link_ask(&scscf, mar(AKA, asked));
	assert_int_equal(judge(0x700000, &out, both), USIM_SYNC_FAILURE);
	memcpy(both + 16, out.auts, 14);
	link_ask(&scscf, mar(AKA, asked));
	assert_int_equal(judge(0x700000, &out, both), USIM_OK);
	assert_int_equal(hss_rig_counter(&rig, "imsrig_hss_aka_resync_total"), 1);
	assert_int_equal(hss_rig_counter(&rig, "imsrig_hss_aka_auts_wrong_total"), 1);
}

/* The same AUTS twice, as when its REGISTER is sent once more: no number serves two vectors. */
static void resync_again(void **state)
{
	struct usim_answer out;
	uint8_t both[30], rand[16];
	struct str asked = {(char *)both, sizeof both};

	link_ask(&scscf, mar(AKA, STR_NONE));
	assert_int_equal(judge(0x700000, &out, both), USIM_SYNC_FAILURE);
	memcpy(both + 16, out.auts, 14);
	link_ask(&scscf, mar(AKA, asked));
	assert_int_equal(judge(0x700000, &out, rand), USIM_OK);
	link_ask(&scscf, mar(AKA, asked));
	assert_int_equal(judge(aka_sqn_next(0x700000), &out, rand), USIM_OK);
	assert_int_equal(hss_rig_counter(&rig, "imsrig_hss_aka_auts_wrong_total"), 0);
}

static void bad_resync(void **state)
{
	static const char octets[64];
	static const size_t sizes[] = {1, 14, 29, 31, 64};

	link_ask(&scscf, mar(AKA, STR_NONE));
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		const struct cx_msg *a =
			link_ask(&scscf, mar(AKA, (struct str){octets, sizes[i]}));
		assert_int_equal(a->result.code, DIAMETER_INVALID_AVP_VALUE);
	}
}

static void numbers_outlive_a_restart(void **state)
{
	struct usim_answer out;
	uint8_t rand[16];
	uint64_t sqn = 0x100;

	for (int i = 0; i < 3; i++, sqn = aka_sqn_next(sqn)) {
		link_ask(&scscf, mar(AKA, STR_NONE));
		assert_int_equal(judge(sqn, &out, rand), USIM_OK);
	}
	link_close(&scscf);
	assert_int_equal(hss_rig_stop(&rig), 0);
	rig.subscribers = "";
	hss_rig_start(&rig);
	assert_int_equal(link_open(&scscf, &rig, 14, "scscf.ims.example.org"), DIAMETER_SUCCESS);
	link_ask(&scscf, mar(AKA, STR_NONE));
	assert_int_equal(judge(sqn, &out, rand), USIM_OK);
}

static enum usim_verdict next_for(struct usim *u, struct usim_answer *out)
{
	const uint8_t *both = (const uint8_t *)scscf.m.authenticate.p;
	assert_int_equal(scscf.m.authenticate.n, 32);
	return usim_authenticate(u, both, both + 16, out);
}

/* Killed among MARs: whatever vector left, its number is not given again. */
static void numbers_outlive_a_crash(void **state)
{
	struct usim_answer out;
	struct usim u;
	struct buf octets = {0};
	struct cx_fault fault;
	int seen = 0;

	usim_init(&u, &keys, 0x100);
	for (int i = 0; i < 200; i++)
		link_send(&scscf, link_encode(&scscf, mar(AKA, STR_NONE), &octets));
	buf_free(&octets);
	while (link_receive(&scscf)) {
		assert_int_equal(cx_decode(buf_str(&scscf.in), &scscf.m, &fault), 0);
		assert_int_equal(next_for(&u, &out), USIM_OK);
		if (++seen == 20)
			kill(rig.pid, SIGKILL);
	}
	assert_true(seen >= 20);
	link_close(&scscf);
	assert_int_equal(hss_rig_stop(&rig), 128 + SIGKILL);
	hss_rig_start(&rig);
	assert_int_equal(link_open(&scscf, &rig, 14, "scscf.ims.example.org"), DIAMETER_SUCCESS);
	link_ask(&scscf, mar(AKA, STR_NONE));
	assert_int_equal(next_for(&u, &out), USIM_OK);
}

/* What the program says when it is started as it is configured; its exit code. */
static int start_refused(char *said, size_t size)
{
	char cmd[300];
	snprintf(cmd, sizeof cmd, "timeout 20 " BIN_DIR "/hss --config %s/hss.yaml 2>&1", rig.dir);
	FILE *out = popen(cmd, "r");
	assert_non_null(out);
	said[fread(said, 1, size - 1, out)] = 0;
	return WEXITSTATUS(pclose(out));
}

static void no_start_without_the_key(void **state)
{
	char key[100], away[100], said[4000];
	struct usim_answer out;
	uint8_t rand[16];

	snprintf(key, sizeof key, "%s/hss.db.key", rig.dir);
	snprintf(away, sizeof away, "%s/away", rig.dir);
	link_close(&scscf);
	assert_int_equal(hss_rig_stop(&rig), 0);
	assert_int_equal(rename(key, away), 0);
	assert_int_not_equal(start_refused(said, sizeof said), 0);
	assert_non_null(strstr(said, "hss.db.key: it is missing, and secrets were sealed with it; put it back"));
	FILE *o = fopen(key, "w");
	fputs("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", o);
	fclose(o);
	assert_int_equal(chmod(key, 0600), 0);
	assert_int_not_equal(start_refused(said, sizeof said), 0);
	assert_non_null(strstr(said, "put the right file back"));
	assert_null(strstr(said, "0001020304"));
	assert_int_equal(rename(away, key), 0);
	hss_rig_start(&rig);
	assert_int_equal(link_open(&scscf, &rig, 14, "scscf.ims.example.org"), DIAMETER_SUCCESS);
	link_ask(&scscf, mar(AKA, STR_NONE));
	assert_int_equal(judge(0x100, &out, rand), USIM_OK);
}

#define STORE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define RIG(name)   cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest store_tests[] = {STORE(keys_kept), STORE(guesses_not_helped), STORE(numbers_kept), STORE(keys_hidden),
		STORE(wrong_keys), STORE(moved_row), STORE(no_key_file)};
	const struct CMUnitTest rig_tests[] = {RIG(schemes), RIG(a_vector), RIG(resync),
		RIG(resync_again), RIG(bad_resync), RIG(numbers_outlive_a_restart), RIG(numbers_outlive_a_crash),
		RIG(no_start_without_the_key)};
	int failed = cmocka_run_group_tests(store_tests, NULL, NULL);
	return failed + cmocka_run_group_tests(rig_tests, rig_setup, rig_teardown);
}
