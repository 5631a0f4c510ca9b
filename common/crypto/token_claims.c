/* Claims of a token: from and to JSON, and what they must be.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/json.h"
#include "common/crypto/token.h"

#define LAST_SECOND 253402300799 /* of the year 9999 */

/* ---- from JSON ---- */

/* Nothing that would break a header field or a log line. */
static bool printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

static bool take_text(const json_t *v, struct arena *a, struct str *out)
{
	if (!json_is_string(v))
		return false;
	*out = arena_str(a, json_text(v));
	return printable(*out);
}

static bool take_list(const json_t *v, struct arena *a, struct str *out, size_t most, size_t *n)
{
	const json_t *item;
	size_t i;
	if (!json_is_array(v) || json_array_size(v) > most)
		return false;
	json_array_foreach(v, i, item)
		if (!take_text(item, a, &out[i]))
			return false;
	*n = json_array_size(v);
	return true;
}

static bool take_audience(const json_t *v, struct arena *a, struct token *t)
{
	if (!json_is_string(v))
		return take_list(v, a, t->aud, sizeof t->aud / sizeof *t->aud, &t->n_aud);
	t->n_aud = 1;
	return take_text(v, a, &t->aud[0]);
}

static bool take_time(const json_t *v, int64_t *out)
{
	*out = json_integer_value(v);
	return json_is_integer(v) && *out >= 0 && *out <= LAST_SECOND;
}

static const struct text_claim {
	const char *name;
	size_t at;
} texts[] = {
	{"iss", offsetof(struct token, iss)},
	{"sub", offsetof(struct token, sub)},
	{"client_id", offsetof(struct token, client_id)},
	{"jti", offsetof(struct token, jti)},
	{"scope", offsetof(struct token, scope)},
	{"impi", offsetof(struct token, impi)},
	{"waf", offsetof(struct token, waf)},
}, times[] = {
	{"iat", offsetof(struct token, iat)},
	{"nbf", offsetof(struct token, nbf)},
	{"exp", offsetof(struct token, exp)},
};
enum { N_TEXTS = sizeof texts / sizeof *texts, N_TIMES = sizeof times / sizeof *times };

enum token_fault token_from_json(const json_t *claims, struct arena *a, struct token *t)
{
	const json_t *v;
	*t = (struct token){0};
	if (!json_is_object(claims))
		return TOKEN_MALFORMED;
	for (int i = 0; i < N_TEXTS; i++)
		if ((v = json_object_get(claims, texts[i].name)) &&
			!take_text(v, a, (struct str *)((char *)t + texts[i].at)))
			return TOKEN_MALFORMED;
	for (int i = 0; i < N_TIMES; i++)
		if ((v = json_object_get(claims, times[i].name)) &&
			!take_time(v, (int64_t *)((char *)t + times[i].at)))
			return TOKEN_MALFORMED;
	if ((v = json_object_get(claims, "aud")) && !take_audience(v, a, t))
		return TOKEN_MALFORMED;
	if ((v = json_object_get(claims, "impu")) &&
		!take_list(v, a, t->impu, TOKEN_IMPUS_MAX, &t->n_impu))
		return TOKEN_MALFORMED;
	return TOKEN_GOOD;
}

/* ---- to JSON ---- */

static bool put_text(json_t *o, const char *name, struct str s)
{
	return !s.p || (printable(s) &&
		json_object_set_new(o, name, json_stringn(s.p, s.n)) == 0);
}

static bool put_list(json_t *o, const char *name, const struct str *list, size_t n)
{
	json_t *array = json_array();
	bool ok = true;
	for (size_t i = 0; i < n && ok; i++)
		ok = printable(list[i]) &&
			json_array_append_new(array, json_stringn(list[i].p, list[i].n)) == 0;
	return json_object_set_new(o, name, array) == 0 && ok;
}

json_t *token_to_json(const struct token *t)
{
	json_t *o = json_object();
	bool ok = true;
	for (int i = 0; i < N_TEXTS; i++)
		ok &= put_text(o, texts[i].name,
			*(const struct str *)((const char *)t + texts[i].at));
	for (int i = 0; i < N_TIMES; i++) {
		int64_t v = *(const int64_t *)((const char *)t + times[i].at);
		ok &= !v || json_object_set_new(o, times[i].name, json_integer(v)) == 0;
	}
	if (t->n_aud == 1)
		ok &= put_text(o, "aud", t->aud[0]);
	else if (t->n_aud)
		ok &= put_list(o, "aud", t->aud, t->n_aud);
	if (t->n_impu)
		ok &= put_list(o, "impu", t->impu, t->n_impu);
	if (ok)
		return o;
	json_decref(o);
	return NULL;
}

/* ---- judge ---- */

static bool has_audience(const struct token *t, struct str audience)
{
	for (size_t i = 0; i < t->n_aud; i++)
		if (str_eq(t->aud[i], audience))
			return true;
	return false;
}

enum token_fault token_judge(
	const struct token *t, struct str audience, int64_t now_s, int64_t skew_s, int64_t life_s)
{
	if (!has_audience(t, audience))
		return TOKEN_BAD_AUDIENCE;
	if (t->exp && now_s >= t->exp + skew_s)
		return TOKEN_EXPIRED;
	if (now_s + skew_s < t->nbf || now_s + skew_s < t->iat)
		return TOKEN_NOT_YET;
	if (life_s && t->exp && t->exp - (t->iat ? t->iat : now_s + skew_s) > life_s)
		return TOKEN_TOO_LONG;
	if (!str_has_word(t->scope, STR(TOKEN_SCOPE)))
		return TOKEN_BAD_SCOPE;
	if (!t->impi.n || !t->n_impu || !t->jti.n || !t->client_id.n || !t->exp)
		return TOKEN_INCOMPLETE;
	return TOKEN_GOOD;
}

bool token_has_impu(const struct token *t, struct str impu)
{
	for (size_t i = 0; i < t->n_impu; i++)
		if (str_eq(t->impu[i], impu))
			return true;
	return false;
}
