/* Issuers of security tokens: asked when first needed.
 *
 *	REGISTER      edge            issuer
 *	   |---------->| keys and revocations known and young: judged at once
 *	   |           |   else it waits (by its id), and
 *	   |           |-- GET /jwks ->|  also for a kid that is not among them
 *	   |           |-- GET /revoked|
 *	   |           |<--------------|
 *	   |           | judged again; 503 when the issuer gave no answer
 *
 * What is half too old is fetched while the old is still good, so that nobody waits.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/edge/issuer_inner.h"
#include "common/http/form.h"

METRIC_COUNTER(fetches, "imsrig_edge_issuer_requests_total",
	"requests to issuers of tokens: keys, revocations, introspection");
METRIC_COUNTER(failures, "imsrig_edge_issuer_failures_total", "... of them in vain");
METRIC_IDLE(waits, "imsrig_edge_issuer_waits", "REGISTERs that wait for an issuer");

enum {
	KEYS_AGE_MS = 5 * 60 * 1000, /* so long a key that was withdrawn may live on */
	SEEK_MS = 10 * 1000,	     /* between two fetches for the sake of unknown kids */
	RETRY_MS = 1000,	     /* after a fetch in vain */
	WAITS_MOST = 10000,
	SAYINGS_MOST = 65536,
};
enum what { KEYS = 1, REVOKED = 2 };
#define NEVER INT64_MIN

struct wait {
	struct wait *next;
	struct edge_asker who;
};

struct edge_issuer {
	struct edge_issuers *all;
	const struct edge_issuer_conf *conf;
	char *host;
	struct tls *tls;
	struct http_client *client;    /* NULL: not asked yet */
	struct token_keys *keys;
	uint64_t generation;
	struct str jwks;               /* as last read, to see a change; malloc'ed */
	struct edge_revoked revoked;
	struct edge_sayings sayings;
	int64_t keys_ms, revoked_ms;   /* when they were fetched; NEVER */
	int64_t sought_ms;             /* for an unknown kid */
	int64_t failed_ms;
	unsigned fetching;             /* enum what */
	struct wait *waiting, **last;
};

struct edge_issuers {
	struct host *home;
	const struct edge_tokens_conf *conf;
	struct addr local;
	struct edge_issuers_h h;
	void *arg;
	struct edge_issuer *rows;
	size_t n;
	int busy, waiting;
	bool closing;
};

static int64_t now_of(const struct edge_issuer *is)
{
	return clock_ms(is->all->home->clock);
}

static bool older(const struct edge_issuer *is, int64_t at, int64_t age)
{
	return at == NEVER || now_of(is) - at > age;
}

/* ---- waiting ---- */

static void wake(struct edge_issuer *is)
{
	struct wait *w = is->waiting;
	is->waiting = NULL;
	is->last = &is->waiting;
	while (w) {
		struct wait *next = w->next;
		is->all->waiting--;
		waits.value--;
		if (!is->all->closing)
			is->all->h.again(w->who.req, w->who.conn, is->all->arg);
		free(w);
		w = next;
	}
}

static enum edge_word wait_for(struct edge_issuer *is, const struct edge_asker *who)
{
	struct wait *w;
	if (is->all->waiting >= WAITS_MOST)
		return EDGE_WORD_AWAY;
	w = MEM_NEW(struct wait);
	w->who = *who;
	*is->last = w;
	is->last = &w->next;
	is->all->waiting++;
	waits.value++;
	return EDGE_WORD_WAIT;
}

/* ---- requests ---- */

static bool connect_to(struct edge_issuer *is)
{
	struct edge_issuers *all = is->all;
	struct http_client_conf conf = {.local = all->local,
		.tls = is->tls,
		.server_name = is->host,
		.timeout_ms = (int)is->conf->timeout_ms};
	struct str host;
	uint16_t port;

	if (is->client)
		return true;
	if (edge_issuer_host(is->conf, &host, &port) ||
		host_resolve(all->home, host, port, &conf.remote)) {
		log_warn("edge", "issuer %s: %s is no name of node.names",
			is->conf->issuer, is->host);
		return false;
	}
	addr_set_port(&conf.remote, port);
	is->client = http_client_new(all->home, &conf);
	return true;
}

static void fail(struct edge_issuer *is, const char *what, const char *why)
{
	if (is->all->closing)
		return;
	failures.value++;
	is->failed_ms = now_of(is);
	log_warn("edge", "issuer %s: %s: %s", is->conf->issuer, what, why);
}

