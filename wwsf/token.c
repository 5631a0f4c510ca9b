/* Security tokens of our own (TS 23.228 U.2.1.3 step 1): issued, shown keys, taken back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/token.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/net/host.h"
#include "wwsf/api.h"
#include "wwsf/assignment.h"

METRIC_GAUGE(standing, "imsrig_wwsf_tokens", "own tokens that have not run out");

enum { KEYS_MAX = 16, JTI_BYTES = 16, ASSIGNED_MAX = 65536, REVOKED_MAX = 10000 };

/* A token of our own that has not run out. */
struct assigned {
	struct assigned *prev, *next;
	char jti[2 * JTI_BYTES + 1], session[SESSION_ID_SIZE];
	char *user;
	int64_t end_ms;                /* wall clock of the rig */
};

static struct {
	struct token_keys *keys;
	int64_t until_ms[KEYS_MAX];    /* of each older key: how long its tokens may live */
	struct assigned *assigned;     /* in order of issue, so in order of end */
	struct assigned *revoked;      /* in order of that */
	int64_t n_revoked;
	int64_t not_before_s;          /* tokens issued before are void */
} own;

/* ---- keys ---- */

static int64_t now_ms(void)
{
	return clock_wall_ms(wwsf.host->clock);
}

static void save(void)
{
	char why[512];
	if (wwsf.conf->token.keys && token_keys_save(own.keys, wwsf.conf->token.keys, why))
		log_error("token", "keys are not saved: %s", why);
}

static void keep_keys(size_t n)
{
	if (n < token_keys_count(own.keys)) {
		token_keys_trim(own.keys, n);
		save();
	}
}

static void drop_old_keys(void)
{
	size_t n = token_keys_count(own.keys);
	while (n > 1 && own.until_ms[n - 1] <= now_ms())
		n--;
	keep_keys(n);
}

int token_open(char why[512])
{
	const char *path = wwsf.conf->token.keys;
	int err = 0;

	if (wwsf.conf->token.issuer != WWSF_ISSUER_SELF)
		return 0;
	own.keys = token_keys_new();
	if (path)
		err = token_keys_load(own.keys, path, why);
	if (err && err != -ENOENT)
		return err;
	for (size_t i = 0; i < KEYS_MAX; i++)
		own.until_ms[i] = now_ms() + wwsf.conf->token.life_ms;
	if (token_keys_count(own.keys)) {
		/* What had been taken back before this start is not known any more. */
		own.not_before_s = now_ms() / 1000;
		keep_keys(KEYS_MAX);
		return 0;
	}
	if ((err = token_keys_add(own.keys, &wwsf.host->chance)))
		snprintf(why, 512, "no signing key can be made");
	else if (path)
		err = token_keys_save(own.keys, path, why);
	return err;
}

const char *token_rotate(void)
{
	if (!own.keys)
		return "this WWSF issues no tokens";
	drop_old_keys();
	if (token_keys_count(own.keys) >= KEYS_MAX)
		return "tokens of 16 keys may still be in use";
	if (token_keys_add(own.keys, &wwsf.host->chance))
		return "no signing key can be made";
	memmove(own.until_ms + 2, own.until_ms + 1, (KEYS_MAX - 2) * sizeof *own.until_ms);
	own.until_ms[1] = now_ms() + wwsf.conf->token.life_ms;
	save();
	log_info("token", "a new signing key; %zu are shown", token_keys_count(own.keys));
	return NULL;
}

/* ---- tokens that stand, and tokens taken back ---- */

static void forget(struct assigned **list, struct assigned *t)
{
	DL_DELETE(*list, t);
	standing.value--;
	free(t->user);
	free(t);
}

static void forget_all(void)
{
	while (own.assigned)
		forget(&own.assigned, own.assigned);
	while (own.revoked)
		forget(&own.revoked, own.revoked);
	own.n_revoked = 0;
}

static void forget_old(void)
{
	while (own.assigned && (own.assigned->end_ms <= now_ms() ||
				standing.value - own.n_revoked > ASSIGNED_MAX))
		forget(&own.assigned, own.assigned);
}

/* What was taken back stays until it runs out, however many tokens come after. */
static void forget_old_revoked(void)
{
	struct assigned *t, *next;
	DL_FOREACH_SAFE(own.revoked, t, next)
		if (t->end_ms <= now_ms()) {
			forget(&own.revoked, t);
			own.n_revoked--;
		}
}

void token_assign(const char *jti, struct str user, struct str session, int64_t end_ms)
{
	struct assigned *t = MEM_NEW(struct assigned);
	str_copy(str_of(jti), t->jti, sizeof t->jti);
	str_copy(session, t->session, sizeof t->session);
	t->user = str_dup(user);
	t->end_ms = end_ms;
	DL_APPEND(own.assigned, t);
	standing.value++;
	forget_old();
}

