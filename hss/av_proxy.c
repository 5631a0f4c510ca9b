/* The AV proxy.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/av_proxy.h"

#include <stdio.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/cx/within.h"
#include "hss/av_admin.h"

METRIC_COUNTER(vectors, "imsrig_hss_avproxy_vectors_total", "vectors that the AV proxy gave out");
METRIC_COUNTER(unknown, "imsrig_hss_avproxy_refused_total{reason=\"unknown\"}",
	"vectors that it refused");
METRIC_COUNTER(other_wwsf, "imsrig_hss_avproxy_refused_total{reason=\"other-wwsf\"}",
	"vectors that it refused");
METRIC_COUNTER(too_old, "imsrig_hss_avproxy_refused_total{reason=\"stale\"}",
	"vectors that it refused");
METRIC_COUNTER(broken, "imsrig_hss_avproxy_refused_total{reason=\"store\"}",
	"vectors that it refused");
METRIC_GAUGE(synchronised, "imsrig_hss_avproxy_synchronised_timestamp_seconds",
	"when the oldest synchronisation of the AV proxy was made, since 1970; 0: there is none");

static struct cx_within proxy;         /* between the HSS and it */

/* ---- MAR ---- */

static void refuse(struct cx_msg *maa, const struct cx_msg *mar, struct cx_result result,
	struct metric *count, const char *why)
{
	count->value++;
	log_warn("avproxy", "no vector for %s at %s: %s", log_text(mar->user_name),
		log_text(mar->wwsf_name), why);
	maa->result = result;
}

static void give(struct cx_msg *maa, const struct cx_msg *mar, const struct av_vector *v)
{
	vectors.value++;
	maa->result = CX_RESULT(DIAMETER_SUCCESS);
	maa->user_name = mar->user_name;
	maa->auth_items = 1;
	maa->has_auth_data = true;
	maa->auth_scheme = STR("SIP Digest");
	maa->digest_realm = v->realm;
	maa->digest_qop = STR("auth");
	maa->digest_ha1 = v->ha1[DIGEST_MD5];
	maa->alternate_ha1 = v->ha1[DIGEST_SHA256];
	if (maa->digest_ha1.p)
		maa->digest_algorithm = STR("MD5");
	if (maa->alternate_ha1.p)
		maa->alternate_algorithm = STR("SHA-256");
}

static void serve(const struct cx_msg *mar, struct cx_msg *maa, void *arg)
{
	struct av_vector v;
	int found = av_store_vector(hss.av, mar->user_name, mar->wwsf_name, &hss.arena, &v);
	int64_t age_ms = clock_wall_ms(hss.host->clock) - v.synchronised_ms;
	char why[200];

	if (found == AV_UNKNOWN) {
		refuse(maa, mar, CX_EXPERIMENTAL(CX_USER_UNKNOWN), &unknown,
			"no synchronisation has that web identity");
	} else if (found == AV_OTHER_WWSF) {
		refuse(maa, mar, CX_EXPERIMENTAL(CX_IDENTITIES_DONT_MATCH), &other_wwsf,
			"the web identity is another WWSF's");
	} else if (found != AV_FOUND) {
		refuse(maa, mar, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), &broken, "the store has a fault");
	} else if (hss.conf->av.max_age_ms && age_ms > hss.conf->av.max_age_ms) {
		snprintf(why, sizeof why, "the synchronisation is %lld s old, %lld s are allowed; import "
			"a new one", (long long)(age_ms / 1000),
			(long long)(hss.conf->av.max_age_ms / 1000));
		refuse(maa, mar, CX_RESULT(DIAMETER_UNABLE_TO_COMPLY), &too_old, why);
	} else {
		give(maa, mar, &v);
	}
}

void av_proxy_ask(const struct cx_msg *mar, cx_answer_h *h, void *arg)
{
	cx_within_ask(&proxy, mar, h, arg);
}

/* ---- synchronisation ---- */

static bool registered(struct str impi, struct str impu, void *arg)
{
	struct arena a = {0};
	struct found f;
	bool is = !store_find(hss.store, impi, impu, &a, &f) && f.associated &&
		(f.state != NOT_REGISTERED || f.auth_pending);
	arena_free(&a);
	return is;
}

static struct av_import now(void)
{
	return (struct av_import){.now_ms = clock_wall_ms(hss.host->clock),
		.max_age_ms = hss.conf->av.max_age_ms, .registered = registered};
}

static void note(const char *wwsf, int64_t users, int64_t withdrawn)
{
	log_info("avproxy", "synchronised with %s: %lld users, %lld withdrawn", wwsf,
		(long long)users, (long long)withdrawn);
}

static void measure(void)
{
	json_t *o = av_store_status(hss.av, 0, 0);
	synchronised.value = json_integer_value(json_object_get(o, "oldest_ms")) / 1000;
	json_decref(o);
}

json_t *av_proxy_command(const json_t *args)
{
	const char *cmd = json_string_value(json_object_get(args, "cmd"));
	struct av_import like = now();
	if (!cmd || !str_starts(str_of(cmd), STR("avproxy.")))
		return NULL;
	if (!hss.av)
		return json_pack("{s:b, s:s}", "ok", 0, "why",
			"this HSS has no AV proxy (av-proxy in its configuration)");
	json_t *answer = av_command(hss.av, &like, args);
	const char *wwsf = json_string_value(json_object_get(answer, "wwsf"));
	if (wwsf)
		note(wwsf, json_integer_value(json_object_get(answer, "users")),
			json_integer_value(json_object_get(answer, "withdrawn")));
	measure();
	return answer;
}

static int import(const char *path, char why[512])
{
	struct av_import i = now();
	struct av_imported done;
	i.path = path;
	i.changed = true;
	int err = av_store_import(hss.av, &i, &done, why);
	if (!err && done.same)
		log_info("avproxy", "%s says nothing that %s has not said before", path, done.wwsf);
	else if (!err)
		note(done.wwsf, done.users, done.withdrawn);
	return err;
}

/* ---- start and stop ---- */

int av_proxy_start(char why[512])
{
	const struct hss_av_conf *k = &hss.conf->av;
	char *const *files = k->files.items;

	if (!k->database)
		return 0;
	int err = av_store_open(k->database, k->key, &hss.av, why);
	for (size_t i = 0; !err && i < k->files.n; i++)
		err = import(files[i], why);
	if (err)
		return err;
	measure();
	proxy = (struct cx_within){
		.host = hss.host,
		.realm = hss.conf->cx.realm,
		.asks = hss.conf->cx.identity,
		.answers = k->identity,
		.asks_at = hss.conf->cx.listen,
		.answers_at = k->address,
		.serve = serve,
	};
	return 0;
}

void av_proxy_stop(void)
{
	if (!hss.av)
		return;
	gate_forget(hss.host->gate, &proxy);
	av_store_close(hss.av);
	hss.av = NULL;
}
