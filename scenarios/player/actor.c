/* Actors: kinds, options, and what all of them share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/actor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/conf/conf.h"
#include "scenarios/player/rig.h"

static const struct actor_kind *const kinds[] = {&actor_wic, &actor_sip_peer,
	&actor_ws_client, &actor_https_client, &actor_cx_peer};
enum { KINDS = sizeof kinds / sizeof *kinds, MAX_PAD = 1000000, VERBS_MAX = 64 };

/* Settings that every kind has. */
static const struct actor_option common_settings[] = {
	{"address", OPTION_ANY}, {.name = NULL}};

static const struct actor_kind *kind_find(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}

/* ---- checks at load time ---- */

static const struct actor_option *option_find(
	const struct actor_option *list, const char *name)
{
	for (; list && list->name; list++)
		if (!strcmp(list->name, name))
			return list;
	return NULL;
}

static bool is_seconds(const json_t *v)
{
	int64_t ms;
	return json_is_integer(v) ||
	       (json_is_string(v) && !conf_ms(str_of(json_string_value(v)), &ms));
}

static bool is_word(const struct actor_option *o, const json_t *v)
{
	const char *text = json_string_value(v);
	for (size_t i = 0; text && o->words[i]; i++)
		if (!strcmp(o->words[i], text))
			return true;
	return false;
}

/* NULL when the value fits, else what it should be. Every text may be "absent". */
static const char *misfit(const struct actor_option *o, const json_t *v, char words[160])
{
	if (json_is_string(v) && !strcmp(json_string_value(v), "absent"))
		return NULL;
	switch (o->type) {
	case OPTION_TEXT:
		return json_is_string(v) || json_is_number(v) ? NULL : "a text";
	case OPTION_NUMBER:
		return json_is_integer(v) ? NULL : "a number";
	case OPTION_SECONDS:
		return is_seconds(v) ? NULL : "seconds or a duration (\"4min\")";
	case OPTION_SWITCH:
		return json_is_boolean(v) ? NULL : "true or false";
	case OPTION_MAP:
		return json_is_object(v) ? NULL : "a mapping";
	case OPTION_LIST:
		return json_is_array(v) ? NULL : "a list";
	case OPTION_ANY:
		return NULL;
	case OPTION_WORD:
		break;
	}
	if (is_word(o, v))
		return NULL;
	*words = 0;
	for (size_t i = 0, n = 0; o->words[i] && n < 160; i++)
		n += (size_t)snprintf(
			words + n, 160 - n, "%s%s", i ? ", " : "one of ", o->words[i]);
	return words;
}

static void list_options(const struct actor_option *list, struct buf *out)
{
	for (; list && list->name; list++)
		buf_fmt(out, "%s%s", out->n ? ", " : "", list->name);
}

/* Every member of `given` must be in one of the lists. */
static int check_options(const char *what, const json_t *given,
	const struct actor_option *const lists[3], const char **key, char why[256])
{
	const char *name, *should;
	json_t *v;
	char words[160];

	json_object_foreach((json_t *)given, name, v)
	{
		const struct actor_option *o = NULL;
		for (int i = 0; i < 3 && !o; i++)
			o = option_find(lists[i], name);
		*key = name;
		if (!o) {
			struct buf all = {0};
			for (int i = 0; i < 3; i++)
				list_options(lists[i], &all);
			snprintf(why, 256, "%s has no \"%.40s\"; it has: %.150s", what,
				name, all.n ? buf_z(&all) : "nothing");
			buf_free(&all);
			return -EINVAL;
		}
		if ((should = misfit(o, v, words))) {
			snprintf(why, 256, "%s: \"%s\" must be %s", what, name, should);
			return -EINVAL;
		}
	}
	return 0;
}

static const struct actor_kind *check_kind(
	const char *kind, const char **key, char why[256])
{
	const struct actor_kind *k = kind_find(kind);

	*key = NULL;
	if (!k)
		snprintf(why, 256,
			"no actor is of the kind \"%.40s\"; there are wic, sip-peer, "
			"ws-client, https-client, cx-peer",
			kind);
	return k;
}

