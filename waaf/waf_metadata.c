/* What the WAF says of itself: metadata (RFC 8414) and public keys (RFC 7517).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "waaf/waf.h"

static json_t *texts(const struct conf_list *list)
{
	char *const *items = list->items;
	json_t *out = json_array();
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(out, json_string(items[i]));
	return out;
}

/* The W4 side has the WAF's own name and its own port. */
static json_t *at_w4(const char *path)
{
	return json_sprintf("https://%s:%u%s", waf.conf->identity,
		(unsigned)addr_port(http_server_local(waf.w4)), path);
}

static json_t *at_issuer(const char *path)
{
	return json_sprintf("%s%s", waf.conf->issuer, path);
}

static void answer_json(struct http_req *req, struct str type, struct str text)
{
	http_answer(req, 200,
		arena_fmt(http_req_arena(req),
			"Content-Type: " STR_FMT "\r\nCache-Control: no-cache\r\n"
			"X-Content-Type-Options: nosniff\r\n",
			STR_ARG(type)),
		text);
}

void waf_on_metadata(struct http_req *req, void *arg)
{
	json_t *m = json_object();

	json_object_set_new(m, "issuer", json_string(waf.conf->issuer));
	json_object_set_new(m, "authorization_endpoint", at_issuer("/authorize"));
	json_object_set_new(m, "token_endpoint", at_w4("/token"));
	json_object_set_new(m, "jwks_uri", at_issuer("/jwks"));
	json_object_set_new(m, "scopes_supported", texts(&waf.conf->scopes));
	json_object_set_new(m, "response_types_supported", json_pack("[s]", "code"));
	json_object_set_new(m, "grant_types_supported",
		json_pack("[sss]", "authorization_code", "client_credentials",
			"refresh_token"));
	json_object_set_new(m, "token_endpoint_auth_methods_supported",
		json_pack("[s]", "tls_client_auth"));
	json_object_set_new(m, "introspection_endpoint", at_w4("/introspect"));
	json_object_set_new(m, "introspection_endpoint_auth_methods_supported",
		json_pack("[s]", "tls_client_auth"));
	json_object_set_new(m, "revocation_endpoint", at_w4("/revoke"));
	json_object_set_new(m, "revocation_endpoint_auth_methods_supported",
		json_pack("[s]", "tls_client_auth"));
	json_object_set_new(m, "code_challenge_methods_supported", json_pack("[s]", "S256"));
	json_object_set_new(
		m, "authorization_response_iss_parameter_supported", json_true());
	char *text = json_dumps(m, JSON_COMPACT);
	answer_json(req, STR("application/json"), str_of(text));
	free(text);
	json_decref(m);
}

void waf_on_jwks(struct http_req *req, void *arg)
{
	answer_json(req, STR("application/jwk-set+json"),
		token_keys_public(waf.keys, http_req_arena(req)));
}
