/* Tests of configuration: values, defaults, and the text of every complaint.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"

struct peer {
	char *host;
	struct addr addr;
};
struct limits {
	int64_t burst;
	int64_t window_ms;
};
struct sample {
	char *realm, *note;
	int64_t port;
	bool strict;
	int64_t t1_ms;
	struct addr listen;
	int transport;
	struct limits limits;
	struct conf_list peers, origins, waits;
	struct conf_list auth;
};

static const char *const transports[] = {"udp", "tcp", "tls", NULL};
static const char *const auths[] = {"digest", "token", NULL};

static const struct conf_row peer_rows[] = {
	CONF_STR(struct peer, host, "host", CONF_REQUIRED, NULL),
	CONF_ADDR(struct peer, addr, "addr", 0, 3868),
	CONF_END};
static const struct conf_row limit_rows[] = {
	CONF_INT(struct limits, burst, "burst", 0, "50", 0, 0),
	CONF_MS(struct limits, window_ms, "window", CONF_REQUIRED, "5min"),
	CONF_END};
static const struct conf_row rows[] = {
	CONF_STR(struct sample, realm, "realm", CONF_REQUIRED, NULL),
	CONF_STR(struct sample, note, "note", 0, "none"),
	CONF_INT(struct sample, port, "port", 0, "5060", 1, 65535),
	CONF_BOOL(struct sample, strict, "strict", "on"),
	CONF_MS(struct sample, t1_ms, "t1", 0, "500ms"),
	CONF_ADDR(struct sample, listen, "listen", 0, 5060),
	CONF_ENUM(struct sample, transport, "transport", 0, "tcp", transports),
	CONF_STRUCT(struct sample, limits, "limits", 0, limit_rows),
	CONF_LIST(struct sample, peers, "peers", 0, peer_rows, struct peer),
	CONF_STRS(struct sample, origins, "origins", 0),
	{"waits", CONF_T_LIST, offsetof(struct sample, waits), 0, "[1s, 2s]", .size = sizeof(int64_t),
		.item = CONF_T_MS},
	{"auth", CONF_T_LIST, offsetof(struct sample, auth), 0, NULL, .names = auths,
		.size = sizeof(int), .item = CONF_T_ENUM},
	CONF_END};

static int load(const char *yaml, struct sample *s, struct arena *a, char why[512])
{
	memset(s, 0xee, sizeof *s);
	strcpy(why, "");
	return conf_load_text(str_of(yaml), "x.yaml", rows, s, a, why);
}

static void test_values(void **state)
{
	struct arena a = {0};
	struct sample s;
	char why[512];
	int err = load("# all of it\n"
		       "realm: ims.example.org\n"
		       "note: \"two\\nlines\"\n"
		       "port: 65535\n"
		       "strict: off\n"
		       "t1: 2min\n"
		       "listen: 127.0.0.12\n"
		       "transport: tls\n"
		       "limits: {window: 90}\n"
		       "peers:\n"
		       "  - {host: hss.ims.example.org, addr: \"[::1]:3869\"}\n"
		       "  - host: 'x'\n"
		       "    addr: 127.0.0.16\n"
		       "origins: [a, \"b\", 3]\n"
		       "waits: []\n"
		       "auth: [token, digest]\n",
		&s, &a, why);
	assert_string_equal(why, "");
	assert_int_equal(err, 0);
	assert_string_equal(s.realm, "ims.example.org");
	assert_string_equal(s.note, "two\nlines");
	assert_int_equal(s.port, 65535);
	assert_false(s.strict);
	assert_int_equal(s.t1_ms, 120000);
	assert_string_equal(addr_text(&s.listen), "127.0.0.12:5060");
	assert_int_equal(s.transport, 2);
	assert_int_equal(s.limits.burst, 50);
	assert_int_equal(s.limits.window_ms, 90000);
	assert_int_equal(s.peers.n, 2);
	struct peer *p = s.peers.items;
	assert_string_equal(p[0].host, "hss.ims.example.org");
	assert_string_equal(addr_text(&p[0].addr), "[::1]:3869");
	assert_string_equal(addr_text(&p[1].addr), "127.0.0.16:3868");
	assert_int_equal(s.origins.n, 3);
	assert_string_equal(((char **)s.origins.items)[2], "3");
	assert_int_equal(s.waits.n, 0);
	assert_int_equal(s.auth.n, 2);
	assert_int_equal(((int *)s.auth.items)[0], 1);
	arena_free(&a);
}

static void test_defaults(void **state)
{
	struct arena a = {0};
	struct sample s;
	char why[512];

	assert_int_equal(load("realm: r\n", &s, &a, why), 0);
	assert_string_equal(s.note, "none");
	assert_int_equal(s.port, 5060);
	assert_true(s.strict);
	assert_int_equal(s.t1_ms, 500);
	assert_false(addr_is(&s.listen));
	assert_int_equal(s.transport, 1);
	/* the mapping isn't there, so what it requires isn't asked for */
	assert_int_equal(s.limits.burst, 50);
	assert_int_equal(s.limits.window_ms, 300000);
	assert_int_equal(s.peers.n, 0);
	assert_null(s.peers.items);
	assert_int_equal(s.waits.n, 2);
	assert_int_equal(((int64_t *)s.waits.items)[1], 2000);
	arena_free(&a);
}

