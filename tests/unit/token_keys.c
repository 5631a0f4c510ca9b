/* Tests of token keys: JWK sets, rotation, files.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "common/crypto/token.h"

#define X    "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU" /* RFC 7515 A.3 */
#define Y    "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define D    "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define HEAD "\"kty\":\"EC\",\"crv\":\"P-256\""
#define XY   "\"x\":\"" X "\",\"y\":\"" Y "\""

static char dir[64], path[128], why[512];
static struct chance chance;
static struct token_keys *keys;
static struct arena arena;

static int setup(void **state)
{
	strcpy(dir, "/tmp/imsrig-keys.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/keys.json", dir);
	chance_init(&chance, 1, "keys");
	keys = token_keys_new();
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	assert_int_equal(rmdir(dir), 0); /* nothing else was left there */
	token_keys_free(keys);
	arena_free(&arena);
	assert_int_equal(ERR_peek_error(), 0);
	return 0;
}

static enum token_fault verify(const struct token_keys *k, struct str text)
{
	struct token t;
	struct str kid;
	assert_int_equal(token_parse(text, &arena, &t, &kid), TOKEN_GOOD);
	return token_verify(k, text, kid);
}

static struct str issue(const struct token_keys *k)
{
	return token_issue(k, &(struct token){.jti = STR("1"), .exp = 2}, &arena);
}

/* ---- sets ---- */

/* What a set of one key (members between the braces) leaves: 1 or 0. */
static size_t taken(const char *members)
{
	const char *bad;
	struct str set = arena_fmt(&arena, "{\"keys\":[{%s}]}", members);
	assert_int_equal(token_keys_read(keys, set, &bad), 0);
	assert_null(bad);
	return token_keys_count(keys);
}

static void test_taken(void **state)
{
	assert_int_equal(taken(HEAD ",\"kid\":\"a\"," XY), 1);
	assert_int_equal(taken(HEAD ",\"kid\":\"a\",\"use\":\"sig\",\"alg\":\"ES256\"," XY), 1);
	assert_int_equal(taken(HEAD ",\"kid\":\"a/b+c=:d\",\"key_ops\":[\"verify\"]," XY), 1);
	assert_int_equal(taken(HEAD ",\"kid\":\"a\",\"x5c\":[\"AA\"],\"more\":{}," XY), 1);
}

