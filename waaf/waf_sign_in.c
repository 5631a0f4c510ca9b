/* Sign-ins under way: what a WWSF asked for while its user looks at the WAF's page. Each form
 * that is shown has an id of its own, good for one answer.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/metric.h"
#include "waaf/waf.h"

METRIC_IDLE(sign_ins_now, "imsrig_waf_sign_ins", "users on the sign-in page");

static struct waf_sign_in *sign_ins;

void waf_sign_in_end(struct waf_sign_in *s)
{
	HASH_DEL(sign_ins, s);
	sign_ins_now.value = (int64_t)HASH_COUNT(sign_ins);
	timer_stop(&s->timer);
	free(s->redirect_uri);
	free(s->state);
	free(s->scope);
	free(s->challenge);
	free(s);
}

static void on_end(struct timer *t, void *arg)
{
	waf_sign_in_end(arg);
}

static void add(struct waf_sign_in *s)
{
	chance_hex(&waf.host->chance, s->id, (WAF_SIGN_IN_SIZE - 1) / 2);
	HASH_ADD(hh, sign_ins, id, WAF_SIGN_IN_SIZE - 1, s);
	sign_ins_now.value = (int64_t)HASH_COUNT(sign_ins);
}

static char *copy(struct str s)
{
	return s.n ? str_dup(s) : NULL;
}

struct waf_sign_in *waf_sign_in_new(struct waf_wwsf *w, struct str redirect_uri,
	struct str state, struct str scope, struct str challenge)
{
	struct waf_sign_in *s = MEM_NEW(struct waf_sign_in);

	/* Anybody may open the page: who opens many must not keep others out. */
	if ((int64_t)HASH_COUNT(sign_ins) >= waf.conf->limits.sign_ins)
		waf_sign_in_end(sign_ins); /* the oldest: uthash keeps the order */
	s->wwsf = w;
	s->redirect_uri = str_dup(redirect_uri);
	s->state = copy(state);
	s->scope = str_dup(scope);
	s->challenge = str_dup(challenge);
	add(s);
	timer_start(waf.host->clock, &s->timer, waf.conf->sign_in_life_ms, on_end, s);
	return s;
}

struct waf_sign_in *waf_sign_in_find(struct str id)
{
	struct waf_sign_in *s = NULL;
	if (id.n == WAF_SIGN_IN_SIZE - 1)
		HASH_FIND(hh, sign_ins, id.p, id.n, s);
	return s;
}

void waf_sign_in_again(struct waf_sign_in *s)
{
	HASH_DEL(sign_ins, s);
	add(s);
}

void waf_sign_ins_reset(void)
{
	struct waf_sign_in *s, *next;
	HASH_ITER(hh, sign_ins, s, next)
		waf_sign_in_end(s);
}