static void test_complaints(void **state)
{
	static const struct {
		const char *yaml, *why;
	} bad[] = {
		{"", "x.yaml: there is nothing in it"},
		{"# nothing\n", "x.yaml: there is nothing in it"},
		{"realm: r\nrealm: r\n", "x.yaml:2:1: key \"realm\" is given twice"},
		{"relm: r\n", "x.yaml:1:1: key \"relm\" is not known here (did you mean \"realm\"?)"},
		{"realm: r\n\n  # c\ntransprot: udp\n",
			"x.yaml:4:1: key \"transprot\" is not known here (did you mean \"transport\"?)"},
		{"realm: r\ncolour: red\n", "x.yaml:2:1: key \"colour\" is not known here"},
		{"realm: r\n\"a\\e[1mb\": red\n", "x.yaml:2:1: key \"a.[1mb\" is not known here"},
		{"realm: r\n[a]: b\n", "x.yaml:2:1: a key has to be a text"},
		{"realm: r\n: b\n", "x.yaml:1:1: a key has to be a text"},
		{"port: 1\n", "x.yaml:1:1: key \"realm\" is missing"},
		{"realm: r\npeers:\n  - addr: 127.0.0.1\n", "x.yaml:3:5: key \"host\" is missing"},
		{"realm: r\npeers:\n  - {}\n", "x.yaml:3:5: key \"host\" is missing"},
		{"realm: r\nlimits: {burst: 1}\n", "x.yaml:2:9: key \"window\" is missing"},
		{"realm:\n", "x.yaml:1:1: key \"realm\": expected a text, found nothing"},
		{"realm: ~\n", "x.yaml:1:1: key \"realm\": expected a text, found nothing"},
		{"realm: [a]\n", "x.yaml:1:8: key \"realm\": expected a text, found a list"},
		{"realm: {a: b}\n", "x.yaml:1:8: key \"realm\": expected a text, found a mapping"},
		{"realm: \"a\\0b\"\n",
			"x.yaml:1:8: key \"realm\": expected a text, found a text with an octet 0"},
		{"realm: r\nport: soon\n", "x.yaml:2:7: key \"port\": expected a number from 1 to 65535, "
			"found \"soon\""},
		{"realm: r\nport: 0\n", "x.yaml:2:7: key \"port\": expected a number from 1 to 65535, "
			"found \"0\""},
		{"realm: r\nport: 65536\n", "x.yaml:2:7: key \"port\": expected a number from 1 to "
			"65535, found \"65536\""},
		{"realm: r\nport: 99999999999999999999\n", "x.yaml:2:7: key \"port\": expected a number "
			"from 1 to 65535, found \"99999999999999999999\""},
		{"realm: r\nport: \"80\"\n", "x.yaml:2:7: key \"port\": expected a number from 1 to "
			"65535, found the text \"80\""},
		{"realm: r\nport: 8.5\n", "x.yaml:2:7: key \"port\": expected a number from 1 to 65535, "
			"found \"8.5\""},
		{"realm: r\nlimits: {window: 1, burst: x}\n",
			"x.yaml:2:28: key \"burst\": expected a number, found \"x\""},
		{"realm: r\nstrict: maybe\n",
			"x.yaml:2:9: key \"strict\": expected true or false, found \"maybe\""},
		{"realm: r\nt1: soon\n", "x.yaml:2:5: key \"t1\": expected a duration such as 500ms, "
			"30s, 4min or 1h, found \"soon\""},
		{"realm: r\nlisten: localhost\n", "x.yaml:2:9: key \"listen\": expected an address such "
			"as 127.0.0.1:5060, found \"localhost\""},
		{"realm: r\ntransport: upd\n", "x.yaml:2:12: key \"transport\": expected udp, tcp or "
			"tls, found \"upd\" (did you mean \"udp\"?)"},
		{"realm: r\ntransport: sctp\n", "x.yaml:2:12: key \"transport\": expected udp, tcp or "
			"tls, found \"sctp\""},
		{"realm: r\nlimits: 5\n", "x.yaml:2:9: key \"limits\": expected a mapping, found \"5\""},
		{"realm: r\npeers: hss\n", "x.yaml:2:8: key \"peers\": expected a list, found \"hss\""},
		{"realm: r\npeers: {host: hss}\n",
			"x.yaml:2:8: key \"peers\": expected a list, found a mapping"},
		{"realm: r\npeers: [hss]\n", "x.yaml:2:9: key \"peers[0]\": expected a mapping, found \"hss\""},
		{"realm: r\norigins:\n  - a\n  -\n", "x.yaml:2:1: key \"origins[1]\": expected a text, "
			"found nothing"},
		{"realm: r\norigins: [a, [b]]\n", "x.yaml:2:14: key \"origins[1]\": expected a text, found a list"},
		{"realm: r\nauth: [tokn]\n",
			"x.yaml:2:8: key \"auth[0]\": expected digest or token, found "
			"\"tokn\" (did you mean \"token\"?)"},
		{"- realm: r\n", "x.yaml:1:1: expected a mapping, found a list"},
		{"realm\n", "x.yaml:1:1: expected a mapping, found \"realm\""},
		{"realm: &r a\nnote: *r\n",
			"x.yaml:2:8: key \"note\": expected a text, found an alias, which is not taken here"},
		{"realm: r\n<<: {port: 3}\n", "x.yaml:2:1: key \"<<\" is not known here"},
		{"realm: r\n---\nrealm: s\n", "x.yaml: there is a second document in it (---)"},
		{"%YAML 1.2\n---\nrealm: r\n", "x.yaml:1:1: directives are not taken here"},
		/* the parser's own words from here, so only the place is held */
		{"realm: [r\n", "x.yaml:2:1: *"},
		{"realm: 'r\n", "x.yaml:1:*"},
		{"\trealm: r\n", "x.yaml:1:*"},
		{"realm: \"\xff\"\n", "x.yaml:1:*"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct arena a = {0};
		struct sample s;
		char why[512];
		int err = load(bad[i].yaml, &s, &a, why);
		size_t n = strcspn(bad[i].why, "*");
		if (err != -EINVAL || strncmp(why, bad[i].why, n + !bad[i].why[n]))
			fail_msg("\n%s\nsaid  %d %s\nnot   %s", bad[i].yaml, err, why, bad[i].why);
		arena_free(&a);
	}
}

/* A text that a complaint quotes: printable, cut. A free text, which may be a password, is
 * never quoted. */
static void test_quoting(void **state)
{
	struct arena a = {0};
	struct sample s;
	char why[512], yaml[2000];

	memset(yaml, 'p', sizeof yaml);
	memcpy(yaml, "realm: r\nport: \x7f", 16);
	strcpy(yaml + 1900, "\n");
	assert_int_equal(load(yaml, &s, &a, why), -EINVAL);
	assert_true(strlen(why) < 200);
	assert_non_null(strstr(why, "found \".ppp"));
	arena_free(&a);
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {{"500ms", 500}, {"30s", 30000}, {"4min", 240000}, {"1h", 3600000}, {"7", 7000},
		{"0", 0}, {"0ms", 0}};
	static const char *const bad[] = {"", "s", "ms", "-1s", "1.5s", "1 s", "1d", "4m", "0x1",
		"99999999999999999999", "9999999999999999s", "1sms", "+1"};
	int64_t ms;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(conf_ms(str_of(good[i].text), &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(conf_ms(str_of(bad[i]), &ms), -EINVAL);
}

static void test_files(void **state)
{
	char dir[] = "/tmp/imsrig-conf-XXXXXX", path[100], why[512], want[600];
	struct arena a = {0};
	struct sample s;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/a.yaml", dir);
	assert_int_equal(conf_load(path, rows, &s, &a, why), -ENOENT);
	snprintf(want, sizeof want, "%s: can't be read: No such file or directory", path);
	assert_string_equal(why, want);
	assert_int_equal(conf_load(dir, rows, &s, &a, why), -EINVAL);
	snprintf(want, sizeof want, "%s: it is a directory", dir);
	assert_string_equal(why, want);

	FILE *f = fopen(path, "w");
	fputs("realm: r\n", f);
	fclose(f);
	assert_int_equal(conf_load(path, rows, &s, &a, why), 0);
	assert_string_equal(s.realm, "r");
	f = fopen(path, "a");
	for (int i = 0; i < 60000; i++)
		fputs("# a comment for its size\n", f);
	fclose(f);
	assert_int_equal(conf_load(path, rows, &s, &a, why), -EINVAL);
	snprintf(want, sizeof want, "%s: it is larger than 1024 KiB", path);
	assert_string_equal(why, want);
	unlink(path);
	rmdir(dir);
	arena_free(&a);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

/* Texts and lists in files of their own. */
static void test_beside(void **state)
{
	static const struct {
		const char *yaml, *file, *why;
	} bad[] = {
		{"{realm: r, peers: {file: %s}}", "- {host: h}\n- {hots: i}\n",
			"%s:2:4: key \"hots\" is not known here (did you mean \"host\"?)"},
		{"{realm: r, peers: {file: %s}}", "host: h\n",
			"%s:1:1: key \"peers\": expected a list, found a mapping"},
		{"{realm: r, peers: {file: %s}}", "- {host: {file: x}}\n",
			"%s:1:10: key \"host\": a file that a value names can't name another"},
		{"{realm: r, port: {file: %s}}", "5060\n",
			"x.yaml:1:18: key \"port\": expected a number from 1 to 65535, found a mapping"},
	};
	char dir[] = "/tmp/imsrig-conf-XXXXXX", path[100], yaml[200], why[512], want[600];
	struct arena a = {0};
	struct sample s;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/a", dir);
	snprintf(yaml, sizeof yaml, "{realm: {file: %s}}", path);
	assert_int_equal(load(yaml, &s, &a, why), -EINVAL);
	snprintf(want, sizeof want, "%s: can't be read: No such file or directory", path);
	assert_string_equal(why, want);
	put(path, " its first line\r\nno more\n");
	assert_int_equal(load(yaml, &s, &a, why), 0);
	assert_string_equal(s.realm, "its first line");
	snprintf(yaml, sizeof yaml, "{realm: r, peers: {file: %s}}", path);
	put(path, "- {host: one}\n- {host: two}\n");
	assert_int_equal(load(yaml, &s, &a, why), 0);
	assert_int_equal(s.peers.n, 2);
	assert_string_equal(((struct peer *)s.peers.items)[1].host, "two");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put(path, bad[i].file);
		snprintf(yaml, sizeof yaml, bad[i].yaml, path);
		assert_int_equal(load(yaml, &s, &a, why), -EINVAL);
		snprintf(want, sizeof want, bad[i].why, path);
		assert_string_equal(why, want);
	}
	unlink(path);
	rmdir(dir);
	arena_free(&a);
}

static double cpu(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* Texts made to keep a YAML reader busy: each is refused, soon. */
static void test_hostile(void **state)
{
	struct buf b[6] = {{0}};
	const size_t size = 1000000;

	while (b[0].n < size)
		buf_fmt(&b[0], "[");
	while (b[1].n < size)
		buf_fmt(&b[1], "? ");
	for (int i = 0; b[2].n < size; i++)
		buf_fmt(&b[2], "k%d: 1\n", i);
	buf_fmt(&b[3], "a0: &a0 [x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 60; i++) {
		buf_fmt(&b[3], "a%d: &a%d [*a%d", i, i, i - 1);
		for (int k = 1; k < 8; k++)
			buf_fmt(&b[3], ",*a%d", i - 1);
		buf_fmt(&b[3], "]\n");
	}
	for (int i = 0; b[4].n < size; i++)
		buf_fmt(&b[4], "%%TAG !a%d! b\n", i);
	buf_fmt(&b[5], "realm: r\norigins:\n");
	while (b[5].n < size)
		buf_fmt(&b[5], "- []\n");
	for (int i = 0; i < 6; i++) {
		struct arena a = {0};
		struct sample s;
		char why[512];
		double from = cpu();
		assert_int_equal(conf_load_text(buf_str(&b[i]), "h.yaml", rows, &s, &a, why), -EINVAL);
		assert_true(cpu() - from < 10);
		assert_true(strlen(why) < 200);
		arena_free(&a);
		buf_free(&b[i]);
	}
}

/* Every prefix and every octet changed: a value or a complaint, nothing worse. */
static void test_broken(void **state)
{
	static const char yaml[] = "realm: r\nlimits: {window: 5s}\npeers:\n  - host: \"x\"\n"
				   "origins: [a, b]\nt1: 1h\n";
	static const char put[] = "\0:-[]{}#&*!|>'\"%@`\n\t \xff";
	char text[sizeof yaml], why[512];
	struct sample s;

	for (size_t n = 0; n < sizeof yaml - 1; n++) {
		struct arena a = {0};
		conf_load_text((struct str){yaml, n}, "x.yaml", rows, &s, &a, why);
		arena_free(&a);
		for (size_t k = 0; k < sizeof put - 1; k++) {
			memcpy(text, yaml, sizeof yaml);
			text[n] = put[k];
			conf_load_text((struct str){text, sizeof yaml - 1}, "x.yaml", rows, &s, &a,
				why);
			arena_free(&a);
		}
	}
}

static void test_by_hand(void **state)
{
	struct arena a = {0};
	struct fy_document *doc;
	struct peer p;
	char why[512];

	assert_int_equal(conf_open_text(STR("id: x\nactor:\n  host: h\nempty:\nflow: [a]\n"),
				 "s.yaml", &a, &doc, why), 0);
	struct fy_node *root = fy_document_root(doc);
	struct fy_node *actor = fy_node_by_path(root, "/actor", FY_NT, FYNWF_DONT_FOLLOW);
	assert_int_equal(conf_load_node(doc, actor, "s.yaml", peer_rows, &p, &a, why), 0);
	assert_string_equal(p.host, "h");
	assert_string_equal(conf_where(actor, "s.yaml", &a).p, "s.yaml:3:3");
	assert_string_equal(conf_where(root, "s.yaml", &a).p, "s.yaml:1:1");
	struct fy_node *flow = fy_node_by_path(root, "/flow", FY_NT, FYNWF_DONT_FOLLOW);
	assert_string_equal(conf_where(flow, "s.yaml", &a).p, "s.yaml:5:7");
	assert_string_equal(conf_where(NULL, "s.yaml", &a).p, "s.yaml:1:1");
	assert_int_equal(conf_load_node(doc, NULL, "s.yaml", peer_rows, &p, &a, why), -EINVAL);
	assert_string_equal(why, "s.yaml:1:1: expected a mapping, found nothing");
	fy_document_destroy(doc);
	arena_free(&a);
}

static void test_wrong_default(void **state)
{
	static const struct conf_row odd[] = {CONF_INT(struct limits, burst, "burst", 0, "many", 0, 0),
		CONF_END};
	struct arena a = {0};
	struct limits l;
	char why[512];
	assert_int_equal(conf_load_text(STR("{}"), "x.yaml", odd, &l, &a, why), -EINVAL);
	assert_string_equal(why, "the default of \"burst\" is wrong: many");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_beside),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_wrong_default),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
