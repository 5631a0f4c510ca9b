/* POST /token: the token endpoint (RFC 6749 3.2 with RFC 8705, RFC 7636 4.6), step 0 of
 * TS 33.203 X.3.3 (contribution text).
 *
 *	WWSF                                      WAF
 *	 | POST /token  grant_type, client_id, ..  |  mutual TLS
 *	 |---------------------------------------->|  the checks of waf_on_token
 *	 |      200 {access_token, impi, impu, ..} |
 *	 |<----------------------------------------|
 *
 * The three grants differ in who says who the user is: the WWSF (client_credentials with
 * `user`, or with `anonymous`), the WAF's own sign-in page (authorization_code), or an earlier
 * token (refresh_token).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/metric.h"
#include "common/crypto/pkce.h"
#include "waaf/waf.h"

METRIC_COUNTER(issued, "imsrig_waf_tokens_issued_total", "tokens that the WAF issued");

enum { NAME_MAX_OCTETS = 128 };

/* One request on its way through the checks. */
struct ask {
	struct http_req *req;
	struct form form;
	struct waf_wwsf *wwsf;
	unsigned grant_type;           /* enum waf_grant_type */
	struct waf_grant *grant;       /* NULL with client_credentials */
	const struct waf_user *user;   /* NULL: of a WWSF that has a pool, and not known here */
	struct token token;
	char jti[WAF_JTI_SIZE];
	struct str text;               /* the token, once issued */
};

static struct str param(const struct ask *a, const char *name)
{
	return form_value(&a->form, str_of(name));
}

/* ---- who asks ---- */

enum waf_refusal waf_client(struct http_req *req, struct form *form, struct waf_wwsf **out)
{
	const struct http_msg *m = http_req_msg(req);
	struct waf_wwsf *w;

	*out = NULL;
	if (!form_is_body(m) || form_parse(m->body, http_req_arena(req), form))
		return WAF_NO_FORM;
	w = waf_wwsf_find(form_value(form, STR("client_id")));
	if (!w || !waf_peer_is(req, w))
		return WAF_NO_CLIENT;
	*out = w;
	if (w->blocked)
		return WAF_NO_BLOCKED;
	return waf_wwsf_take(w) ? WAF_GOOD : WAF_NO_RATE;
}

static enum waf_refusal check_grant_type(struct ask *a)
{
	struct str name = param(a, "grant_type");

	if (!name.n)
		return WAF_NO_GRANT_MISSING;
	if (!(a->grant_type = waf_grant_type_of(name)))
		return WAF_NO_GRANT_UNKNOWN;
	return a->wwsf->grants & a->grant_type ? WAF_GOOD : WAF_NO_GRANT;
}

/* ---- who the user is, by grant ---- */

/* What becomes the sub of a token, and a word in our log. */
static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0 && s.n <= NAME_MAX_OCTETS;
}

/* The users of a WWSF that lends identities are its own: they need not be known here, and may
 * be anonymous, under a handle that tells one from another (TS 33.203 X.4.1 REQ 3.0). */
static enum waf_refusal user_asserted(struct ask *a)
{
	struct str name = param(a, "user"), handle = param(a, "anonymous");

	if (handle.p) {
		a->token.sub = handle;
		return a->wwsf->pool && !name.p && is_name(handle) ? WAF_GOOD : WAF_NO_ANONYMOUS;
	}
	if (!a->wwsf->conf->trust_user_assertion)
		return WAF_NO_ASSERTION;
	if (!name.n)
		return WAF_NO_PARAMETER;
	a->token.sub = name;
	a->user = waf_user_find(name);
	return a->user || (a->wwsf->pool && is_name(name)) ? WAF_GOOD : WAF_NO_USER;
}

static enum waf_refusal granted(struct ask *a, struct waf_grant *g)
{
	a->grant = g;
	a->user = g->user;
	a->token.sub = str_of(g->user->conf->user);
	return param(a, "anonymous").p ? WAF_NO_ANONYMOUS : WAF_GOOD;
}

/* A code counts as used once its own client has shown it, whatever comes of that. */
static enum waf_refusal user_by_code(struct ask *a)
{
	struct str redirect_uri = param(a, "redirect_uri");
	struct str verifier = param(a, "code_verifier"), code = param(a, "code");
	uint32_t generation;

	if (!code.n || !redirect_uri.n || !verifier.n)
		return WAF_NO_PARAMETER;
	struct waf_grant *g = waf_grant_find(code, &generation);
	if (!g || generation || g->wwsf != a->wwsf)
		return WAF_NO_CODE;
	if (g->presented) {
		waf_grant_end(g);
		return WAF_NO_CODE;
	}
	waf_grant_present(g);
	if (!str_eq(redirect_uri, str_of(g->redirect_uri)))
		return WAF_NO_REDIRECT;
	if (!pkce_check(verifier, str_of(g->challenge)))
		return WAF_NO_VERIFIER;
	return granted(a, g);
}

static enum waf_refusal user_by_refresh(struct ask *a)
{
	struct str secret = param(a, "refresh_token");
	uint32_t generation;

	if (!secret.n)
		return WAF_NO_PARAMETER;
	struct waf_grant *g = waf_grant_find(secret, &generation);
	if (!g || !generation || g->wwsf != a->wwsf)
		return WAF_NO_REFRESH;
	if (generation != g->generation) {
		waf_grant_end(g);
		return WAF_NO_REFRESH;
	}
	return granted(a, g);
}

static enum waf_refusal find_user(struct ask *a)
{
	switch (a->grant_type) {
	case WAF_CLIENT_CREDENTIALS:
		return user_asserted(a);
	case WAF_AUTHORIZATION_CODE:
		return user_by_code(a);
	default:
		return user_by_refresh(a);
	}
}