static void test_passed_over(void **state)
{
	static const char *const rows[] = {
		"", XY, HEAD "," XY, HEAD ",\"kid\":1," XY, HEAD ",\"kid\":\"\"," XY,
		HEAD ",\"kid\":\"a b\"," XY, HEAD ",\"kid\":\"a\\\"b\"," XY,
		HEAD ",\"kid\":\"a\\nb\"," XY, HEAD ",\"kid\":\"\\u00e9\"," XY,
		HEAD ",\"kid\":\"a\",\"use\":\"enc\"," XY, HEAD ",\"kid\":\"a\",\"use\":1," XY,
		HEAD ",\"kid\":\"a\",\"alg\":\"ES384\"," XY, HEAD ",\"kid\":\"a\",\"alg\":\"none\"," XY,
		HEAD ",\"kid\":\"a\",\"key_ops\":[\"sign\"]," XY,
		HEAD ",\"kid\":\"a\",\"key_ops\":[]," XY, HEAD ",\"kid\":\"a\",\"key_ops\":\"verify\"," XY,
		HEAD ",\"kid\":\"a\",\"d\":\"" D "\"," XY, /* its private half is out */
		"\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"",
		"\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"",
		"\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\",\"x\":\"" X "\"",
		"\"kty\":\"ec\",\"crv\":\"P-256\",\"kid\":\"a\"," XY,
		"\"kty\":\"EC\",\"crv\":\"P-384\",\"kid\":\"a\"," XY,
		"\"kty\":\"EC\",\"crv\":\"secp256k1\",\"kid\":\"a\"," XY,
		"\"kty\":\"EC\",\"crv\":\"P-384\",\"kid\":\"a\","
		"\"x\":\"qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3\","
		"\"y\":\"NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f\"",
		HEAD ",\"kid\":\"a\",\"x\":\"" X "\"", HEAD ",\"kid\":\"a\",\"y\":\"" Y "\"",
		HEAD ",\"kid\":\"a\",\"x\":\"" Y "\",\"y\":\"" X "\"", /* not on the curve */
		HEAD ",\"kid\":\"a\",\"x\":\"" X "\",\"y\":\"" X "\"",
		HEAD ",\"kid\":\"a\",\"x\":\"" X "=\",\"y\":\"" Y "\"",
		HEAD ",\"kid\":\"a\",\"x\":\"" X "A\",\"y\":\"" Y "\"",
		HEAD ",\"kid\":\"a\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV\",\"y\":\"" Y "\"",
		HEAD ",\"kid\":\"a\",\"x\":1,\"y\":\"" Y "\"",
		/* the origin */
		HEAD ",\"kid\":\"a\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
		"\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (taken(rows[i]) != 0)
			fail_msg("taken: %s", rows[i]);
	const char *bad;
	assert_int_equal(token_keys_read(keys, STR("{\"keys\":[1,null,\"x\",[],{" HEAD
		",\"kid\":\"a\"," XY "}]}"), &bad), 0);
	assert_int_equal(token_keys_count(keys), 1);
}

/* A point whose x is small: its sum with the prime fits in 32 octets as well, and cjose takes
 * one for the other. */
static void test_above_the_prime(void **state)
{
	static const char good[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	static const char above[] = "_____wAAAAEAAAAAAAAAAAAAAAD_______________8";
	static const char y[] = "ZkhceA4vg9ckM71dhKBrtlQcKvMdrocXKL-FahdPk_Q";
	static const char *const form = HEAD ",\"kid\":\"a\",\"x\":\"%s\",\"y\":\"%s\"";
	assert_int_equal(taken(arena_fmt(&arena, form, good, y).p), 1);
	assert_int_equal(taken(arena_fmt(&arena, form, above, y).p), 0);
}

static void test_sets(void **state)
{
	static const char *const rows[] = {"", "{}", "[]", "null", "{\"keys\":{}}", "{\"keys\":1}",
		"{\"keys\":[]", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[{\"kid\":\"a\",\"kid\":\"a\"}]}",
		"{\"keys\":[{" HEAD ",\"kid\":\"a\"," XY "},{" HEAD ",\"kid\":\"\\u0061\"," XY "}]}"};
	const char *bad;
	assert_int_equal(token_keys_add(keys, &chance), 0);
	struct str text = issue(keys);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bad = NULL;
		assert_int_equal(token_keys_read(keys, str_of(rows[i]), &bad), -EBADMSG);
		assert_non_null(bad);
		assert_int_equal(token_keys_count(keys), 1); /* nothing has changed */
		assert_int_equal(verify(keys, text), TOKEN_GOOD);
	}
	/* an issuer that withdraws all its keys is believed */
	assert_int_equal(token_keys_read(keys, STR("{\"keys\":[]}"), &bad), 0);
	assert_int_equal(token_keys_count(keys), 0);
	assert_int_equal(verify(keys, text), TOKEN_UNKNOWN_KEY);
}

static void test_many(void **state)
{
	struct buf b = {0};
	const char *bad;
	buf_add(&b, STR("{\"keys\":["));
	for (int i = 0; i < 20; i++)
		buf_fmt(&b, "%s{" HEAD ",\"kid\":\"k%d\"," XY "}", i ? "," : "", i);
	buf_add(&b, STR("]}"));
	assert_int_equal(token_keys_read(keys, buf_str(&b), &bad), 0);
	assert_int_equal(token_keys_count(keys), 16);
	buf_free(&b);
}

static void test_public(void **state)
{
	const char *bad;
	struct token_keys *others = token_keys_new();
	assert_int_equal(token_keys_add(keys, &chance), 0);
	assert_int_equal(token_keys_add(keys, &chance), 0);
	struct str set = token_keys_public(keys, &arena);
	assert_int_equal(str_find(set, STR("\"d\"")), -1);
	assert_int_equal(token_keys_read(others, set, &bad), 0);
	assert_int_equal(token_keys_count(others), 2);
	assert_int_equal(verify(others, issue(keys)), TOKEN_GOOD);
	assert_null(issue(others).p); /* public halves sign nothing */
	assert_int_equal(token_keys_save(others, path, why), -EINVAL);
	assert_int_equal(access(path, F_OK), -1);
	assert_true(str_eq(token_keys_public(others, &arena), set));
	token_keys_free(others);
	others = token_keys_new();
	assert_true(str_eq(token_keys_public(others, &arena), STR("{\"keys\":[]}")));
	token_keys_free(others);
}

/* ---- rotation ---- */

static void test_rotation(void **state)
{
	struct str text[20];
	for (int i = 0; i < 20; i++) {
		assert_int_equal(token_keys_add(keys, &chance), 0);
		text[i] = issue(keys);
		assert_int_equal(token_keys_count(keys), i < 16 ? i + 1 : 16);
		for (int j = 0; j <= i; j++)
			assert_int_equal(verify(keys, text[j]),
				i - j < 16 ? TOKEN_GOOD : TOKEN_UNKNOWN_KEY);
	}
	token_keys_trim(keys, 30);
	assert_int_equal(token_keys_count(keys), 16);
	token_keys_trim(keys, 2);
	assert_int_equal(verify(keys, text[19]), TOKEN_GOOD);
	assert_int_equal(verify(keys, text[18]), TOKEN_GOOD);
	assert_int_equal(verify(keys, text[17]), TOKEN_UNKNOWN_KEY);
	token_keys_trim(keys, 0);
	assert_null(issue(keys).p);
}

/* One seed, one kid, but never the key. */
static void test_drawn(void **state)
{
	struct token_keys *others = token_keys_new();
	struct chance again;
	chance_init(&again, 1, "keys");
	assert_int_equal(token_keys_add(keys, &chance), 0);
	assert_int_equal(token_keys_add(others, &again), 0);
	struct str a = token_keys_public(keys, &arena), b = token_keys_public(others, &arena);
	ptrdiff_t at = str_find(a, STR("\"x\""));
	assert_true(at > 0);
	assert_memory_equal(a.p, b.p, at);
	assert_false(str_eq(a, b));
	assert_int_equal(verify(others, issue(keys)), TOKEN_BAD_SIGNATURE);
	token_keys_free(others);
}

/* ---- files ---- */

static void write_file(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void test_file(void **state)
{
	struct token_keys *others = token_keys_new();
	struct stat st;
	assert_int_equal(token_keys_add(keys, &chance), 0);
	assert_int_equal(token_keys_add(keys, &chance), 0);
	assert_int_equal(token_keys_load(others, path, why), -ENOENT);
	umask(0);
	assert_int_equal(token_keys_save(keys, path, why), 0);
	assert_int_equal(token_keys_save(keys, path, why), 0); /* in place of the first */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(token_keys_load(others, path, why), 0);
	assert_int_equal(token_keys_count(others), 2);
	assert_int_equal(verify(keys, issue(others)), TOKEN_GOOD);
	assert_int_equal(verify(others, issue(keys)), TOKEN_GOOD);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(token_keys_load(others, path, why), -EACCES);
	assert_int_equal(token_keys_count(others), 2);
	token_keys_free(others);
	assert_int_equal(token_keys_load(keys, dir, why), -EINVAL);
	assert_int_equal(token_keys_save(keys, "/nowhere/keys.json", why), -ENOENT);
	assert_non_null(strstr(why, "/nowhere/keys.json"));
}

static void test_bad_file(void **state)
{
	static const char *const rows[] = {"", "{}", "x",
		"{\"keys\":[{" HEAD ",\"kid\":\"a\"," XY "}]}", /* without private half */
		"{\"keys\":[{" HEAD ",\"kid\":\"a\"," XY ",\"d\":\"AAAA\"}]}",
		"{\"keys\":[{" HEAD ",\"kid\":\"a\"," XY
		",\"d\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
		"{\"keys\":[{" HEAD ",\"kid\":\"a\"," XY ",\"d\":\"" X "\"}]}", /* of another point */
		"{\"keys\":[{" HEAD ",\"kid\":\"a\"," XY ",\"d\":\"" D "\"},{\"kty\":\"RSA\"}]}"};
	assert_int_equal(token_keys_add(keys, &chance), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		write_file(rows[i], 0600);
		why[0] = 0;
		assert_int_equal(token_keys_load(keys, path, why), -EBADMSG);
		assert_non_null(strstr(why, path));
		assert_null(strstr(why, D));
		assert_int_equal(token_keys_count(keys), 1);
	}
	write_file("{\"keys\":[{" HEAD ",\"kid\":\"a\"," XY ",\"d\":\"" D "\"}]}", 0600);
	assert_int_equal(token_keys_load(keys, path, why), 0);
	assert_int_equal(verify(keys, issue(keys)), TOKEN_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_above_the_prime, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_public, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drawn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_file, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