/* NULL: an answer with a body that may be read. */
static const char *answer_fault(const char *why, const struct http_msg *m)
{
	static char text[40];
	if (!m)
		return why;
	if (m->status == 200)
		return NULL;
	snprintf(text, sizeof text, "answers %d", m->status);
	return text;
}

static void take_keys(struct edge_issuer *is, struct str body)
{
	const char *why;
	is->keys_ms = now_of(is);
	if (is->jwks.p && str_eq(is->jwks, body))
		return;
	if (token_keys_read(is->keys, body, &why)) {
		is->keys_ms = NEVER;
		fail(is, "keys", why);
		return;
	}
	free((char *)(uintptr_t)is->jwks.p);
	is->jwks = (struct str){str_dup(body), body.n};
	is->generation++;
	log_info("edge", "issuer %s has %zu keys", is->conf->issuer,
		token_keys_count(is->keys));
}

static void fetched(struct edge_issuer *is, enum what what)
{
	is->fetching &= ~(unsigned)what;
	is->all->busy--;
	if (!is->fetching)
		wake(is);
}

static void on_keys(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct edge_issuer *is = arg;
	if ((why = answer_fault(why, m)))
		fail(is, "keys", why);
	else
		take_keys(is, m->body);
	fetched(is, KEYS);
}

static void on_revoked(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct edge_issuer *is = arg;
	if ((why = answer_fault(why, m)) ||
		edge_revoked_read(&is->revoked, m->body, &why))
		fail(is, "revocations", why);
	else
		is->revoked_ms = now_of(is);
	fetched(is, REVOKED); /* who waited gets his answer before his connection goes */
	if (!why && !is->all->closing)
		is->all->h.news(is->all->arg);
}

static void get(struct edge_issuer *is, enum what what)
{
	static const struct str accept = STR("Accept: application/json\r\n");
	if (is->fetching & what)
		return;
	is->fetching |= what;
	is->all->busy++;
	fetches.value++;
	http_send(is->client, "GET", what == KEYS ? is->conf->jwks : is->conf->revoked, accept,
		STR_NONE, what == KEYS ? on_keys : on_revoked, is);
}

/* False: it can't be asked now. */
static bool fetch(struct edge_issuer *is, unsigned what)
{
	if (!older(is, is->failed_ms, RETRY_MS))
		return false;
	if (!connect_to(is)) {
		fail(is, "url", "not to be resolved");
		return false;
	}
	if (what & KEYS)
		get(is, KEYS);
	if (what & REVOKED)
		get(is, REVOKED);
	return true;
}

/* What is missing or older than a part (1 of `part`) of its age. */
static unsigned stale(const struct edge_issuer *is, int part)
{
	unsigned what = 0;
	if (older(is, is->keys_ms, KEYS_AGE_MS / part))
		what |= KEYS;
	if (is->conf->revoked[0] &&
		older(is, is->revoked_ms, is->all->conf->check_age_ms / part))
		what |= REVOKED;
	return what;
}

/* ---- by keys ---- */

/* Keys may have been changed since: once more, but not for everybody who makes a kid up. */
static enum edge_word seek(struct edge_issuer *is, const struct edge_asker *who)
{
	if (is->fetching & KEYS)
		return wait_for(is, who);
	if (!older(is, is->sought_ms, SEEK_MS))
		return older(is, is->failed_ms, RETRY_MS) ? EDGE_WORD_BAD_KEY
							    : EDGE_WORD_AWAY;
	is->sought_ms = now_of(is);
	return fetch(is, KEYS) ? wait_for(is, who) : EDGE_WORD_AWAY;
}

static enum edge_word by_keys(struct edge_issuer *is, struct str text, struct str kid,
	bool seen, const struct edge_asker *who)
{
	unsigned what = stale(is, 1);
	if (what)
		return fetch(is, what) ? wait_for(is, who) : EDGE_WORD_AWAY;
	if ((what = stale(is, 2)))
		fetch(is, what);
	if (seen)
		return EDGE_WORD_GOOD;
	switch (token_verify(is->keys, text, kid)) {
	case TOKEN_GOOD:
		return EDGE_WORD_GOOD;
	case TOKEN_UNKNOWN_KEY:
		return seek(is, who);
	default:
		return EDGE_WORD_BAD_SIGNATURE;
	}
}

/* ---- by introspection ---- */