static void take_back(struct assigned *t)
{
	DL_DELETE(own.assigned, t);
	DL_APPEND(own.revoked, t);
	own.n_revoked++;
}

/* No token outlives the lease of what it is for. */
static int64_t life_of_token(void)
{
	const struct wwsf_lend_conf *l = assignment_conf(wwsf.conf);
	int64_t ms = wwsf.conf->token.life_ms;
	return (l && l->lease_ms < ms ? l->lease_ms : ms) / 1000;
}

static bool is_older(const struct assigned *t)
{
	return t->end_ms - life_of_token() * 1000 < own.not_before_s * 1000;
}

/* A list that grows without end would be one that no edge can read: all of before now are
 * void instead, and of this second, in which more may come, those that are known. */
static void bound_list(void)
{
	struct assigned *t, *next;
	if (own.n_revoked <= REVOKED_MAX)
		return;
	log_warn("token", "more than %d tokens are taken back: all of before now are void",
		REVOKED_MAX);
	own.not_before_s = now_ms() / 1000;
	DL_FOREACH_SAFE(own.assigned, t, next)
		take_back(t);
	DL_FOREACH_SAFE(own.revoked, t, next)
		if (is_older(t)) {
			forget(&own.revoked, t);
			own.n_revoked--;
		}
}

size_t token_revoke(struct str user, struct str session)
{
	struct assigned *t, *next;
	size_t n = 0;

	forget_old();
	forget_old_revoked();
	DL_FOREACH_SAFE(own.assigned, t, next)
		if (user.p ? str_eq(str_of(t->user), user) : str_eq(str_of(t->session), session)) {
			take_back(t);
			n++;
		}
	bound_list();
	return n;
}

size_t token_count(struct str user)
{
	size_t n = 0;
	forget_old();
	for (const struct assigned *t = own.assigned; t; t = t->next)
		n += str_eq(str_of(t->user), user);
	return n;
}

void token_reset(void)
{
	forget_all();
	own.not_before_s = 0;
	if (own.keys)
		keep_keys(1);
}

void token_close(void)
{
	forget_all();
	own.not_before_s = 0;
	if (own.keys)
		token_keys_free(own.keys);
	own.keys = NULL;
}

/* ---- what the edge asks ---- */

void wwsf_on_jwks(struct http_req *req, void *arg)
{
	if (!own.keys) {
		api_refuse(req, 404, "no_tokens_here");
		return;
	}
	drop_old_keys();
	http_answer(req, 200, STR(API_FIELDS "Content-Type: application/jwk-set+json\r\n"),
		token_keys_public(own.keys, http_req_arena(req)));
}

void wwsf_on_revoked(struct http_req *req, void *arg)
{
	if (!own.keys) {
		api_refuse(req, 404, "no_tokens_here");
		return;
	}
	json_t *list = json_array(), *not_before = json_object();
	forget_old_revoked();
	for (const struct assigned *t = own.revoked; t; t = t->next)
		json_array_append_new(list, json_string(t->jti));
	if (own.not_before_s)
		json_object_set_new(
			not_before, wwsf.conf->identity, json_integer(own.not_before_s));
	api_answer(req, 200, STR(""),
		json_pack("{s:[], s:o, s:o}", "blocked", "not_before", not_before, "jti", list));
}

/* ---- a token of our own ---- */

void token_issue_here(struct http_req *req, struct session *s, const struct identity *id)
{
	struct arena *a = http_req_arena(req);
	const struct wwsf_conf *c = wwsf.conf;
	int64_t now_s = now_ms() / 1000, life_s = life_of_token();
	char jti[2 * JTI_BYTES + 1];
	struct token t = {.iss = str_of(c->origin), .sub = str_of(s->user),
		.client_id = str_of(c->identity), .jti = {jti, sizeof jti - 1},
		.scope = STR(TOKEN_SCOPE), .impi = id->impi, .n_aud = 1, .n_impu = id->n_impu,
		.iat = now_s, .nbf = now_s, .exp = now_s + life_s};

	chance_hex(&wwsf.host->chance, jti, JTI_BYTES);
	t.aud[0] = str_of(c->token.audience ? c->token.audience : c->domain);
	memcpy(t.impu, id->impu, sizeof t.impu);
	struct str text = token_issue(own.keys, &t, a);
	if (wwsf.assignments && assignment_settle(wwsf.assignments, str_of(s->holder),
				    text.p ? life_s * 1000 : 0)) {
		api_refuse_later(req, 503, "database", 1);
		return;
	}
	if (!text.p) {
		log_error("token", "no token for %s: it would be too long", log_text(t.sub));
		api_refuse(req, 500, "no_token");
		return;
	}
	token_assign(jti, t.sub, str_of(s->id), (now_s + life_s) * 1000);
	log_info("token", "jti %s for %s as %s, %lld s", jti, log_text(t.sub), log_text(id->impi),
		(long long)life_s);
	token_hand_out(req, s, text, life_s);
}
