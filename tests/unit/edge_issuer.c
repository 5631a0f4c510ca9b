/* An issuer of security tokens for the tests of the edge.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/edge_issuer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/http/form.h"

#define AT "127.38.1.10:8443"

struct issuer issuer;

static void answer(struct http_req *r, struct str body)
{
	if (issuer.status)
		http_answer(r, issuer.status, STR_NONE, STR_NONE);
	else
		http_answer(r, 200, STR("Content-Type: application/json\r\n"), body);
}

static void on_jwks(struct http_req *r, void *arg)
{
	issuer.jwks++;
	answer(r, token_keys_public(issuer.keys, http_req_arena(r)));
}

static void give_lists(struct http_req *r)
{
	answer(r, str_of(issuer.lists ? issuer.lists
				      : "{\"blocked\":[],\"not_before\":{},\"jti\":[]}"));
}

static void on_revoked(struct http_req *r, void *arg)
{
	issuer.revoked++;
	if (issuer.hold)
		issuer.held = r;
	else
		give_lists(r);
}

void issuer_release(void)
{
	struct http_req *r = issuer.held;
	assert_non_null(r);
	issuer.held = NULL;
	issuer.hold = false;
	give_lists(r);
}

/* The claims of the token, that it signed itself, with "active". */
static void on_introspect(struct http_req *r, void *arg)
{
	struct arena *a = http_req_arena(r);
	struct str text = form_param(http_req_msg(r)->body, STR("token"), a), kid;
	struct token t;

	issuer.introspected++;
	assert_true(form_is_body(http_req_msg(r)));
	if (issuer.inactive || token_parse(text, a, &t, &kid) ||
		token_verify(issuer.keys, text, kid)) {
		answer(r, STR("{\"active\":false}"));
		return;
	}
	json_t *claims = token_to_json(&t);
	json_object_set_new(claims, "active", json_true());
	char *body = json_dumps(claims, 0);
	answer(r, arena_str(a, str_of(body)));
	free(body);
	json_decref(claims);
}

void issuer_open(const char *addr)
{
	static const struct http_route routes[] = {{"GET", "/jwks", on_jwks},
		{"GET", "/revoked", on_revoked}, {"POST", "/introspect", on_introspect}, {0}};
	struct http_server_conf conf = {.listen = rig_addr(addr), .routes = routes};

	rig_cert(&world.rig, "wwsf", WWSF, "127.38.1.10");
	issuer.tls = rig_tls(&world.rig, true, "wwsf",
		issuer.wants_certificate ? "ca.pem" : NULL, issuer.wants_certificate);
	conf.tls = issuer.tls;
	assert_int_equal(http_serve(&world.rig.host, &conf, &issuer.server), 0);
	if (issuer.keys)
		return;
	issuer.keys = token_keys_new();
	assert_int_equal(token_keys_add(issuer.keys, &world.rig.host.chance), 0);
}

void issuer_close(void)
{
	if (issuer.server)
		http_server_close(issuer.server);
	tls_free(issuer.tls);
	issuer.server = NULL;
	issuer.tls = NULL;
}

void issuer_free(void)
{
	issuer_close();
	if (issuer.held)
		http_answer(issuer.held, 503, STR_NONE, STR_NONE); /* nobody listens */
	token_keys_free(issuer.keys);
	arena_free(&issuer.arena);
	issuer = (struct issuer){0};
}

/* ---- tokens ---- */

struct token claims_of(const char *name)
{
	static int n;
	int64_t now = time(NULL);
	struct token t = {
		.iss = STR(ISSUER),
		.sub = str_of(name),
		.client_id = STR(WWSF),
		.jti = arena_fmt(&issuer.arena, "jti-%d", ++n),
		.scope = STR(TOKEN_SCOPE),
		.impi = arena_fmt(&issuer.arena, "%s-impi@ims.example.org", name),
		.aud = {STR("ims.example.org")},
		.n_aud = 1,
		.n_impu = 1,
		.iat = now,
		.nbf = now,
		.exp = now + 600,
	};
	t.impu[0] = arena_fmt(&issuer.arena, "sip:%s@ims.example.org", name);
	return t;
}

