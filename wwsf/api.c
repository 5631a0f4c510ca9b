/* What the JSON API's procedures share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/api.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/base/throttle.h"
#include "common/crypto/json.h"

METRIC_COUNTER(refused, "imsrig_wwsf_refused_total", "requests of the JSON API refused");
METRIC_COUNTER(throttled, "imsrig_wwsf_throttled_total", "attempts not even looked at");

/* ---- answers ---- */

void api_answer(struct http_req *req, int status, struct str more, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);
	struct str fields = arena_fmt(http_req_arena(req),
		API_FIELDS "Content-Type: application/json\r\n" STR_FMT, STR_ARG(more));
	http_answer(req, status, fields, str_of(text));
	free(text);
	json_decref(body);
}

void api_refuse(struct http_req *req, int status, const char *word)
{
	refused.value++;
	log_info("api", STR_FMT " from %s: %d %s", STR_ARG(http_req_msg(req)->path),
		addr_text(http_req_remote(req)), status, word);
	api_answer(req, status, STR(""), json_pack("{s:s}", "error", word));
}

void api_refuse_later(struct http_req *req, int status, const char *word, int64_t retry_s)
{
	refused.value++;
	log_info("api", STR_FMT " from %s: %d %s", STR_ARG(http_req_msg(req)->path),
		addr_text(http_req_remote(req)), status, word);
	api_answer(req, status,
		arena_fmt(http_req_arena(req), "Retry-After: %lld\r\n",
			(long long)(retry_s > 0 ? retry_s : 1)),
		json_pack("{s:s}", "error", word));
}

/* ---- checks ---- */

bool api_admit(struct throttle *t, struct str key, struct http_req *req)
{
	int64_t wait_ms = throttle_take(t, key);
	if (!wait_ms)
		return true;
	throttled.value++;
	log_warn("throttle", "%s: too many attempts from %s", log_text(key),
		addr_text(http_req_remote(req)));
	api_refuse_later(req, 429, "too_many_attempts", (wait_ms + 999) / 1000);
	return false;
}

const char *api_edge(const struct http_req *req)
{
	return wwsf_edge_for(wwsf.conf, http_field(http_req_msg(req), STR("Host")));
}

static bool own_origin(struct str origin)
{
	for (size_t i = 0; wwsf_origin(wwsf.conf, i); i++)
		if (str_eq(str_of(wwsf_origin(wwsf.conf, i)), origin))
			return true;
	return false;
}

/* A browser sends Origin with every POST; what sends neither field is no browser, and has no
 * cookie of somebody else. */
bool api_same_site(struct http_req *req)
{
	const struct http_msg *m = http_req_msg(req);
	struct str origin = http_field(m, STR("Origin"));
	struct str site = http_field(m, STR("Sec-Fetch-Site"));

	if (http_field_count(m, STR("Origin")) <= 1 && (!origin.p || own_origin(origin)) &&
		http_field_count(m, STR("Sec-Fetch-Site")) <= 1 &&
		(!site.p || str_eq(site, STR("same-origin")) || str_eq(site, STR("none"))))
		return true;
	log_warn("api", "request from another site: Origin %s", log_text(origin));
	api_refuse(req, 403, "cross_site");
	return false;
}

json_t *api_body(struct http_req *req)
{
	static const struct json_limits limits = {.size = 4096, .depth = 4, .members = 32};
	const struct http_msg *m = http_req_msg(req);
	struct str rest = http_field(m, STR("Content-Type"));
	struct str type = rest.p ? str_trim(str_cut(&rest, ';')) : rest;
	const char *why = "not an object";

	if (http_field_count(m, STR("Content-Type")) != 1 ||
		!str_ieq(type, STR("application/json"))) {
		api_refuse(req, 415, "unsupported_media_type");
		return NULL;
	}
	json_t *body = json_read(m->body, &limits, &why);
	if (json_is_object(body))
		return body;
	json_decref(body);
	log_info("api", "body refused: %s", why);
	api_refuse(req, 400, "invalid_request");
	return NULL;
}
