/* The HSS: its start, and what its procedures share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/av_proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"

METRIC_COUNTER(uars, "imsrig_hss_uar_total", "UARs served");
METRIC_COUNTER(mars, "imsrig_hss_mar_total", "MARs served");
METRIC_COUNTER(sars, "imsrig_hss_sar_total", "SARs served");
METRIC_COUNTER(lirs, "imsrig_hss_lir_total", "LIRs served");
METRIC_COUNTER(refusals, "imsrig_hss_refused_total", "Cx requests refused");
METRIC_GAUGE(subscriptions, "imsrig_hss_subscriptions", "Subscriptions provided for");

struct hss hss;

/* ---- what procedures share ---- */

bool hss_listed(struct str list, struct str word)
{
	for (struct str w; list.n && (w = str_cut(&list, ' ')).n;)
		if (str_ieq(w, word))
			return true;
	return false;
}

static void take_numbers(struct str list, uint32_t *out, uint8_t *n)
{
	for (struct str word; list.n && (word = str_cut(&list, ' ')).n && *n < CX_MAX_CAPABILITIES;)
		if (str_u32(word, &out[*n]) == 0)
			++*n;
}

void hss_put_capabilities(const struct found *f, struct cx_msg *answer)
{
	struct cx_capabilities *c = &answer->capabilities;
	struct str names = f->server_names;
	take_numbers(f->mandatory, c->mandatory, &c->n_mandatory);
	take_numbers(f->optional, c->optional, &c->n_optional);
	for (struct str word; names.n && (word = str_cut(&names, ' ')).n &&
		c->n_names < CX_MAX_CAPABILITIES;)
		c->names[c->n_names++] = word;
	c->present = c->n_mandatory || c->n_optional || c->n_names;
}

void hss_refuse(struct cx_req *req, const struct cx_msg *m, struct cx_result result,
	const char *why)
{
	struct str impu = m->n_public_identity ? m->public_identity[0] : STR_NONE;
	struct cx_msg answer = {.result = result};
	refusals.value++;
	log_info("cx", "%s of %s, %s refused with %s: %s", cx_command_name(m->command, true),
		log_text(m->user_name), log_text(impu), cx_result_name(result), why);
	cx_answer(req, &answer);
}

void hss_refuse_avp(struct cx_req *req, const struct cx_msg *m, uint32_t code,
	const char *avp, const char *why)
{
	struct cx_msg answer = {.result = CX_RESULT(code), .failed_avp = str_of(avp)};
	refusals.value++;
	log_info("cx", "%s of %s refused with %s: %s (%s)", cx_command_name(m->command, true),
		log_text(m->user_name), cx_result_name(answer.result), why, avp);
	cx_answer(req, &answer);
}

static bool find(struct cx_req *req, const struct cx_msg *m, struct str impu, struct found *f)
{
	struct str canonical = impu_canonical(impu, &hss.arena);
	memset(f, 0, sizeof *f);
	if (!canonical.p)
		return true; /* no identity of ours */
	int err = store_find(hss.store, m->user_name, canonical, &hss.arena, f);
	if (!err && hss.av && m->user_name.p && !f->has_impi)
		err = hss_find_web(m, canonical, f);
	if (!err)
		return true;
	hss_refuse(req, m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), "database fault");
	return false;
}

bool hss_find_any(struct cx_req *req, const struct cx_msg *m, struct str impu, struct found *f,
	struct str *wildcard)
{
	*wildcard = STR_NONE;
	if (!find(req, m, impu, f))
		return false;
	if (f->has_impu)
		return true;
	struct str named = m->wildcard.p ? impu_canonical(m->wildcard, &hss.arena) : STR_NONE;
	*wildcard = store_wildcard(hss.store, impu_canonical(impu, &hss.arena), named);
	return !wildcard->p || find(req, m, *wildcard, f);
}

bool hss_is_distinct(const struct found *f)
{
	return f->kind == IMPU_DISTINCT || (f->kind == IMPU_WILDCARD && hss.conf->explicit_wildcard);
}

/* 1: a pool's; else 0, and -EIO for a database fault. */
static int find_pooled(const struct cx_msg *m, struct found *f)
{
	if (f->has_impi || f->has_impu)
		return 0;
	struct str impu = impu_canonical(m->public_identity[0], &hss.arena);
	return store_pooled(hss.store, m->user_name, impu, &hss.arena, f);
}

bool hss_find_pair(struct cx_req *req, const struct cx_msg *m, struct found *f)
{
	if (!find(req, m, m->public_identity[0], f))
		return false;
	if (find_pooled(m, f) < 0)
		hss_refuse(req, m, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), "database fault");
	else if (!f->has_impi || !f->has_impu)
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_USER_UNKNOWN), "unknown identity");
	else if (!hss_is_distinct(f))
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_USER_UNKNOWN), "not a distinct identity");
	else if (!f->associated)
		hss_refuse(req, m, CX_EXPERIMENTAL(CX_IDENTITIES_DONT_MATCH),
			"the public identity is not of that private one");
	else
		return true;
	return false;
}

