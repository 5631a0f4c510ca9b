/* HTTP Digest at the WSF (RFC 7616): SHA-256 and MD5, qop=auth.
 *
 * A nonce says by itself when it was made, and that it is ours; nothing is kept of it until it
 * has been answered rightly, so nobody can push others' out by asking for many. From then on it
 * belongs to that user, and its count must rise.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/b64url.h"
#include "common/base/metric.h"
#include "epcscf/wsf.h"

METRIC_COUNTER(replays, "imsrig_wsf_digest_replays_total",
	"right answers with a count that was used already");

enum { RANDOM = 12, MAC = 16, NONCE = 8 + RANDOM + MAC, USED_MAX = 65536 };
struct nonce {
	uint8_t made[8];               /* clock_ms, big-endian */
	uint8_t random[RANDOM], mac[MAC];
};
_Static_assert(sizeof(struct nonce) == NONCE, "octets on the wire");

/* One that was answered rightly. In order of that. */
struct used {
	UT_hash_handle hh;
	struct used *prev, *next;
	uint8_t random[RANDOM];
	int64_t made_ms;
	uint64_t user;                 /* hash */
	uint32_t nc;
};
static struct used *table, *list;
static int64_t forgotten_ms = -1;      /* made before: nothing is known of its use */
static uint8_t key[32];

/* ---- nonces ---- */

static void sign(const struct nonce *n, uint8_t out[MAC])
{
	uint8_t full[EVP_MAX_MD_SIZE];
	HMAC(EVP_sha256(), key, sizeof key, (const uint8_t *)n, NONCE - MAC, full, NULL);
	memcpy(out, full, MAC);
}

static struct str make(struct arena *a)
{
	char text[B64URL_N(NONCE) + 1];
	uint64_t now = (uint64_t)clock_ms(wsf.host->clock);
	struct nonce n;

	for (int i = 0; i < 8; i++)
		n.made[i] = (uint8_t)(now >> (56 - 8 * i));
	chance_bytes(&wsf.host->chance, n.random, sizeof n.random);
	sign(&n, n.mac);
	b64url_write(&n, NONCE, text);
	return arena_str(a, str_of(text));
}

/* Ours, and not over; *made_ms is when it was made. */
static bool is_young(struct str text, struct nonce *n, int64_t *made_ms)
{
	uint8_t mac[MAC], bytes[NONCE + 3];
	uint64_t made = 0;
	size_t size;

	if (text.n != B64URL_N(NONCE) || b64url_read(text, bytes, &size) || size != NONCE)
		return false;
	memcpy(n, bytes, NONCE);
	sign(n, mac);
	if (CRYPTO_memcmp(mac, n->mac, MAC))
		return false;
	for (int i = 0; i < 8; i++)
		made = made << 8 | n->made[i];
	*made_ms = (int64_t)made;
	return clock_ms(wsf.host->clock) - *made_ms < wsf.conf->nonce_life_ms;
}

static void forget(struct used *u)
{
	HASH_DEL(table, u);
	DL_DELETE(list, u);
	free(u);
}

static void tidy(void)
{
	int64_t over = clock_ms(wsf.host->clock) - wsf.conf->nonce_life_ms;
	while (list && list->made_ms <= over)
		forget(list);
	if (HASH_COUNT(table) < USED_MAX)
		return;
	forgotten_ms = list->made_ms > forgotten_ms ? list->made_ms : forgotten_ms;
	forget(list);
}

/* The count is used up; false: it was before, or the nonce is somebody else's. */
static bool count(const struct nonce *n, int64_t made_ms, uint32_t nc, struct str user)
{
	struct used *u = NULL;

	tidy();
	HASH_FIND(hh, table, n->random, RANDOM, u);
	if (!u && made_ms <= forgotten_ms)
		return false;
	if (!u) {
		u = MEM_NEW(struct used);
		memcpy(u->random, n->random, RANDOM);
		u->made_ms = made_ms;
		u->user = str_hash(user);
		HASH_ADD(hh, table, random, RANDOM, u);
		DL_APPEND(list, u);
	}
	if (u->user != str_hash(user) || nc <= u->nc) {
		replays.value++;
		return false;
	}
	u->nc = nc;
	return true;
}

void wsf_digest_reset(void)
{
	while (list)
		forget(list);
	forgotten_ms = -1;
	chance_bytes(&wsf.host->chance, key, sizeof key);
}

void wsf_digest_open(void)
{
	wsf_digest_reset();
}

