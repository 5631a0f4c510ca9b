/* Answers of W4: JSON, refusals, and the audit line.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "waaf/waf.h"

#define HELP "requests that the WAF refused"
#define X(id, status, error, label, text)                                                  \
	METRIC_COUNTER(no_##id, "imsrig_waf_refused_total{reason=\"" label "\"}", HELP);
#include "waaf/waf_refuse.def"
#undef X

static const struct {
	int status;
	const char *error, *label, *text;
	struct metric *counter;
} refusals[] = {
	{200, "", "issued", "", NULL},
#define X(id, status, error, label, text) {status, error, label, text, &no_##id},
#include "waaf/waf_refuse.def"
#undef X
};

#define FIELDS                                                                             \
	"Content-Type: application/json\r\nCache-Control: no-store\r\nPragma: no-cache\r\n" \
	"X-Content-Type-Options: nosniff\r\n"

static void answer(struct http_req *req, int status, struct str fields, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);
	http_answer(req, status, fields, str_of(text));
	free(text);
	json_decref(body);
}

void waf_answer_json(struct http_req *req, int status, json_t *body)
{
	answer(req, status, STR(FIELDS), body);
}

void waf_count_refusal(enum waf_refusal no)
{
	if (no != WAF_GOOD)
		refusals[no].counter->value++;
}

const char *waf_refusal_error(enum waf_refusal no)
{
	return refusals[no].error;
}

const char *waf_refusal_text(enum waf_refusal no)
{
	return refusals[no].text;
}

int waf_refusal_status(enum waf_refusal no)
{
	return refusals[no].status;
}

void waf_refuse(struct http_req *req, enum waf_refusal no)
{
	int status = refusals[no].status;

	waf_count_refusal(no);
	answer(req, status,
		status == 429 || status == 503 ? STR(FIELDS "Retry-After: 1\r\n") : STR(FIELDS),
		json_pack("{s:s, s:s}", "error", refusals[no].error, "error_description",
			refusals[no].text));
}

static const char *or_none(struct str s)
{
	return s.n ? log_text(s) : "-";
}

void waf_audit(const struct waf_audit *a)
{
	log_line(a->outcome == WAF_GOOD ? LOG_INFO : LOG_WARN, "audit",
		"%s wwsf=%s user=%s impi=%s jti=%s outcome=%s", a->what, or_none(a->wwsf),
		or_none(a->user), or_none(a->impi), or_none(a->jti),
		a->outcome == WAF_GOOD ? "good" : refusals[a->outcome].label);
}
