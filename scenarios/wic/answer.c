/* The client's side of SIP Digest (RFC 7616, TS 33.203 N).
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/wic/answer.h"

#include <stdio.h>
#include <stdlib.h>

static bool known(struct challenge *c, struct str only)
{
	c->aka = aka_algorithm_of(c->d.algorithm);
	if (c->aka) {
		c->algorithm = aka_digest(c->aka);
		return str_ieq(str_of(aka_algorithm_name(c->aka)), only);
	}
	return !digest_algorithm_of(c->d.algorithm, &c->algorithm) &&
	       (!only.p || str_ieq(str_of(digest_algorithm_name(c->algorithm)), only));
}

struct challenge *challenge_read(struct str value, struct str only)
{
	struct challenge *c = mem_zalloc(sizeof *c + value.n + 1);

	memcpy(c->text, value.p, value.n);
	if (sip_digest_parse(&c->d, (struct str){c->text, value.n}) || !known(c, only)) {
		free(c);
		return NULL;
	}
	c->stale = str_ieq(c->d.stale, STR("true"));
	return c;
}

struct challenge *challenge_take(
	const struct sip_msg *m, enum sip_header id, struct str only)
{
	for (const struct sip_field *f = sip_first(m, id); f; f = sip_next(m, f)) {
		struct challenge *c = challenge_read(sip_field_value(m, f), only);
		if (c)
			return c;
	}
	return NULL;
}

bool challenge_is_digest(const struct sip_msg *m, enum sip_header id)
{
	for (const struct sip_field *f = sip_first(m, id); f; f = sip_next(m, f)) {
		struct sip_auth a;
		if (!sip_auth_parse(&a, sip_field_value(m, f)) &&
			str_ieq(a.scheme, STR("Digest")))
			return true;
	}
	return false;
}

struct challenge *challenge_take_aka(const struct sip_msg *m, enum sip_header id)
{
	struct challenge *c = NULL;
	for (int a = AKA_V1_MD5; !c && a <= AKA_V2_SHA256; a++)
		c = challenge_take(m, id, str_of(aka_algorithm_name((enum aka_algorithm)a)));
	return c;
}

bool answer_proved(struct str info, const char *rspauth, struct str *next)
{
	struct sip_auth fields = {.params = info};
	struct str proof;

	sip_auth_param(&fields, STR("nextnonce"), next);
	return !*rspauth || (sip_auth_param(&fields, STR("rspauth"), &proof) &&
				    digest_equal(proof, str_of(rspauth)));
}

/* ---- writing ---- */

enum {
	P_USERNAME,
	P_REALM,
	P_NONCE,
	P_URI,
	P_RESPONSE,
	P_ALGORITHM,
	P_CNONCE,
	P_OPAQUE,
	P_QOP,
	P_NC,
	P_AUTS,
	P_WWSF,
	PARAMS
};
static const struct param {
	const char *name;
	bool quoted;
} params[PARAMS] = {
	[P_USERNAME] = {"username", true},
	[P_REALM] = {"realm", true},
	[P_NONCE] = {"nonce", true},
	[P_URI] = {"uri", true},
	[P_RESPONSE] = {"response", true},
	[P_ALGORITHM] = {"algorithm", false},
	[P_CNONCE] = {"cnonce", true},
	[P_OPAQUE] = {"opaque", true},
	[P_QOP] = {"qop", false},
	[P_NC] = {"nc", false},
	[P_AUTS] = {"auts", true},
	[P_WWSF] = {"wwsf-entity", true},
};

static int param_of(const char *name)
{
	for (int i = 0; i < PARAMS; i++)
		if (!strcmp(params[i].name, name))
			return i;
	return -1;
}

static struct str twisted(int param, const json_t *v, char number[24])
{
	if (json_is_integer(v)) {
		snprintf(number, 24, param == P_NC ? "%08llx" : "%lld",
			(long long)json_integer_value(v));
		return str_of(number);
	}
	const char *text = json_string_value(v);
	return text && strcmp(text, "absent") ? str_of(text) : STR_NONE;
}

static struct str or_empty(struct str s)
{
	return s.p ? s : STR("");
}

static void put(
	struct buf *out, const char *name, struct str value, bool quoted, bool *first)
{
	buf_fmt(out, quoted ? "%s%s=\"" STR_FMT "\"" : "%s%s=" STR_FMT,
		*first ? "" : ", ", name, STR_ARG(value));
	*first = false;
}

static void lay(struct str p[PARAMS], const json_t *twist, char numbers[PARAMS][24])
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)twist, name, v) if (param_of(name) >= 0)
		p[param_of(name)] = twisted(param_of(name), v, numbers[param_of(name)]);
}

static void put_further(const json_t *twist, struct buf *out, bool *first)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)twist, name, v)
	{
		char number[24];
		struct str value = twisted(-1, v, number);
		if (param_of(name) < 0 && value.p)
			put(out, name, value, true, first);
	}
}

void answer_write(const struct answer *a, const json_t *twist, const json_t *forged,
	struct buf *out, char rspauth[DIGEST_HEX_MAX])
{
	char ha1[DIGEST_HEX_MAX], response[DIGEST_HEX_MAX] = "",
				  proof[DIGEST_HEX_MAX] = "";
	char nc[16], numbers[PARAMS][24], more_numbers[PARAMS][24];
	enum digest_algorithm algorithm = a->algorithm, named;
	bool first = true;

	snprintf(nc, sizeof nc, "%08x", a->nc);
	struct str p[PARAMS] = {[P_USERNAME] = a->username,
		[P_REALM] = a->realm,
		[P_NONCE] = or_empty(a->nonce),
		[P_URI] = a->uri,
		[P_ALGORITHM] = a->algorithm_name,
		[P_CNONCE] = a->cnonce,
		[P_OPAQUE] = a->opaque,
		[P_QOP] = a->qop,
		[P_NC] = a->nc ? str_of(nc) : STR_NONE,
		[P_WWSF] = a->wwsf,
		[P_AUTS] = a->auts};
	lay(p, twist, numbers);
	if (a->nc) {
		if (!digest_algorithm_of(p[P_ALGORITHM], &named))
			algorithm = named; /* unknown: as challenged */
		digest_ha1(algorithm, p[P_USERNAME], p[P_REALM], a->password, ha1);
		digest_response(algorithm, str_of(ha1), a->method, p[P_URI], p[P_NONCE],
			p[P_NC], p[P_CNONCE], p[P_QOP], response);
		digest_rspauth(algorithm, str_of(ha1), p[P_URI], p[P_NONCE], p[P_NC],
			p[P_CNONCE], p[P_QOP], proof);
	}
	if (!json_object_get(twist, "response"))
		p[P_RESPONSE] = str_of(response);
	lay(p, forged, more_numbers);
	buf_add(out, STR("Digest "));
	for (int i = 0; i < PARAMS; i++)
		if (p[i].p)
			put(out, params[i].name, p[i], params[i].quoted, &first);
	put_further(twist, out, &first);
	put_further(forged, out, &first);
	if (rspauth)
		strcpy(rspauth, proof);
}