void wsf_digest_close(void)
{
	while (list)
		forget(list);
	OPENSSL_cleanse(key, sizeof key);
}

/* ---- the challenge ---- */

struct str wsf_challenge(struct arena *a, bool stale)
{
	char *const *names = wsf.conf->algorithms.items;
	struct str nonce = make(a), all = STR("");

	for (size_t i = 0; i < wsf.conf->algorithms.n; i++)
		all = arena_fmt(a,
			STR_FMT "WWW-Authenticate: Digest realm=\"%s\", nonce=\"" STR_FMT
				"\", qop=\"auth\", algorithm=%s%s\r\n",
			STR_ARG(all), wsf.conf->realm, STR_ARG(nonce), names[i],
			stale ? ", stale=true" : "");
	if (!wsf.edge_conf->tokens.issuers.n)
		return all;
	return arena_fmt(a, STR_FMT STR_FMT, STR_ARG(all),
		STR_ARG(edge_token_challenge(wsf.edge, a, NULL)));
}

/* ---- the answer to it ---- */

static bool nc_of(const struct sip_digest *d, uint32_t *nc)
{
	uint8_t b[4];
	if (str_hex(d->nc, b, sizeof b))
		return false;
	*nc = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return *nc > 0;
}

static bool algorithm_of(const struct sip_digest *d, enum digest_algorithm *a)
{
	return !digest_algorithm_of(d->algorithm, a) && wsf_offers(wsf.conf, *a);
}

enum wsf_refusal wsf_digest_fault(
	const struct sip_digest *d, struct str target, const char **why)
{
	enum digest_algorithm a;
	uint32_t nc;

	*why = NULL;
	if (!d->username.n || d->username.n > WSF_NAME_MAX || !d->nonce.n || !d->cnonce.n)
		*why = "username, nonce or cnonce missing, or too long";
	else if (!str_eq(d->uri, target))
		*why = "uri is not what is asked for";
	else if (!str_ieq(d->qop, STR("auth")))
		*why = "qop is not auth";
	else if (!nc_of(d, &nc))
		*why = "nc is no count";
	if (*why)
		return WSF_NO_INVALID;
	if (!str_eq(d->realm, str_of(wsf.conf->realm)))
		*why = "another realm";
	else if (!algorithm_of(d, &a) || d->response.n != digest_hex_n(a))
		*why = "an algorithm that was not offered";
	return *why ? WSF_NO_CREDENTIALS : WSF_GOOD;
}

static struct str proof(const struct sip_digest *d, enum digest_algorithm a, struct str ha1,
	struct arena *ar)
{
	char rspauth[DIGEST_HEX_MAX];
	struct str next = STR_NONE;

	digest_rspauth(a, ha1, d->uri, d->nonce, d->nc, d->cnonce, d->qop, rspauth);
	if (wsf.conf->next_nonce)
		next = make(ar);
	return arena_fmt(ar,
		"Authentication-Info: qop=auth, rspauth=\"%s\", cnonce=\"" STR_FMT "\", nc=" STR_FMT
		"%s" STR_FMT "%s\r\n",
		rspauth, STR_ARG(d->cnonce), STR_ARG(d->nc), next.p ? ", nextnonce=\"" : "",
		STR_ARG(next), next.p ? "\"" : "");
}

enum wsf_judgement wsf_digest_judge(const struct sip_digest *d, struct str method,
	const struct wsf_user *u, struct arena *a, struct str *info)
{
	static const char nobody[DIGEST_HEX_MAX] = "00000000000000000000000000000000"
						   "00000000000000000000000000000000";
	enum digest_algorithm algorithm = DIGEST_MD5;
	char expected[DIGEST_HEX_MAX];
	struct nonce n;
	int64_t made_ms;
	uint32_t nc = 0;

	algorithm_of(d, &algorithm);
	nc_of(d, &nc);
	struct str ha1 = u ? u->ha1[algorithm] : STR_NONE;
	bool known = ha1.n == digest_hex_n(algorithm);
	if (!known)
		ha1 = (struct str){nobody, digest_hex_n(algorithm)};
	digest_response(algorithm, ha1, method, d->uri, d->nonce, d->nc, d->cnonce, d->qop,
		expected);
	if (!digest_equal(str_of(expected), d->response) || !known)
		return WSF_WRONG;
	if (!is_young(d->nonce, &n, &made_ms) || !count(&n, made_ms, nc, d->username))
		return WSF_STALE;
	*info = proof(d, algorithm, ha1, a);
	return WSF_RIGHT;
}
