/* What the WAAF answers to a registration request on W4.
 *
 *	401  {"error":"challenge","challenge":{"realm","nonce","qop","algorithm","method","uri"}}
 *	200  {"id","wwsf","block","impu","expires","mode"}
 *	else {"error","error_description"}
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>

#include "common/crypto/json.h"
#include "wwsf/registration.h"

enum { TEXT_MAX = 512, ID_MAX = 128, EXPIRES_MAX = 7 * 24 * 3600 };

json_t *registration_read(struct str body, const char **why)
{
	static const struct json_limits limits = {.size = 32 * 1024, .depth = 4, .members = 512};
	json_t *j = json_read(body, &limits, why);
	if (!j || json_is_object(j))
		return j;
	*why = "not an object";
	json_decref(j);
	return NULL;
}

/* Good for a quoted string of SIP (RFC 3261 25.1) as it stands. */
static bool is_quotable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] >= 0x7f || s.p[i] == '"' ||
			s.p[i] == '\\')
			return false;
	return s.n > 0 && s.n <= TEXT_MAX;
}

const char *registration_read_challenge(const json_t *body, struct str uri,
	struct registration_challenge *out)
{
	const json_t *c = json_object_get(body, "challenge");

	*out = (struct registration_challenge){.realm = json_text(json_object_get(c, "realm")),
		.nonce = json_text(json_object_get(c, "nonce")),
		.uri = json_text(json_object_get(c, "uri"))};
	if (!json_is_object(c))
		return "it has no challenge";
	if (!is_quotable(out->realm) || !is_quotable(out->nonce))
		return "realm or nonce is missing, or can't stand in a SIP message";
	if (digest_algorithm_of(json_text(json_object_get(c, "algorithm")), &out->algorithm))
		return "its algorithm is not known here";
	if (!digest_offers_auth(json_text(json_object_get(c, "qop"))))
		return "its qop is not auth";
	if (!str_eq(json_text(json_object_get(c, "method")), STR("REGISTER")) ||
		!str_eq(out->uri, uri))
		return "it is not for the REGISTER of the home domain";
	return NULL;
}

/* It becomes part of a path. */
static bool is_id(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && !strchr("-._~", s.p[i]))
			return false;
	return s.n > 0 && s.n <= ID_MAX && s.p[0] != '.';
}

static bool is_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!islower((unsigned char)s.p[i]) && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n < 64;
}

const char *registration_read_granted(const json_t *body, struct registration_granted *out)
{
	const json_t *expires = json_object_get(body, "expires");

	*out = (struct registration_granted){.id = json_text(json_object_get(body, "id")),
		.mode = json_text(json_object_get(body, "mode")),
		.expires_s = json_integer_value(expires)};
	if (!is_id(out->id))
		return "it has no id";
	if (!json_is_integer(expires) || out->expires_s < 1 || out->expires_s > EXPIRES_MAX)
		return "it has no expires";
	if (!is_word(out->mode))
		out->mode = STR("");
	return NULL;
}

struct str registration_read_error(const json_t *body)
{
	struct str word = json_text(json_object_get(body, "error"));
	return is_word(word) ? word : STR("");
}
