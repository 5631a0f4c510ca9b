/* Transaction timers (RFC 3261 table 4 and 16.6, RFC 4320, RFC 6026; values of TS 24.229
 * 7.7), and the clock of one transaction.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/sip/inner.h"

enum unit { UNIT_MS, UNIT_T1, UNIT_T2, UNIT_T4 };
enum use { ANY_HOP, UNRELIABLE, ZERO_IF_RELIABLE };

static const struct timer_row {
	int32_t factor;
	uint8_t unit, use;
} rows[TIMER_COUNT] = {
	[TIMER_A] = {1, UNIT_T1, UNRELIABLE}, /* INVITE request again */
	[TIMER_B] = {64, UNIT_T1, ANY_HOP}, /* INVITE unanswered */
	[TIMER_C] = {181000, UNIT_MS, ANY_HOP}, /* forwarded INVITE unanswered */
	[TIMER_D] = {64, UNIT_T1, ZERO_IF_RELIABLE}, /* wait for responses again */
	[TIMER_E] = {1, UNIT_T1, UNRELIABLE}, /* request again */
	[TIMER_F] = {64, UNIT_T1, ANY_HOP}, /* request unanswered */
	[TIMER_G] = {1, UNIT_T1, UNRELIABLE}, /* INVITE response again */
	[TIMER_H] = {64, UNIT_T1, ANY_HOP}, /* no ACK */
	[TIMER_I] = {1, UNIT_T4, ZERO_IF_RELIABLE}, /* wait for ACKs again */
	[TIMER_J] = {64, UNIT_T1, ZERO_IF_RELIABLE}, /* wait for requests again */
	[TIMER_K] = {1, UNIT_T4, ZERO_IF_RELIABLE}, /* wait for responses again */
	[TIMER_L] = {64, UNIT_T1, ANY_HOP}, /* accepted INVITE again */
	[TIMER_M] = {64, UNIT_T1, ANY_HOP}, /* 2xx to an INVITE again */
	[TIMER_TRYING] = {200, UNIT_MS, ANY_HOP}, /* INVITE without response */
	/* when timer E reaches T2: 1 + 2 + 4 times T1 (RFC 4320 4.1) */
	[TIMER_TRYING_LATE] = {7, UNIT_T1, ANY_HOP}, /* request without response */
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
