/* Tests of tokens: what is issued is taken, and each fault is refused for its own reason.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <cmocka.h>

#include "common/crypto/token.h"
#include "tests/unit/token_forge.h"

#define CLAIMS                                                                            \
	"{\"iss\":\"https://wwsf\",\"sub\":\"alice\",\"client_id\":\"wwsf\",\"jti\":\"1\","   \
	"\"scope\":\"openid webrtc-ims-client-access-to-ims\",\"impi\":\"alice-impi@home\","   \
	"\"aud\":[\"other\",\"home\"],\"impu\":[\"sip:alice@home\",\"tel:+1\"],"               \
	"\"iat\":1000,\"nbf\":1000,\"exp\":1600,\"cnf\":{\"x\":[1]}}"

static char dir[64], path[128];
static struct chance chance;
static struct token_keys *keys;
static struct forge forge;
static struct arena arena;
static struct str kid;  /* of the newest key */

static struct str kid_of(const struct token_keys *k)
{
	struct token t;
	struct str id, text = token_issue(k, &(struct token){.jti = STR("x")}, &arena);
	assert_non_null(text.p);
	assert_int_equal(token_parse(text, &arena, &t, &id), TOKEN_GOOD);
	return id;
}

static int setup(void **state)
{
	char why[512];
	strcpy(dir, "/tmp/imsrig-token.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/keys.json", dir);
	chance_init(&chance, 1, "token");
	keys = token_keys_new();
	assert_int_equal(token_keys_add(keys, &chance), 0);
	assert_int_equal(token_keys_save(keys, path, why), 0);
	forge_open(&forge, path);
	kid = kid_of(keys);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	assert_int_equal(rmdir(dir), 0); /* nothing else was left there */
	token_keys_free(keys);
	forge_close(&forge);
	arena_free(&arena);
	return 0;
}

/* All that a resource server does but the choice of the issuer. */
static enum token_fault judge(struct str text)
{
	char *exact = malloc(text.n ? text.n : 1); /* a read past its end is seen */
	struct token t;
	struct str id;
	if (text.n)
		memcpy(exact, text.p, text.n);
	struct str copy = {exact, text.n};
	enum token_fault f = token_parse(copy, &arena, &t, &id);
	if (!f)
		f = token_verify(keys, copy, id);
	if (!f)
		f = token_judge(&t, STR("home"), 1300, 0, 3600);
	free(exact);
	assert_int_equal(ERR_peek_error(), 0);
	return f;
}

static struct str header(const char *alg, const char *rest)
{
	return arena_fmt(&arena, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"" STR_FMT "\"%s}",
		alg, STR_ARG(kid), rest);
}

static struct str forged(const char *alg, const char *rest)
{
	return forge_token(&forge, header(alg, rest), STR(CLAIMS));
}

static enum token_fault with_header(struct str h)
{
	return judge(forge_token(&forge, h, STR(CLAIMS)));
}

static enum token_fault with_claims(const char *claims)
{
	return judge(forge_token(&forge, header("ES256", ""), str_of(claims)));
}

static void same(struct str a, struct str b)
{
	assert_true(str_eq(a, b));
	assert_int_equal(!a.p, !b.p);
}

/* ---- what is good ---- */

static void test_round(void **state)
{
	const struct token t = {.iss = STR("https://wwsf:8443"), .sub = STR("al\xc3\xa9\"\\"),
		.client_id = STR("wwsf"), .jti = STR("j"), .scope = STR(TOKEN_SCOPE),
		.impi = STR("alice-impi@home"), .waf = STR("waf"), .aud = {STR("home")}, .n_aud = 1,
		.impu = {STR("sip:a@home"), STR("sip:b@home")}, .n_impu = 2,
		.iat = 1000, .nbf = 1001, .exp = 1600};
	struct token u;
	struct str id, text = token_issue(keys, &t, &arena);
	assert_non_null(text.p);
	assert_int_equal(text.p[text.n], 0);
	assert_int_equal(token_parse(text, &arena, &u, &id), TOKEN_GOOD);
	assert_int_equal(token_verify(keys, text, id), TOKEN_GOOD);
	assert_int_equal(token_judge(&u, STR("home"), 1300, 0, 3600), TOKEN_GOOD);
	same(u.iss, t.iss), same(u.sub, t.sub), same(u.client_id, t.client_id);
	same(u.jti, t.jti), same(u.scope, t.scope), same(u.impi, t.impi), same(u.waf, t.waf);
	assert_int_equal(u.n_aud, 1);
	same(u.aud[0], t.aud[0]);
	assert_int_equal(u.n_impu, 2);
	same(u.impu[1], t.impu[1]);
	assert_true(token_has_impu(&u, STR("sip:b@home")));
	assert_false(token_has_impu(&u, STR("sip:B@home")));
	assert_false(token_has_impu(&u, STR("sip:b@home;x")));
	assert_false(token_has_impu(&u, STR("")));
	assert_int_equal(u.iat, 1000);
	assert_int_equal(u.nbf, 1001);
	assert_int_equal(u.exp, 1600);
}