struct ask {
	struct edge_issuer *is;
	struct edge_asker who;
	uint8_t digest[32];
};

static void on_said(int err, const char *why, const struct http_msg *m, void *arg)
{
	struct ask *q = arg;
	struct edge_issuer *is = q->is;
	if ((why = answer_fault(why, m)) ||
		edge_said_put(&is->sayings, q->digest, m->body, now_of(is), &why))
		fail(is, "introspection", why);
	is->all->busy--;
	is->all->waiting--;
	waits.value--;
	if (!is->all->closing)
		is->all->h.again(q->who.req, q->who.conn, is->all->arg);
	free(q);
}

static enum edge_word introspect(struct edge_issuer *is, struct str text,
	const uint8_t digest[32], const struct edge_asker *who)
{
	static const struct str fields =
		STR("Content-Type: application/x-www-form-urlencoded\r\n"
		    "Accept: application/json\r\n");
	struct buf body = {0};
	struct ask *q;

	if (!older(is, is->failed_ms, RETRY_MS) || is->all->waiting >= WAITS_MOST)
		return EDGE_WORD_AWAY;
	if (!connect_to(is)) {
		fail(is, "url", "not to be resolved");
		return EDGE_WORD_AWAY;
	}
	q = MEM_NEW(struct ask);
	*q = (struct ask){.is = is, .who = *who};
	memcpy(q->digest, digest, 32);
	form_put(&body, STR("token"), text);
	is->all->busy++;
	is->all->waiting++;
	waits.value++;
	fetches.value++;
	http_send(is->client, "POST", is->conf->introspect, fields, buf_str(&body), on_said, q);
	buf_free(&body);
	return EDGE_WORD_WAIT;
}

static enum edge_word by_introspection(struct edge_issuer *is, struct str text,
	const struct edge_asker *who, struct arena *a, struct token *t)
{
	uint8_t digest[32];
	const struct edge_said *said;
	struct str iss = t->iss;

	EVP_Digest(text.p, text.n, digest, NULL, EVP_sha256(), NULL);
	said = edge_said_of(
		&is->sayings, digest, now_of(is) - is->all->conf->check_age_ms);
	if (!said)
		return introspect(is, text, digest, who);
	if (!edge_said_active(said) || edge_said_token(said, a, t))
		return EDGE_WORD_INACTIVE;
	/* RFC 7662 leaves iss to the server; another one than the token's is none of its */
	if (!t->iss.p)
		t->iss = iss;
	return str_eq(t->iss, iss) ? EDGE_WORD_GOOD : EDGE_WORD_INACTIVE;
}

enum edge_word edge_issuer_ask(struct edge_issuer *is, struct str text, struct str kid,
	bool seen, const struct edge_asker *who, struct arena *a, struct token *t)
{
	if (is->conf->by == EDGE_BY_INTROSPECTION)
		return by_introspection(is, text, who, a, t);
	return by_keys(is, text, kid, seen, who);
}

/* ---- what it has taken back ---- */

static bool blocks(const struct edge_issuer *is, struct str wwsf)
{
	for (size_t i = 0; i < is->revoked.n_unfit; i++)
		if (is->revoked.unfit[i].blocked &&
			str_host_eq(is->revoked.unfit[i].wwsf, wwsf))
			return true;
	return false;
}

bool edge_issuer_blocks(const struct edge_issuer *is, const struct token *t)
{
	return blocks(is, t->client_id);
}

bool edge_issuers_block(const struct edge_issuers *all, struct str wwsf)
{
	for (size_t i = 0; i < all->n; i++)
		if (edge_name_among(&all->rows[i].conf->wwsfs, wwsf) &&
			blocks(&all->rows[i], wwsf))
			return true;
	return false;
}

bool edge_issuer_revoked(const struct edge_issuer *is, const struct token *t)
{
	const char *jti;
	size_t it = 0;
	while ((jti = edge_index_next(&is->revoked.jtis, str_hash(t->jti), &it)))
		if (str_eq(str_of(jti), t->jti))
			return true;
	for (size_t i = 0; i < is->revoked.n_unfit; i++)
		if (t->iat < is->revoked.unfit[i].not_before &&
			str_host_eq(is->revoked.unfit[i].wwsf, t->client_id))
			return true;
	return false;
}

/* ---- all of them ---- */