/* ---- requests ---- */

static void on_request(struct cx_req *req, const struct cx_msg *m, void *arg)
{
	switch (m->command) {
	case CX_UA:
		uars.value++;
		hss_uar(req, m);
		break;
	case CX_MA:
		mars.value++;
		hss_mar(req, m);
		break;
	case CX_SA:
		sars.value++;
		hss_sar(req, m);
		break;
	case CX_LI:
		lirs.value++;
		hss_lir(req, m);
		break;
	default:
		hss_refuse(req, m, CX_RESULT(DIAMETER_COMMAND_UNSUPPORTED), "not served");
		break;
	}
	arena_free(&hss.arena);
}

static void on_batch_begin(void *arg)
{
	store_begin(hss.store);
}

/* What is not in the database did not happen: no answer may say it did. */
static void on_batch_end(void *arg)
{
	if (store_commit(hss.store))
		cx_batch_refuse(hss.cx, DIAMETER_UNABLE_TO_COMPLY);
}

/* ---- start and stop ---- */

int hss_check(const void *conf, char why[512])
{
	const struct hss_conf *k = conf;
	const struct conf_list *files = &k->subscribers, *av = &k->av.files;
	int err = 0;
	for (size_t i = 0; !err && i < files->n; i++) {
		struct subscriptions all;
		struct arena a = {0};
		err = subscriptions_load(((char **)files->items)[i], &all, &a, why);
		arena_free(&a);
	}
	for (size_t i = 0; !err && i < av->n; i++)
		err = av_file_check(((char **)av->items)[i], why);
	return err;
}

static int load_file(const char *path, bool replace, int64_t added[3], char why[512])
{
	struct subscriptions all;
	struct arena a = {0};
	int err = subscriptions_load(path, &all, &a, why);
	const struct subscription *s = all.items.items;
	for (size_t i = 0; !err && i < all.items.n; i++) {
		enum store_added how;
		err = store_add(hss.store, &s[i], replace, &how, why);
		if (!err)
			added[how]++;
	}
	arena_free(&a);
	return err;
}

void hss_count(void)
{
	subscriptions.value = store_count(hss.store);
}

int hss_load(bool replace, char why[512])
{
	int64_t added[3] = {0};
	const struct conf_list *files = &hss.conf->subscribers;
	int err = store_begin_all(hss.store);
	for (size_t i = 0; !err && i < files->n; i++)
		err = load_file(((char **)files->items)[i], replace, added, why);
	if (err) {
		store_undo_all(hss.store);
		return err;
	}
	if (store_commit(hss.store)) {
		snprintf(why, 512, "the database has a fault");
		return -EIO;
	}
	hss_count();
	log_info("hss", "subscriptions: %lld added, %lld replaced, %lld as they were, %lld in all",
		(long long)added[STORE_ADDED], (long long)added[STORE_REPLACED],
		(long long)added[STORE_SAME], (long long)subscriptions.value);
	return 0;
}

static int listen_cx(hss_dead_h *dead, char why[512])
{
	static struct cx_h h = {.request = on_request, .batch_begin = on_batch_begin,
		.batch_end = on_batch_end};
	const struct hss_conf *k = hss.conf;
	const struct hss_peer *from = k->cx.peers.items;
	struct cx_peer *peers = mem_zalloc((k->cx.peers.n + 1) * sizeof *peers);
	char cause[256];

	h.dead = dead;
	for (size_t i = 0; i < k->cx.peers.n; i++)
		peers[i] = (struct cx_peer){from[i].host, from[i].addr};
	struct cx_conf conf = {
		.identity = k->cx.identity,
		.realm = k->cx.realm,
		.listen = k->cx.listen,
		.local = k->cx.listen,
		.peers = peers,
		.n_peers = k->cx.peers.n,
		.server = true,
		.max_outstanding = (int)k->cx.max_outstanding,
	};
	int err = cx_start(hss.host, &conf, &h, NULL, &hss.cx, cause);
	if (err)
		snprintf(why, 512, "Cx: %s", cause);
	free(peers);
	return err;
}

int hss_start(struct host *host, const struct hss_conf *conf, hss_dead_h *dead, char why[512])
{
	hss = (struct hss){.host = host, .conf = conf};
	int err = store_open(conf->database, &hss.store, why);
	if (!err)
		err = store_unlock(hss.store, conf->seal_key, why);
	if (!err)
		err = hss_load(true, why);
	if (!err)
		err = av_proxy_start(why);
	return err ? err : listen_cx(dead, why);
}

void hss_stop(void)
{
	if (hss.cx)
		cx_stop(hss.cx);
	av_proxy_stop();
	if (hss.store)
		store_close(hss.store);
	hss.cx = NULL;
	hss.store = NULL;
}