/* What OpenSSL alone signs is taken, in any order of the header's members. */
static void test_forged_good(void **state)
{
	assert_int_equal(judge(forged("ES256", "")), TOKEN_GOOD);
	assert_int_equal(with_header(arena_fmt(&arena,
		" { \"kid\" : \"" STR_FMT "\",\n\"typ\":\"application/AT+JWT\",\"alg\":\"ES256\" }",
		STR_ARG(kid))), TOKEN_GOOD);
}

/* RFC 7515 A.3: somebody else's key and signature. */
static void test_vector(void **state)
{
	struct token_keys *k = token_keys_new();
	const char *why;
	struct str text = STR(
		"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9l"
		"eGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgf"
		"TjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
	assert_int_equal(token_keys_read(k, STR("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
		"\"kid\":\"a3\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"), &why), 0);
	assert_int_equal(token_keys_count(k), 1);
	assert_int_equal(token_verify(k, text, STR("a3")), TOKEN_GOOD);
	assert_int_equal(token_verify(keys, text, kid), TOKEN_BAD_SIGNATURE);
	token_keys_free(k);
}

/* ---- form ---- */

static void test_form(void **state)
{
	struct str good = forged("ES256", "");
	static const char *const bad[] = {"", ".", "..", "...", "a", "a.b", "a.b.c", "{}", "e30.e30.",
		"e30..e30", ".e30.e30", "e30.e30.e30.e30"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_not_equal(judge(str_of(bad[i])), TOKEN_GOOD);
	assert_int_equal(judge(STR("e30.e30")), TOKEN_MALFORMED);
	assert_int_equal(judge(STR("..")), TOKEN_MALFORMED);
	/* cut anywhere */
	for (size_t n = 0; n < good.n; n++)
		assert_int_not_equal(judge((struct str){good.p, n}), TOKEN_GOOD);
	/* one letter more, at the end and within */
	static const char more[] = {'=', 'A', '.', ' ', '\n', 0, '+', '/', '~', (char)0xff};
	for (size_t i = 0; i < sizeof more; i++) {
		struct str end = arena_fmt(&arena, STR_FMT "%c", STR_ARG(good), more[i]);
		assert_int_equal(judge(end), more[i] == 'A' ? TOKEN_BAD_SIGNATURE : TOKEN_MALFORMED);
		char *p = (char *)arena_str(&arena, good).p;
		if (p[good.n - 20] == more[i])
			continue; /* one signature in 64 has that letter there */
		p[good.n - 20] = more[i];
		enum token_fault f = judge((struct str){p, good.n});
		assert_true(f == TOKEN_MALFORMED || (more[i] == 'A' && f == TOKEN_BAD_SIGNATURE));
	}
	struct str before = arena_fmt(&arena, " " STR_FMT, STR_ARG(good));
	assert_int_equal(judge(before), TOKEN_MALFORMED);
}

/* Padding, and last bits that nobody reads: the same octets in another spelling. */
static void test_spelling(void **state)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct str good = forged("ES256", "");
	char *p = (char *)arena_str(&arena, good).p, *last = p + good.n - 1;
	int i = (int)(strchr(letters, *last) - letters);
	assert_int_equal(i & 15, 0); /* 64 octets: four unused bits */
	for (int j = 1; j < 16; j++) {
		*last = letters[i + j];
		assert_int_equal(judge((struct str){p, good.n}), TOKEN_MALFORMED);
	}
	struct str padded = arena_fmt(&arena, STR_FMT "==", STR_ARG(good));
	assert_int_equal(judge(padded), TOKEN_MALFORMED);
	/* the header: one octet over a multiple of three, so two letters at its end */
	struct str h = header("ES256", ""), rest = good;
	while (h.n % 3 != 1)
		h = arena_fmt(&arena, STR_FMT " ", STR_ARG(h));
	good = forge_token(&forge, h, STR(CLAIMS));
	assert_int_equal(judge(good), TOKEN_GOOD);
	rest = good;
	struct str first = str_cut(&rest, '.');
	assert_int_equal(judge(arena_fmt(&arena, STR_FMT "==." STR_FMT, STR_ARG(first),
		STR_ARG(rest))), TOKEN_MALFORMED);
	p = (char *)arena_str(&arena, good).p;
	i = (int)(strchr(letters, p[first.n - 1]) - letters);
	p[first.n - 1] = letters[i + 1];
	assert_int_equal(judge((struct str){p, good.n}), TOKEN_MALFORMED);
}

/* 4096 octets are taken, one more is not. */
static void test_size(void **state)
{
	for (size_t n = TOKEN_MAX - 6; n <= TOKEN_MAX + 6; n++) {
		struct str text = STR_NONE;
		for (size_t fill = 2300; fill < 3000 && text.n < n; fill++) {
			char filler[3000];
			memset(filler, 'x', fill);
			filler[fill] = 0;
			text = forge_token(&forge, header("ES256", ""), arena_fmt(&arena,
				"{\"filler\":\"%s\",%s", filler, CLAIMS + 1));
			if (text.n < n - 2)
				fill += (n - text.n) / 2 - 1;
		}
		assert_int_equal(judge(text), text.n <= TOKEN_MAX ? TOKEN_GOOD : TOKEN_MALFORMED);
		arena_reset(&forge.arena);
	}
	char big[2000];
	memset(big, 'x', sizeof big);
	struct token t = {.sub = {big, sizeof big}};
	assert_non_null(token_issue(keys, &t, &arena).p);
	t.jti = t.sub;
	assert_null(token_issue(keys, &t, &arena).p);
}

static void test_not_text(void **state)
{
	assert_null(token_issue(keys, &(struct token){.sub = STR("\xff")}, &arena).p);
	assert_null(token_issue(keys, &(struct token){.sub = STR("a\nb")}, &arena).p);
	struct token_keys *none = token_keys_new();
	assert_null(token_issue(none, &(struct token){.sub = STR("a")}, &arena).p);
	token_keys_free(none);
}

/* ---- header ---- */

static void test_algorithm(void **state)
{
	static const char *const others[] = {"none", "None", "NONE", "nOnE", "", "es256", "ES256 ",
		"Es256", "ES384", "ES512", "ES256K", "HS256", "RS256", "PS256", "EdDSA", "dir"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_int_equal(judge(forged(others[i], "")), TOKEN_BAD_HEADER);
		assert_int_equal(judge(forge_with(&forge, header(others[i], ""), STR(CLAIMS),
			STR_NONE)), TOKEN_BAD_HEADER);
	}
	/* none, spelt with an escape, and a signature that is missing */
	assert_int_equal(judge(forged("n\\u006fne", "")), TOKEN_BAD_HEADER);
	assert_int_equal(judge(forged("ES25\\u0036", "")), TOKEN_GOOD);
	assert_int_equal(judge(forge_with(&forge, header("ES256", ""), STR(CLAIMS), STR_NONE)),
		TOKEN_BAD_SIGNATURE);
}

/* The public key is no secret: an HMAC under it, in each form that one could take it. */
static void test_hmac_of_public_key(void **state)
{
	struct str h = header("HS256", ""), set = token_keys_public(keys, &arena);
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(forge.key, &der);
	assert_true(n > 0);
	struct str secrets[] = {set, {(char *)der, (size_t)n}, {(char *)der + n - 65, 65},
		{(char *)der + n - 64, 64}, {(char *)der + n - 64, 32}};
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		for (int es = 0; es < 2; es++) {
			struct str head = es ? header("ES256", "") : h;
			struct str input = arena_fmt(&arena, STR_FMT "." STR_FMT,
				STR_ARG(forge_b64(&forge, head)),
				STR_ARG(forge_b64(&forge, STR(CLAIMS))));
			struct str text = forge_with(&forge, head, STR(CLAIMS),
				forge_hmac(&forge, input, secrets[i]));
			assert_int_equal(judge(text), es ? TOKEN_BAD_SIGNATURE : TOKEN_BAD_HEADER);
			/* and past our own check of the header */
			assert_int_equal(token_verify(keys, text, kid), TOKEN_BAD_SIGNATURE);
		}
	OPENSSL_free(der);
}

/* The key with a hash that cjose would take beside it: not even past our own check. */
static void test_other_hash(void **state)
{
	static const char *const rows[][2] = {{"ES256", "SHA256"}, {"ES384", "SHA384"}, {"ES512", "SHA512"}};
	for (int i = 0; i < 3; i++) {
		struct str h = header(rows[i][0], ""), input = arena_fmt(&arena, STR_FMT "." STR_FMT,
			STR_ARG(forge_b64(&forge, h)), STR_ARG(forge_b64(&forge, STR(CLAIMS))));
		struct str text = forge_with(&forge, h, STR(CLAIMS),
			forge_signature(&forge, input, rows[i][1], false));
		assert_int_equal(judge(text), i ? TOKEN_BAD_HEADER : TOKEN_GOOD);
		assert_int_equal(token_verify(keys, text, kid), i ? TOKEN_BAD_SIGNATURE : TOKEN_GOOD);
	}
}

static void test_header_members(void **state)
{
	static const char *const more[] = {
		",\"jwk\":{\"kty\":\"EC\"}", ",\"jku\":\"https://evil.example/jwks\"",
		",\"x5u\":\"https://evil.example/x\"", ",\"x5c\":[]", ",\"x5t\":\"AA\"",
		",\"crit\":[\"exp\"]", ",\"crit\":[]", ",\"b64\":false", ",\"cty\":\"JWT\"",
		",\"zip\":\"DEF\"", ",\"enc\":\"A128GCM\"", ",\"\":1", ",\"ALG\":\"none\"",
	};
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		assert_int_equal(judge(forged("ES256", more[i])), TOKEN_BAD_HEADER);
	static const char *const twice[] = {",\"alg\":\"ES256\"", ",\"alg\":\"none\"",
		",\"\\u0061lg\":\"none\"", ",\"kid\":\"x\"", ",\"typ\":\"at+jwt\""};
	for (size_t i = 0; i < sizeof twice / sizeof *twice; i++)
		assert_int_equal(judge(forged("ES256", twice[i])), TOKEN_MALFORMED);
	static const char *const heads[] = {
		"{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", "{\"typ\":\"at+jwt\",\"kid\":\"x\"}",
		"{\"alg\":\"ES256\",\"kid\":\"x\"}", "{}",
		"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"x\"}",
		"{\"alg\":\"ES256\",\"typ\":\"at+jwt \",\"kid\":\"x\"}",
		"{\"alg\":\"ES256\",\"typ\":null,\"kid\":\"x\"}",
		"{\"alg\":[\"ES256\"],\"typ\":\"at+jwt\",\"kid\":\"x\"}",
		"{\"alg\":256,\"typ\":\"at+jwt\",\"kid\":\"x\"}",
		"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":1}",
		"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"\"}",
		"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":{\"a\":[[]]}}",
	};
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		assert_int_equal(with_header(str_of(heads[i])), TOKEN_BAD_HEADER);
	static const char *const broken[] = {"", "[]", "null", "\"x\"", "{", "{}x", "{\"alg\":}",
		"[[[[[[[[[]]]]]]]]]", "{\"alg\":\"\xff\"}", "{\"alg\":\"ES256\\u0000\"}"};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		assert_int_equal(with_header(str_of(broken[i])), TOKEN_MALFORMED);
}

static void test_kid(void **state)
{
	char kid_max[200];
	assert_int_equal(with_header(STR("{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"x\"}")),
		TOKEN_UNKNOWN_KEY);
	assert_int_equal(with_header(STR("{\"alg\":\"ES256\",\"typ\":\"at+jwt\","
		"\"kid\":\"../../../etc/passwd\"}")), TOKEN_UNKNOWN_KEY);
	for (int n = 128; n <= 129; n++) {
		memset(kid_max, 'k', sizeof kid_max);
		struct str h = arena_fmt(&arena, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\","
			"\"kid\":\"%.*s\"}", n, kid_max);
		assert_int_equal(with_header(h), n == 128 ? TOKEN_UNKNOWN_KEY : TOKEN_BAD_HEADER);
	}
	assert_int_equal(token_verify(keys, forged("ES256", ""), STR_NONE), TOKEN_UNKNOWN_KEY);
}

/* ---- signature ---- */

static void test_signature(void **state)
{
	struct str h = header("ES256", ""), payload = STR(CLAIMS);
	struct str input = arena_fmt(&arena, STR_FMT "." STR_FMT, STR_ARG(forge_b64(&forge, h)),
		STR_ARG(forge_b64(&forge, payload)));
	struct str sig = forge_signature(&forge, input, "SHA256", false);
	uint8_t s[66];
	assert_int_equal(judge(forge_with(&forge, h, payload, sig)), TOKEN_GOOD);
	/* each bit counts */
	for (int bit = 0; bit < 512; bit++) {
		memcpy(s, sig.p, 64);
		s[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(judge(forge_with(&forge, h, payload, (struct str){(char *)s, 64})),
			TOKEN_BAD_SIGNATURE);
	}
	/* lengths: cjose would halve them */
	for (size_t n = 0; n <= 66; n++) {
		memset(s, 0, sizeof s);
		memcpy(s, sig.p, n < 64 ? n : 64);
		assert_int_equal(judge(forge_with(&forge, h, payload, (struct str){(char *)s, n})),
			n == 64 ? TOKEN_GOOD : TOKEN_BAD_SIGNATURE);
	}
	/* the same numbers in 33 octets each */
	memset(s, 0, sizeof s);
	memcpy(s + 1, sig.p, 32);
	memcpy(s + 34, sig.p + 32, 32);
	assert_int_equal(judge(forge_with(&forge, h, payload, (struct str){(char *)s, 66})),
		TOKEN_BAD_SIGNATURE);
	assert_int_equal(judge(forge_with(&forge, h, payload, forge_signature(&forge, input, "SHA256", true))),
		TOKEN_BAD_SIGNATURE);
}

/* r or s: zero, the order of the group, all ones; swapped. */
static void test_signature_range(void **state)
{
	static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9,
		0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
	struct str h = header("ES256", ""), payload = STR(CLAIMS);
	struct str input = arena_fmt(&arena, STR_FMT "." STR_FMT, STR_ARG(forge_b64(&forge, h)),
		STR_ARG(forge_b64(&forge, payload)));
	struct str sig = forge_signature(&forge, input, "SHA256", false);
	uint8_t ones[32], zero[32] = {0}, s[64];
	memset(ones, 0xff, sizeof ones);
	const uint8_t *r0 = (const uint8_t *)sig.p, *s0 = r0 + 32;
	const uint8_t *pairs[][2] = {{zero, zero}, {zero, s0}, {r0, zero}, {order, s0}, {r0, order},
		{order, order}, {ones, ones}, {r0, ones}, {ones, s0}, {s0, r0}, {r0, r0}, {zero, order}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		memcpy(s, pairs[i][0], 32);
		memcpy(s + 32, pairs[i][1], 32);
		assert_int_equal(judge(forge_with(&forge, h, payload, (struct str){(char *)s, 64})),
			TOKEN_BAD_SIGNATURE);
	}
}

/* The signature of another token, of another key, and of other claims. */
static void test_signature_swapped(void **state)
{
	struct str a = forged("ES256", ""), b = forge_token(&forge, header("ES256", ""),
		STR("{\"impi\":\"bob\"}")), ra = a, rb = b;
	struct str head = str_cut(&ra, '.'), claims_a = str_cut(&ra, '.');
	str_cut(&rb, '.');
	struct str claims_b = str_cut(&rb, '.');
	assert_int_equal(judge(arena_fmt(&arena, STR_FMT "." STR_FMT "." STR_FMT, STR_ARG(head),
		STR_ARG(claims_a), STR_ARG(rb))), TOKEN_BAD_SIGNATURE);
	assert_int_equal(judge(arena_fmt(&arena, STR_FMT "." STR_FMT "." STR_FMT, STR_ARG(head),
		STR_ARG(claims_b), STR_ARG(ra))), TOKEN_BAD_SIGNATURE);
	struct forge other;
	forge_open(&other, NULL);
	assert_int_equal(judge(forge_token(&other, header("ES256", ""), STR(CLAIMS))),
		TOKEN_BAD_SIGNATURE);
	forge_close(&other);
}

/* ---- claims ---- */

static void test_claims(void **state)
{
	static const char *const bad[] = {"", "[]", "1", "null", "{", "{}{}",
		"{\"exp\":1,\"exp\":1600}", "{\"impi\":\"a\",\"imp\\u0069\":\"b\"}",
		"{\"cnf\":{\"x\":1,\"x\":2}}", "{\"x\":[[[[[[[[1]]]]]]]]}", "{\"sub\":\"\xc0\x80\"}",
		"{\"sub\":\"\\u0000\"}", "{\"sub\":\"\\ud800\"}", "{\"sub\":1}", "{\"sub\":null}",
		"{\"iss\":[\"https://wwsf\"]}", "{\"client_id\":{}}", "{\"jti\":true}", "{\"scope\":[]}",
		"{\"impi\":[\"a\"]}", "{\"waf\":1}", "{\"aud\":1}", "{\"aud\":[1]}", "{\"aud\":{}}",
		"{\"impu\":\"sip:alice@home\"}", "{\"impu\":[1]}", "{\"impu\":[\"a\",null]}",
		"{\"exp\":\"1600\"}", "{\"exp\":1600.5}", "{\"exp\":1.6e3}", "{\"exp\":-1}",
		"{\"exp\":253402300800}", "{\"exp\":1e99}", "{\"exp\":9223372036854775808}",
		"{\"nbf\":[]}", "{\"iat\":null}",
		"{\"aud\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}",
		"{\"impi\":\"a\\r\\nP-Asserted-Identity: b\"}", "{\"waf\":\"a\\u007f\"}",
		"{\"client_id\":\"a\\tb\"}", "{\"impu\":[\"sip:a@home\\u000d\"]}"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (with_claims(bad[i]) != TOKEN_MALFORMED)
			fail_msg("%s: %s", bad[i], token_fault_text(with_claims(bad[i])));
	struct buf b = {0};
	for (int n = 31; n <= 33; n++) {
		b.n = 0;
		buf_add(&b, STR("{\"impu\":["));
		for (int i = 0; i < n; i++)
			buf_fmt(&b, "%s\"sip:%d@home\"", i ? "," : "", i);
		buf_fmt(&b, "],\"aud\":\"home\",\"scope\":\"%s\",\"impi\":\"a\",\"jti\":\"1\","
			"\"client_id\":\"w\",\"exp\":1600}", TOKEN_SCOPE);
		assert_int_equal(with_claims(buf_z(&b)), n <= 32 ? TOKEN_GOOD : TOKEN_MALFORMED);
	}
	buf_free(&b);
}

/* Without any one of them, or with it empty. */
static void test_complete(void **state)
{
	static const struct {
		const char *name;
		enum token_fault want;
	} rows[] = {{"impi", TOKEN_INCOMPLETE}, {"impu", TOKEN_INCOMPLETE}, {"jti", TOKEN_INCOMPLETE},
		{"client_id", TOKEN_INCOMPLETE}, {"exp", TOKEN_INCOMPLETE}, {"aud", TOKEN_BAD_AUDIENCE},
		{"scope", TOKEN_BAD_SCOPE}, {"sub", TOKEN_GOOD}, {"nbf", TOKEN_GOOD}, {"iat", TOKEN_GOOD},
		{"waf", TOKEN_GOOD}, {"cnf", TOKEN_GOOD}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *j = json_loads(CLAIMS, 0, NULL), *v = json_object_get(j, rows[i].name);
		json_t *empty = json_is_array(v) ? json_array() : json_is_integer(v) ? json_integer(0)
			: json_string("");
		json_object_del(j, rows[i].name);
		char *text = json_dumps(j, 0);
		assert_int_equal(with_claims(text), rows[i].want);
		free(text);
		json_object_set_new(j, rows[i].name, empty);
		text = json_dumps(j, 0);
		assert_int_equal(with_claims(text), rows[i].want);
		free(text);
		json_decref(j);
	}
}

static void test_times(void **state)
{
	static const struct {
		int64_t iat, nbf, exp, now, skew, life;
		enum token_fault want;
	} rows[] = {
		{1000, 1000, 1600, 999, 0, 0, TOKEN_NOT_YET},
		{1000, 1000, 1600, 1000, 0, 0, TOKEN_GOOD},
		{1000, 1000, 1600, 1599, 0, 0, TOKEN_GOOD},
		{1000, 1000, 1600, 1600, 0, 0, TOKEN_EXPIRED},
		{1000, 1000, 1600, 969, 30, 0, TOKEN_NOT_YET},
		{1000, 1000, 1600, 970, 30, 0, TOKEN_GOOD},
		{1000, 1000, 1600, 1629, 30, 0, TOKEN_GOOD},
		{1000, 1000, 1600, 1630, 30, 0, TOKEN_EXPIRED},
		{1000, 1100, 1600, 1099, 0, 0, TOKEN_NOT_YET}, /* each of both */
		{1100, 1000, 1600, 1099, 0, 0, TOKEN_NOT_YET},
		{1000, 0, 1600, 999, 0, 0, TOKEN_NOT_YET},
		{0, 0, 1600, 1, 0, 0, TOKEN_GOOD},
		{1000, 1000, 4600, 1300, 0, 3600, TOKEN_GOOD},
		{1000, 1000, 4601, 1300, 0, 3600, TOKEN_TOO_LONG},
		{1000, 1000, 4601, 1300, 0, 0, TOKEN_GOOD},
		{0, 0, 4600, 1000, 0, 3600, TOKEN_GOOD}, /* from now, if it doesn't say when */
		{0, 0, 4601, 1000, 0, 3600, TOKEN_TOO_LONG},
		{2000, 2000, 1600, 1500, 0, 0, TOKEN_NOT_YET},
		{253402300799, 253402300799, 253402300799, 1500, 30, 3600, TOKEN_NOT_YET},
		{0, 0, 253402300799, 1500, 30, 3600, TOKEN_TOO_LONG},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct token t = {.aud = {STR("home")}, .n_aud = 1, .scope = STR(TOKEN_SCOPE),
			.impi = STR("a"), .impu = {STR("b")}, .n_impu = 1, .jti = STR("c"),
			.client_id = STR("d"), .iat = rows[i].iat, .nbf = rows[i].nbf, .exp = rows[i].exp};
		enum token_fault f = token_judge(
			&t, STR("home"), rows[i].now, rows[i].skew, rows[i].life);
		if (f != rows[i].want)
			fail_msg("row %zu: %s", i, token_fault_text(f));
	}
}

static void test_audience_and_scope(void **state)
{
	struct token t = {.aud = {STR("other"), STR("home")}, .n_aud = 2, .impi = STR("a"),
		.impu = {STR("b")}, .n_impu = 1, .jti = STR("c"), .client_id = STR("d"), .exp = 2};
	static const char *const good[] = {TOKEN_SCOPE, "a " TOKEN_SCOPE, TOKEN_SCOPE " a",
		"a " TOKEN_SCOPE " b", " " TOKEN_SCOPE "  "};
	static const char *const bad[] = {"", " ", "a", TOKEN_SCOPE "x", "x" TOKEN_SCOPE,
		"webrtc-ims-client", "webrtc-ims-client-access-to-imS", TOKEN_SCOPE ",a"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		t.scope = str_of(good[i]);
		assert_int_equal(token_judge(&t, STR("home"), 1, 0, 0), TOKEN_GOOD);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		t.scope = str_of(bad[i]);
		assert_int_equal(token_judge(&t, STR("home"), 1, 0, 0), TOKEN_BAD_SCOPE);
	}
	t.scope = STR_NONE;
	assert_int_equal(token_judge(&t, STR("home"), 1, 0, 0), TOKEN_BAD_SCOPE);
	assert_int_equal(token_judge(&t, STR("hom"), 1, 0, 0), TOKEN_BAD_AUDIENCE);
	assert_int_equal(token_judge(&t, STR("Home"), 1, 0, 0), TOKEN_BAD_AUDIENCE);
	assert_int_equal(token_judge(&t, STR("home."), 1, 0, 0), TOKEN_BAD_AUDIENCE);
	t.n_aud = 1;
	assert_int_equal(token_judge(&t, STR("home"), 1, 0, 0), TOKEN_BAD_AUDIENCE);
}

static void test_fault_texts(void **state)
{
	for (int f = TOKEN_GOOD; f <= TOKEN_INCOMPLETE; f++)
		assert_non_null(token_fault_text((enum token_fault)f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vector, setup, teardown),
		cmocka_unit_test_setup_teardown(test_form, setup, teardown),
		cmocka_unit_test_setup_teardown(test_spelling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_algorithm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hmac_of_public_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_hash, setup, teardown),
		cmocka_unit_test_setup_teardown(test_header_members, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kid, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signature, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signature_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signature_swapped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_claims, setup, teardown),
		cmocka_unit_test_setup_teardown(test_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_audience_and_scope, setup, teardown),
		cmocka_unit_test(test_fault_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
