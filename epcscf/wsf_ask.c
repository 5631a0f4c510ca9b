/* What a request for a registration brings: credentials in Authorization (RFC 7616, RFC 6750),
 * or a JSON object {user, password}; beside either, impu and expires.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/crypto/json.h"
#include "epcscf/wsf.h"

enum { IMPU_MAX = 256, EXPIRES_MAX = 86400 };

static int fail(const char **why, const char *sentence)
{
	*why = sentence;
	return -EBADMSG;
}

/* A scheme that we don't know is as good as none: the answer says which we do. */
static int read_field(struct str field, struct wsf_ask *ask, const char **why)
{
	struct sip_auth a;
	if (sip_auth_parse(&a, field))
		return fail(why, "Authorization can't be read");
	if (str_ieq(a.scheme, STR("Digest"))) {
		if (sip_digest_parse(&ask->digest, field))
			return fail(why, "Digest credentials can't be read");
		ask->by = WSF_BY_DIGEST;
	} else if (str_ieq(a.scheme, STR("Bearer"))) {
		if (sip_bearer_parse(field, &ask->token))
			return fail(why, "Bearer credentials can't be read");
		ask->by = WSF_BY_TOKEN;
	}
	return 0;
}

/* A text member of 1 to `max` octets without NUL; false: another. */
static bool text_member(const json_t *v, size_t max, struct arena *a, struct str *out)
{
	struct str s = json_text(v);
	if (!v)
		return true;
	if (!s.n || s.n > max || memchr(s.p, 0, s.n))
		return false;
	*out = arena_str(a, s);
	return true;
}

static bool impu_member(const json_t *v, struct arena *a, struct str *out)
{
	struct sip_uri u;
	if (!text_member(v, IMPU_MAX, a, out))
		return false;
	if (!v)
		return true;
	if (sip_uri_parse(&u, *out))
		return false;
	*out = sip_uri_canonical(&u, a);
	return out->p != NULL;
}

static bool expires_member(const json_t *v, uint32_t *out)
{
	json_int_t n = json_integer_value(v);
	if (!v)
		return true;
	if (!json_is_integer(v) || n < 1 || n > EXPIRES_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

static int read_members(const json_t *body, struct arena *a, struct wsf_ask *ask, const char **why)
{
	if (!json_is_object(body))
		return fail(why, "the body is no object");
	if (!text_member(json_object_get(body, "user"), WSF_NAME_MAX, a, &ask->user) ||
		!text_member(json_object_get(body, "password"), WSF_PASSWORD_MAX, a, &ask->password))
		return fail(why, "user or password is no text of usual length");
	if (!ask->user.p != !ask->password.p)
		return fail(why, "user and password come together");
	if (ask->user.p && ask->by != WSF_BY_NOTHING)
		return fail(why, "a password beside Authorization");
	if (!impu_member(json_object_get(body, "impu"), a, &ask->impu))
		return fail(why, "impu is no public identity");
	if (!expires_member(json_object_get(body, "expires"), &ask->expires))
		return fail(why, "expires is no number of seconds");
	if (ask->user.p)
		ask->by = WSF_BY_PASSWORD;
	return 0;
}

int wsf_ask_read(struct str field, struct str body, struct arena *a, struct wsf_ask *ask,
	const char **why)
{
	static const struct json_limits limits = {.size = 4096, .depth = 4, .members = 32};
	json_t *all;
	int err;

	*ask = (struct wsf_ask){0};
	if (field.p && (err = read_field(field, ask, why)))
		return err;
	if (!body.n)
		return 0;
	if (!(all = json_read(body, &limits, why)))
		return -EBADMSG;
	err = read_members(all, a, ask, why);
	json_decref(all);
	return err;
}