int actor_check_settings(
	const char *kind, const json_t *settings, const char **key, char why[256])
{
	const struct actor_kind *k = check_kind(kind, key, why);
	if (!k)
		return -EINVAL;
	const struct actor_option *const lists[3] = {k->settings, common_settings, NULL};
	return check_options(kind, settings, lists, key, why);
}

static const struct actor_verb *verb_find(const struct actor_kind *k, const char *name)
{
	for (const struct actor_verb *v = k->verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

/* With the one that was meant, or all as far as there is room. */
static void no_verb(const struct actor_kind *k, const char *verb, char why[256])
{
	const char *words[VERBS_MAX + 1] = {0};
	struct arena a = {0};
	struct buf all = {0};

	for (size_t i = 0; i < VERBS_MAX && k->verbs[i].name; i++) {
		words[i] = k->verbs[i].name;
		buf_fmt(&all, "%s%s", i ? ", " : "", words[i]);
	}
	struct str near = conf_near(str_of(verb), words, &a);
	if (near.n)
		snprintf(why, 256, "a %s has no verb \"%.40s\"" STR_FMT, k->name, verb,
			STR_ARG(near));
	else
		snprintf(why, 256, "a %s has no verb \"%.24s\"; it has: %.180s", k->name, verb,
			buf_z(&all));
	buf_free(&all);
	arena_free(&a);
}

int actor_check_verb(const char *kind, const char *verb, const json_t *options,
	const char **key, char why[256])
{
	const struct actor_kind *k = check_kind(kind, key, why);
	const struct actor_verb *v;
	char what[64];

	if (!k)
		return -EINVAL;
	if (!(v = verb_find(k, verb))) {
		no_verb(k, verb, why);
		return -EINVAL;
	}
	const struct actor_option *const lists[3] = {
		v->options, k->settings_are_options ? k->settings : NULL, NULL};
	snprintf(what, sizeof what, "%s \"%s\"", kind, verb);
	return check_options(what, options, lists, key, why);
}

/* ---- options ---- */

bool option_absent(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));
	return text && !strcmp(text, "absent");
}

const char *option_text(const json_t *o, const char *name, const char *dflt)
{
	const char *text = json_string_value(json_object_get(o, name));
	if (!text)
		return dflt;
	return strcmp(text, "absent") ? text : NULL;
}

struct card_conf actor_usim(const json_t *o)
{
	return (struct card_conf){.k = option_text(o, "k", NULL),
		.op = option_text(o, "op", NULL),
		.opc = option_text(o, "opc", NULL),
		.sqn = option_text(o, "sqn", NULL)};
}

int64_t option_number(const json_t *o, const char *name, int64_t dflt)
{
	const json_t *v = json_object_get(o, name);
	int64_t ms;

	if (json_is_string(v) && !conf_ms(str_of(json_string_value(v)), &ms))
		return ms / 1000;
	return json_is_integer(v) ? json_integer_value(v) : dflt;
}

bool option_switch(const json_t *o, const char *name, bool dflt)
{
	const json_t *v = json_object_get(o, name);
	return json_is_boolean(v) ? json_is_true(v) : dflt;
}

/* ---- life ---- */

int actor_octet(const json_t *settings)
{
	const json_t *v = json_object_get(settings, "address");

	for (size_t i = 0; json_is_string(v) && i < RIG_ELEMENTS; i++)
		if (!strcmp(rig_elements[i].name, json_string_value(v)))
			return rig_elements[i].last_octet;
	return (int)json_integer_value(v);
}

/* `${net}` and the like may stand in settings: they are filled once, here. */
static json_t *filled_settings(struct actor *a, const json_t *settings)
{
	char *text = json_dumps(settings, JSON_COMPACT);
	struct buf filled = {0};
	json_t *out;

	actor_fill(a, str_of(text), NULL, &filled);
	out = json_loadb(filled.p, filled.n, 0, NULL);
	buf_free(&filled);
	free(text);
	return out ? out : json_object();
}

int actor_open(struct rig *rig, const struct actor_decl *decl, const struct addr *addr,
	struct actor **out, char why[256])
{
	struct actor *a = MEM_NEW(struct actor);
	char cause[256] = "";
	int err;

