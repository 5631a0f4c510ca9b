/* What a WWSF says on W4 when it registers its blocks (TR 23.701 6.3.2.1.4, steps 1 and 5).
 *
 *	{"wwsf", "block": [..], "impi", "impu", "expires", "credentials": {"nonce", "nc",
 *	 "cnonce", "response"}}
 *
 * The digest is SIP's (method REGISTER), since the S-CSCF checks it: so it stands here and not
 * in an HTTP Authorization, whose method and URI are others.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/crypto/json.h"
#include "waaf/range.h"

enum { SIZE = 16 * 1024, TEXT_MAX = 512, EXPIRES_MAX = 0x7fffffff };

static int fail(const char **why, const char *sentence)
{
	*why = sentence;
	return -EBADMSG;
}

/* Visible, and nothing that ends a quoted string: texts go into header fields. */
static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return s.n > 0 && s.n <= TEXT_MAX;
}

/* An expression has its own characters; sip_wildcard_new judges it. */
static bool is_visible(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return s.n > 0 && s.n <= TEXT_MAX;
}

static bool is_hex(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("0123456789abcdefABCDEF", s.p[i]))
			return false;
	return s.n > 0;
}

static struct str text(const json_t *o, const char *name, struct arena *a)
{
	struct str s = json_text(json_object_get(o, name));
	return s.p ? arena_str(a, s) : s;
}

/* ---- credentials ---- */

static int read_credentials(const json_t *c, struct arena *a, struct registration_ask *ask,
	const char **why)
{
	if (!json_is_object(c))
		return fail(why, "credentials is no object");
	ask->has_credentials = true;
	ask->nonce = text(c, "nonce", a);
	ask->nc = text(c, "nc", a);
	ask->cnonce = text(c, "cnonce", a);
	ask->response = text(c, "response", a);
	if (!is_plain(ask->nonce) || !is_plain(ask->cnonce))
		return fail(why, "nonce or cnonce of the credentials is missing or no plain text");
	if (ask->nc.n != 8 || !is_hex(ask->nc))
		return fail(why, "nc of the credentials is not 8 hex digits");
	if ((ask->response.n != 32 && ask->response.n != 64) || !is_hex(ask->response))
		return fail(why, "response of the credentials is not 32 or 64 hex digits");
	return 0;
}

int registration_read_credentials(struct str body, struct arena *a,
	struct registration_ask *ask, const char **why)
{
	static const struct json_limits limits = {.size = SIZE, .depth = 2, .members = 16};
	*ask = (struct registration_ask){.wwsf = STR_NONE};
	if (!body.n)
		return 0;
	json_t *o = json_read(body, &limits, why);
	if (!o)
		return -EBADMSG;
	int err = read_credentials(json_object_get(o, "credentials"), a, ask, why);
	json_decref(o);
	return err;
}

/* ---- all ---- */

static int read_blocks(const json_t *list, struct arena *a, struct registration_ask *ask,
	const char **why)
{
	size_t n = json_array_size(list); /* 0: no array */
	if (!n || n > RANGE_BLOCKS_MAX)
		return fail(why, "block is no list of 1 to 32 texts");
	for (size_t i = 0; i < n; i++) {
		struct str s = json_text(json_array_get(list, i));
		if (!is_visible(s))
			return fail(why, "an element of block is no plain text");
		ask->block[ask->n_block++] = arena_str(a, s);
	}
	return 0;
}

static int read_expires(const json_t *v, struct registration_ask *ask, const char **why)
{
	json_int_t n = json_integer_value(v);
	if (!v)
		return 0;
	if (!json_is_integer(v) || n < 1 || n > EXPIRES_MAX)
		return fail(why, "expires is no number of seconds from 1 (DELETE withdraws)");
	ask->has_expires = true;
	ask->expires = (uint32_t)n;
	return 0;
}

static int read_all(const json_t *o, struct arena *a, struct registration_ask *ask,
	const char **why)
{
	const json_t *credentials = json_object_get(o, "credentials");
	int err;

	ask->wwsf = text(o, "wwsf", a);
	ask->impi = text(o, "impi", a);
	ask->impu = text(o, "impu", a);
	if (!is_plain(ask->wwsf) || !is_plain(ask->impi) || !is_plain(ask->impu))
		return fail(why, "wwsf, impi or impu is missing or no plain text");
	if ((err = read_blocks(json_object_get(o, "block"), a, ask, why)) ||
		(err = read_expires(json_object_get(o, "expires"), ask, why)))
		return err;
	return credentials ? read_credentials(credentials, a, ask, why) : 0;
}

int registration_read(struct str body, struct arena *a, struct registration_ask *ask,
	const char **why)
{
	static const struct json_limits limits = {.size = SIZE, .depth = 3, .members = 64};
	json_t *o = json_read(body, &limits, why);

	*ask = (struct registration_ask){.wwsf = STR_NONE};
	if (!o)
		return -EBADMSG;
	int err = json_is_object(o) ? read_all(o, a, ask, why) : fail(why, "no object");
	json_decref(o);
	return err;
}