struct edge_issuer *edge_issuer_of(struct edge_issuers *all, struct str iss)
{
	for (size_t i = 0; i < all->n; i++)
		if (str_eq(str_of(all->rows[i].conf->issuer), iss))
			return &all->rows[i];
	return NULL;
}

const struct edge_issuer_conf *edge_issuer_conf(const struct edge_issuer *is)
{
	return is->conf;
}

uint64_t edge_issuer_generation(const struct edge_issuer *is)
{
	return is->generation;
}

int edge_issuers_busy(const struct edge_issuers *all)
{
	return all->busy;
}

static void forget(struct edge_issuer *is)
{
	is->keys_ms = is->revoked_ms = is->sought_ms = is->failed_ms = NEVER;
	is->generation++;
	edge_revoked_free(&is->revoked);
	edge_sayings_free(&is->sayings);
}

static int issuer_open(struct edge_issuer *is, char why[512])
{
	struct tls_conf tls = {.cert = is->conf->cert,
		.key = is->conf->key,
		.ca = is->conf->ca,
		.clock = is->all->home->clock};
	struct str host = STR_NONE;
	uint16_t port;
	char cause[256];

	edge_issuer_host(is->conf, &host, &port);
	is->host = str_dup(host);
	is->keys = token_keys_new();
	is->sayings.most = SAYINGS_MOST;
	is->last = &is->waiting;
	forget(is);
	int err = tls_new(&tls, false, &is->tls, cause);
	if (err)
		snprintf(why, 512, "tokens.issuers: %s: %s", is->conf->issuer, cause);
	return err;
}

int edge_issuers_open(struct host *host, const struct edge_tokens_conf *conf,
	const struct addr *local, const struct edge_issuers_h *h, void *arg,
	struct edge_issuers **out, char why[512])
{
	const struct edge_issuer_conf *rows = conf->issuers.items;
	struct edge_issuers *all = MEM_NEW(struct edge_issuers);
	int err = 0;

	*all = (struct edge_issuers){
		.home = host, .conf = conf, .local = *local, .h = *h, .arg = arg};
	addr_set_port(&all->local, 0);
	all->rows = mem_zalloc((conf->issuers.n + 1) * sizeof *all->rows);
	for (; !err && all->n < conf->issuers.n; all->n++) {
		all->rows[all->n].all = all;
		all->rows[all->n].conf = &rows[all->n];
		err = issuer_open(&all->rows[all->n], why);
	}
	if (err) {
		edge_issuers_close(all);
		return err;
	}
	*out = all;
	return 0;
}

/* No answer to what was asked may come any more. */
static void hang_up(struct edge_issuer *is)
{
	if (is->client)
		http_client_free(is->client);
	is->client = NULL;
	wake(is);
}

void edge_issuers_reset(struct edge_issuers *all)
{
	all->closing = true;
	for (size_t i = 0; i < all->n; i++) {
		hang_up(&all->rows[i]);
		forget(&all->rows[i]);
	}
	all->closing = false;
}

void edge_issuers_close(struct edge_issuers *all)
{
	all->closing = true;
	for (size_t i = 0; i < all->n; i++) {
		struct edge_issuer *is = &all->rows[i];
		hang_up(is);
		forget(is);
		token_keys_free(is->keys);
		tls_free(is->tls);
		free((char *)(uintptr_t)is->jwks.p);
		free(is->host);
	}
	free(all->rows);
	free(all);
}

static json_t *age_json(const struct edge_issuer *is, int64_t at)
{
	return at == NEVER ? json_null() : json_integer((now_of(is) - at) / 1000);
}

json_t *edge_issuers_json(const struct edge_issuers *all)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < all->n; i++) {
		const struct edge_issuer *is = &all->rows[i];
		json_t *blocked = json_array();
		for (size_t k = 0; k < is->revoked.n_unfit; k++)
			if (is->revoked.unfit[k].blocked)
				json_array_append_new(blocked,
					json_stringn(is->revoked.unfit[k].wwsf.p,
						is->revoked.unfit[k].wwsf.n));
		json_array_append_new(rows,
			json_pack("{s:s, s:i, s:o, s:o, s:o, s:i}", "issuer",
				is->conf->issuer, "keys",
				(int)(is->keys_ms == NEVER ? 0
							   : token_keys_count(is->keys)),
				"keys-age", age_json(is, is->keys_ms), "revoked-age",
				age_json(is, is->revoked_ms), "blocked", blocked, "revoked",
				(int)is->revoked.jtis.n));
	}
	return rows;
}
