/* Transaction timers (RFC 3261 table 4 and 16.6, RFC 4320, RFC 6026; values of TS 24.229
 * 7.7), and the clock of one transaction.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/sip/inner.h"

enum unit { UNIT_MS, UNIT_T1, UNIT_T2, UNIT_T4 };
enum use { ANY_HOP, UNRELIABLE, ZERO_IF_RELIABLE };

static const struct timer_row {
	const char *name, *what;
	int32_t factor;
	uint8_t unit, use;
} rows[TIMER_COUNT] = {
	[TIMER_A] = {"A", "INVITE request again", 1, UNIT_T1, UNRELIABLE},
	[TIMER_B] = {"B", "INVITE unanswered", 64, UNIT_T1, ANY_HOP},
	[TIMER_C] = {"C", "forwarded INVITE unanswered", 181000, UNIT_MS, ANY_HOP},
	[TIMER_D] = {"D", "wait for responses again", 64, UNIT_T1, ZERO_IF_RELIABLE},
	[TIMER_E] = {"E", "request again", 1, UNIT_T1, UNRELIABLE},
	[TIMER_F] = {"F", "request unanswered", 64, UNIT_T1, ANY_HOP},
	[TIMER_G] = {"G", "INVITE response again", 1, UNIT_T1, UNRELIABLE},
	[TIMER_H] = {"H", "no ACK", 64, UNIT_T1, ANY_HOP},
	[TIMER_I] = {"I", "wait for ACKs again", 1, UNIT_T4, ZERO_IF_RELIABLE},
	[TIMER_J] = {"J", "wait for requests again", 64, UNIT_T1, ZERO_IF_RELIABLE},
	[TIMER_K] = {"K", "wait for responses again", 1, UNIT_T4, ZERO_IF_RELIABLE},
	[TIMER_L] = {"L", "accepted INVITE again", 64, UNIT_T1, ANY_HOP},
	[TIMER_M] = {"M", "2xx to an INVITE again", 64, UNIT_T1, ANY_HOP},
	[TIMER_TRYING] = {"100", "INVITE without response", 200, UNIT_MS, ANY_HOP},
	/* when timer E reaches T2: 1 + 2 + 4 times T1 (RFC 4320 4.1) */
	[TIMER_TRYING_LATE] = {"100 late", "request without response", 7, UNIT_T1,
		ANY_HOP},
};

int64_t tx_timer_ms(enum tx_timer t, const struct sip_timers *v, bool reliable)
{
	const struct timer_row *r = &rows[t];
	const int64_t unit[] = {[UNIT_MS] = 1,
		[UNIT_T1] = v->t1_ms,
		[UNIT_T2] = v->t2_ms,
		[UNIT_T4] = v->t4_ms};
	if (reliable && r->use != ANY_HOP)
		return r->use == UNRELIABLE ? -1 : 0;
	return r->factor * unit[r->unit];
}

const char *tx_timer_name(enum tx_timer t)
{
	return rows[t].name;
}

void pulse_repeat(
	struct pulse *p, const struct clock *c, int64_t first_ms, int64_t most_ms)
{
	p->interval = (int32_t)first_ms;
	p->most = (int32_t)most_ms;
	p->next = clock_ms(c) + first_ms;
}

void pulse_quiet(struct pulse *p)
{
	p->next = INT64_MAX;
}

void pulse_end(struct pulse *p, const struct clock *c, int64_t ms)
{
	p->end = clock_ms(c) + ms;
}

void pulse_arm(struct pulse *p, struct clock *c, timer_h *h, void *arg)
{
	int64_t due = p->next < p->end ? p->next : p->end, wait = due - clock_ms(c);
	if (due == INT64_MAX)
		timer_stop(&p->timer);
	else
		timer_start(c, &p->timer, wait > 0 ? wait : 0, h, arg);
}

enum pulse_what pulse_fired(struct pulse *p, const struct clock *c)
{
	int64_t now = clock_ms(c);
	if (now >= p->end)
		return PULSE_END;
	if (now < p->next)
		return PULSE_EARLY;
	int64_t longer = (int64_t)p->interval * 2;
	p->interval = (int32_t)(p->most && longer > p->most ? p->most : longer);
	p->next += p->interval; /* from when it was due, so that delays don't add up */
	if (p->next <= now)
		p->next = now + p->interval;
	return PULSE_REPEAT;
}