const char *token_of(const struct token *t)
{
	struct str text = token_issue(issuer.keys, t, &issuer.arena);
	assert_non_null(text.p);
	return text.p;
}

const char *token_for(const char *name)
{
	struct token t = claims_of(name);
	return token_of(&t);
}

const char *bearer_of(const char *token, const char *name)
{
	static char lines[4][6000];
	static int next;
	char *line = lines[next++ % 4];
	int n = snprintf(line, sizeof lines[0], "Authorization: Bearer %s\r\n", token);
	if (name)
		snprintf(line + n, sizeof lines[0] - (size_t)n,
			"Authorization: Digest username=\"%s-impi@ims.example.org\", "
			"realm=\"ims.example.org\", uri=\"sip:ims.example.org\", nonce=\"\", "
			"response=\"\"\r\n",
			name);
	return line;
}

const char *bearer(const char *token)
{
	return bearer_of(token, NULL);
}

/* ---- the element ---- */

static void put_issuer(struct buf *b, const char *element, const char *iss,
	const char *identity, const char *more)
{
	char cert[32], key[32];
	snprintf(cert, sizeof cert, "%s.pem", element);
	snprintf(key, sizeof key, "%s-key.pem", element);
	buf_fmt(b,
		"    - {issuer: \"%s\", url: \"" ISSUER "\", identity: %s, ca: %s, "
		"cert: %s, key: %s, timeout: 2s, %s}\n",
		iss, identity, rig_file(&world.rig, "ca.pem"),
		rig_file(&world.rig, cert), rig_file(&world.rig, key), more);
}

void tokens_section(struct buf *b, const char *tokens, const char *element)
{
	buf_fmt(b,
		"tokens:\n  audience: ims.example.org\n"
		"  authz-server: \"https://wwsf.ims.example.org:8443/login\"\n%s  issuers:\n",
		tokens);
	put_issuer(b, element, ISSUER, WWSF, "by: jwks, wwsfs: [" WWSF "]");
	put_issuer(b, element, OUTSIDE, "waf.partner.example",
		"by: introspection, domain: third-party, wwsfs: [" WWSF ", other.example]");
}

void start_tokens(const char *auth, const char *tokens)
{
	struct buf b = {0}, extra = {0};
	world_open();
	core_open(ICSCF, false);
	world.core.status = 200;
	issuer_open(AT);
	buf_fmt(&extra, "limits: {registers-per-10s: 1000, handshakes-per-second: 1000}\n");
	tokens_section(&extra, tokens, "epcscf");
	world.auth = auth;
	epcscf_config(&b, buf_z(&extra));
	buf_free(&extra);
	world_start("epcscf", &b);
}

const char *const token_refusals[] = {
#define X(id, status, label, reason, then) label,
#include "common/edge/refuse_token.def"
#undef X
	NULL};
static bool seen[sizeof token_refusals / sizeof *token_refusals];

static void look_at_counters(void)
{
	json_t *said = world_admin("{\"cmd\":\"status\"}");
	for (size_t i = 0; token_refusals[i]; i++) {
		char name[100];
		snprintf(name, sizeof name, "imsrig_edge_refused_total{reason=\"%s\"}",
			token_refusals[i]);
		seen[i] |= json_integer_value(json_object_get(
				   json_object_get(said, "counters"), name)) > 0;
	}
	json_decref(said);
}

bool was_refused(const char *label)
{
	for (size_t i = 0; token_refusals[i]; i++)
		if (!strcmp(token_refusals[i], label))
			return seen[i];
	return false;
}

void tokens_close(void)
{
	if (world.pid)
		look_at_counters();
	issuer_free();
	world_close();
}

int64_t counter(const char *name)
{
	json_t *said = world_admin("{\"cmd\":\"status\"}");
	json_t *value = json_object_get(json_object_get(said, "counters"), name);
	if (!value)
		value = json_object_get(json_object_get(said, "idle"), name);
	if (!value)
		value = json_object_get(json_object_get(said, "gauges"), name);
	assert_non_null(value);
	int64_t n = json_integer_value(value);
	json_decref(said);
	return n;
}