	a->rig = rig;
	a->kind = kind_find(decl->kind);
	a->name = str_dup(str_of(decl->name));
	a->addr = *addr;
	a->host = (struct host){.name = a->name,
		.loop = rig->conf.loop,
		.clock = rig->clock,
		.names = rig->names,
		.n_names = RIG_ELEMENTS};
	chance_init(&a->host.chance, rig->conf.seed, a->name);
	a->host.gate = gate_new(rig->clock);
	a->host.trace =
		trace_sink(rig->clock, a->name, collector_sink, rig->conf.collector);
	a->settings = filled_settings(a, decl->settings);
	err = a->kind ? a->kind->open(a, cause) : -EINVAL;
	if (err) {
		snprintf(why, 256, "%s (%s): %.200s", decl->name, decl->kind, cause);
		actor_free(a);
		return err;
	}
	*out = a;
	return 0;
}

void actor_free(struct actor *a)
{
	gate_free(a->host.gate);
	trace_free(a->host.trace);
	json_decref(a->settings);
	free(a->self);
	free(a->name);
	free(a);
}

/* `${alice.token}`: what an actor has learnt. What is not known yet is waited for while
 * that actor is busy; a name that nobody has stays as it is. */
static int fill_learnt(struct rig *rig, struct str text, struct buf *out, char why[256])
{
	ptrdiff_t at, end;

	while ((at = str_find(text, STR("${"))) >= 0 &&
		(end = str_chr(str_skip(text, (size_t)at), '}')) > 0) {
		struct str whole = {text.p + at, (size_t)end + 1};
		struct str name = {whole.p + 2, whole.n - 3}, who = str_cut(&name, '.');
		char *key = str_dup(who);
		struct actor *a = name.p ? rig_actor(rig, key) : NULL;
		const char *value =
			a && a->kind->learnt ? a->kind->learnt(a, name) : NULL;
		free(key);
		if (!value && a && a->kind->busy && a->kind->busy(a)) {
			snprintf(why, 256, "%s has not been told ${" STR_FMT "}", a->name,
				STR_ARG(name));
			return -EAGAIN;
		}
		buf_put(out, text.p, (size_t)at);
		buf_add(out, value ? str_of(value) : whole);
		text = str_skip(text, (size_t)at + whole.n);
	}
	buf_add(out, text);
	return 0;
}

static int fill_options(struct rig *rig, json_t *in, char why[256])
{
	const char *key;
	json_t *v;
	size_t i;
	int err = 0;

	json_object_foreach(in, key, v)
	{
		struct buf filled = {0};
		if (!json_is_string(v)) {
			err = fill_options(rig, v, why);
		} else if (strstr(json_string_value(v), "${")) {
			err = fill_learnt(
				rig, str_of(json_string_value(v)), &filled, why);
			json_string_setn(v, filled.p ? filled.p : "", filled.n);
		}
		buf_free(&filled);
		if (err)
			return err;
	}
	json_array_foreach(in, i, v) if (!err && !json_is_string(v)) err =
		fill_options(rig, v, why);
	return err;
}

int actor_do(struct actor *a, const char *verb, const json_t *options, char why[256])
{
	const struct actor_verb *v = verb_find(a->kind, verb);
	json_t *all = json_object();
	int err;

	if (!v) {
		snprintf(why, 256, "a %s has no such verb", a->kind->name);
		json_decref(all);
		return -EINVAL;
	}
	if (a->kind->settings_are_options)
		json_object_update(all, a->settings);
	json_object_update(all, (json_t *)options);
	json_t *own = json_deep_copy(all);
	json_decref(all);
	all = own;
	err = fill_options(a->rig, all, why);
	if (!err)
		err = v->run(a, all, why);
	json_decref(all);
	return err;
}

void actor_warn(struct actor *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->reason, sizeof a->reason, fmt, ap);
	va_end(ap);
	log_info(a->name, "%s", a->reason);
}

/* ---- texts and targets ---- */

