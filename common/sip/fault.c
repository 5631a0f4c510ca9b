/* Messages that can't be handled: counted by reason, logged at a bounded rate, answered
 * where an answer can be made.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"
#include "common/sip/inner.h"

enum { LINES_A_SECOND = 20 };

/* A peer that sends rubbish must not fill the log. */
static bool may_log(const struct sip_stack *s)
{
	static int64_t since;
	static unsigned lines, more;
	int64_t now = clock_ms(s->host->clock);

	if (now - since >= 1000 || now < since) {
		if (more)
			log_warn("sip", "%u more lines about faulty messages suppressed",
				more);
		since = now;
		lines = more = 0;
	}
	if (lines++ < LINES_A_SECOND)
		return true;
	more++;
	return false;
}

void fault_note(const struct sip_stack *s, const struct sip_hop *from, const char *why,
	const char *done)
{
	count_fault(why);
	if (may_log(s))
		log_warn("sip", "%s %s: %s, %s", sip_transport_name(from->transport),
			addr_text(&from->remote), why, done);
}

void fault_drop(struct sip_stack *s, const struct sip_hop *from, const char *why)
{
	fault_note(s, from, why, "dropped");
	if (!s->closed && s->h->garbage)
		s->h->garbage(s, from, s->arg);
}

void fault_message(struct sip_stack *s, const struct sip_hop *from,
	const struct sip_msg *m, const struct sip_fault *fault)
{
	char done[32];
	if (!fault->status) {
		fault_drop(s, from, fault->why);
		return;
	}
	snprintf(done, sizeof done, "answered %d", fault->status);
	fault_note(s, from, fault->why, done);
	stack_answer_stateless(s, from, m, fault->status, fault->why, STR_NONE);
}