/* ---- what the token says ---- */

/* `impu` may list several, parted by blanks. */
static enum waf_refusal take_impus(struct ask *a, struct str asked, enum waf_refusal no)
{
	struct token *t = &a->token;

	while (asked.n) {
		struct str impu = str_cut(&asked, ' ');
		if (t->n_impu == TOKEN_IMPUS_MAX)
			return no;
		if (a->wwsf->pool ? !waf_pool_has_impu(a->wwsf->pool, impu)
				  : !waf_user_has_impu(a->user, impu))
			return no;
		t->impu[t->n_impu++] = impu;
	}
	return WAF_GOOD;
}

/* Identities that are asked for must be the user's; without any he gets all of his. */
static enum waf_refusal identities_of_user(struct ask *a)
{
	char *const *impus = a->user->conf->impus.items;
	struct str impi = param(a, "impi"), asked = param(a, "impu");
	struct token *t = &a->token;

	if (impi.n && !waf_user_has_impi(a->user, impi))
		return WAF_NO_IDENTITY;
	t->impi = str_of(a->user->conf->impi);
	for (size_t i = 0; !asked.n && i < a->user->conf->impus.n; i++)
		t->impu[t->n_impu++] = str_of(impus[i]);
	return take_impus(a, asked, WAF_NO_IDENTITY);
}

/* Those that a WWSF lends are of its own pool (TS 33.203 X.4.1 REQ 3.2), whoever the user is. */
static enum waf_refusal find_identities(struct ask *a)
{
	struct str impi = param(a, "impi"), impus = param(a, "impu");

	if (!a->wwsf->pool)
		return identities_of_user(a);
	if (!impus.n || !waf_pool_has_impi(a->wwsf->pool, impi))
		return WAF_NO_POOL;
	a->token.impi = impi;
	return take_impus(a, impus, WAF_NO_POOL);
}

/* At a refresh no more than was granted (RFC 6749 6); with a code what was granted. */
static enum waf_refusal find_scope(struct ask *a)
{
	struct str asked = param(a, "scope");
	char *const *scopes = waf.conf->scopes.items;

	a->token.scope = asked.n ? asked : str_of(scopes[0]);
	if (!a->grant)
		return waf_scope_ok(a->token.scope) ? WAF_GOOD : WAF_NO_SCOPE;
	a->token.scope = str_of(a->grant->scope);
	return !asked.n || str_eq(asked, a->token.scope) ? WAF_GOOD : WAF_NO_SCOPE;
}

static int64_t life_s(const struct waf_wwsf *w)
{
	int64_t ms = waf.conf->token_life_ms, lease_ms = w->conf->pool.lease_ms;
	return (w->pool && lease_ms < ms ? lease_ms : ms) / 1000;
}

static enum waf_refusal issue(struct ask *a)
{
	const struct waf_conf *c = waf.conf;
	struct token *t = &a->token;

	chance_hex(&waf.host->chance, a->jti, (WAF_JTI_SIZE - 1) / 2);
	t->iss = str_of(c->issuer);
	t->waf = str_of(c->identity);
	t->aud[t->n_aud++] = str_of(c->audience);
	t->client_id = str_of(a->wwsf->conf->identity);
	t->jti = str_of(a->jti);
	t->iat = t->nbf = waf_now_s();
	t->exp = t->iat + life_s(a->wwsf);
	a->text = token_issue(waf.keys, t, http_req_arena(a->req));
	if (!a->text.p)
		return WAF_NO_SIGNING;
	waf_live_add(a->jti, a->wwsf, a->grant ? a->grant->id : 0, t->iat, t->exp);
	if (a->grant)
		waf_grant_renew(a->grant);
	return WAF_GOOD;
}

/* ---- the ends ---- */

static void answer(struct ask *a)
{
	const struct token *t = &a->token;
	char refresh[WAF_SECRET_SIZE];
	json_t *impus = json_array();

	for (size_t i = 0; i < t->n_impu; i++)
		json_array_append_new(impus, json_stringn(t->impu[i].p, t->impu[i].n));
	json_t *body = json_pack("{s:s%, s:s, s:I, s:s%, s:s%, s:o}", "access_token",
		a->text.p, a->text.n, "token_type", "Bearer", "expires_in",
		(json_int_t)(t->exp - t->iat), "scope", t->scope.p, t->scope.n, "impi",
		t->impi.p, t->impi.n, "impu", impus);
	if (a->grant) {
		waf_grant_secret(a->grant, refresh);
		json_object_set_new(body, "refresh_token", json_string(refresh));
	}
	issued.value++;
	waf_answer_json(a->req, 200, body);
}

static void audit(const struct ask *a, enum waf_refusal no)
{
	struct waf_audit line = {.what = "token", .outcome = no};

	line.wwsf = a->wwsf ? str_of(a->wwsf->conf->identity) : param(a, "client_id");
	line.user = a->token.sub.p ? a->token.sub : param(a, "user");
	line.impi = a->token.impi;
	line.jti = a->text.p ? a->token.jti : STR_NONE;
	waf_audit(&line);
}

void waf_on_token(struct http_req *req, void *arg)
{
	struct ask a = {.req = req};
	enum waf_refusal no = waf_client(req, &a.form, &a.wwsf);

	if (!no && waf_live_full())
		no = WAF_NO_FULL;
	if (!no)
		no = check_grant_type(&a);
	if (!no)
		no = find_user(&a);
	if (!no)
		no = find_identities(&a);
	if (!no)
		no = find_scope(&a);
	if (!no)
		no = issue(&a);
	audit(&a, no);
	if (no)
		waf_refuse(req, no);
	else
		answer(&a);
}