/* "${pad:N}": N letters, for what must be too long. */
static bool put_pad(struct str name, struct buf *out)
{
	uint32_t n;

	if (!str_starts(name, STR("pad:")) || str_u32(str_skip(name, 4), &n) ||
		n > MAX_PAD)
		return false;
	while (n--)
		buf_byte(out, 'x');
	return true;
}

void actor_fill(struct actor *a, struct str text, actor_var_h *find, struct buf *out)
{
	const struct rig_var *vars = lab_vars(a->rig, NULL);
	ptrdiff_t at, end;

	while ((at = str_find(text, STR("${"))) >= 0 &&
		(end = str_chr(str_skip(text, (size_t)at), '}')) > 0) {
		struct str whole = {text.p + at, (size_t)end + 1};
		struct str name = {whole.p + 2, whole.n - 3};
		const struct rig_var *v = vars;
		buf_put(out, text.p, (size_t)at);
		while (v->name && !str_eq(str_of(v->name), name))
			v++;
		if (v->name)
			buf_add(out, str_of(v->value));
		else if (str_eq(name, STR("addr")))
			buf_add(out, str_of(addr_host(&a->addr)));
		else if (!put_pad(name, out) && (!find || !find(a, name, out)))
			buf_add(out, whole);
		text = str_skip(text, (size_t)at + whole.n);
	}
	buf_add(out, text);
}

void actor_crlf(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\n' && (!i || text.p[i - 1] != '\r'))
			buf_byte(out, '\r');
		buf_byte(out, text.p[i]);
	}
}

int actor_hex(const char *hex, struct buf *out, char why[256])
{
	char digits[2];
	size_t n = 0;

	for (const char *p = hex; *p; p++) {
		uint8_t byte;
		if (*p == ' ' || *p == '\n' || *p == '\t')
			continue;
		digits[n++] = *p;
		if (n < 2)
			continue;
		if (str_hex((struct str){digits, 2}, &byte, 1))
			break;
		buf_u8(out, byte);
		n = 0;
	}
	if (!n)
		return 0;
	snprintf(why, 256, "not pairs of hex digits: \"%.40s\"", hex);
	return -EINVAL;
}

int actor_target(
	struct actor *a, const char *to, uint16_t port, struct addr *out, char why[256])
{
	struct str host = str_of(to), digits = STR_NONE;
	ptrdiff_t colon = str_chr(host, ':');
	uint32_t n = port;

	if (!addr_parse(host, port, out))
		return 0;
	if (colon >= 0) {
		digits = str_skip(host, (size_t)colon + 1);
		host.n = (size_t)colon;
	}
	char *name = str_dup(host);
	bool found = (!digits.p || !str_u32(digits, &n)) &&
		     (rig_find_addr(a->rig, name, out) ||
			     !host_resolve(&a->host, host, port, out));
	free(name);
	if (!found) {
		snprintf(why, 256, "nothing here is named \"%s\"", to);
		return -ENOENT;
	}
	addr_set_port(out, (uint16_t)n);
	return 0;
}

int actor_tls(struct actor *a, const char *certificate, bool server, struct tls **out,
	char why[256])
{
	bool foreign = certificate && !strcmp(certificate, "foreign");
	const char *name = foreign || !certificate || !strcmp(certificate, "own")
				   ? a->name
				   : certificate;
	char cert[600], key[600], ca[600];
	struct tls_conf conf = {.ca = ca, .clock = a->rig->clock};
	struct addr addr = a->addr;
	int err;

	snprintf(ca, sizeof ca, "%s/ca.pem", a->rig->dir);
	if (certificate && strcmp(certificate, "none")) {
		rig_find_addr(a->rig, name, &addr);
		if ((err = lab_issue(a->rig, name, &addr, foreign, why)))
			return err;
		snprintf(cert, sizeof cert, "%s/%s%s.pem", a->rig->dir,
			foreign ? "foreign-" : "", name);
		snprintf(key, sizeof key, "%s/%s%s-key.pem", a->rig->dir,
			foreign ? "foreign-" : "", name);
		conf.cert = cert;
		conf.key = key;
	}
	return tls_new(&conf, server, out, why);
}
