/* What the JSON API's procedures share: whose page a request comes from, its body, its
 * answers.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "wwsf/wwsf.h"

/* Fields of every answer that is not a static file. */
#define API_FIELDS \
	"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n" \
	"Strict-Transport-Security: max-age=31536000\r\nReferrer-Policy: no-referrer\r\n"

/* Takes the reference; `more` is further header fields or empty. */
void api_answer(struct http_req *req, int status, struct str more, json_t *body);
/* {"error":word} and a count of that word. */
void api_refuse(struct http_req *req, int status, const char *word);
void api_refuse_later(struct http_req *req, int status, const char *word, int64_t retry_s);
	/* with Retry-After, at least 1 */

/* One more event of that key at the limit; false: it was answered, 429 with Retry-After. */
bool api_admit(struct throttle *t, struct str key, struct http_req *req);

/* The edge that the request's page is to go to: by its Host. */
const char *api_edge(const struct http_req *req);
/* The request comes from a page of our own, or from no page: its Origin, if any, is one of
 * ours, and so says Sec-Fetch-Site, if any. Else it was answered (403 cross_site). */
bool api_same_site(struct http_req *req);
/* The body as a JSON object, checked (crypto/json.h); NULL: it was answered, 415 or 400. */
json_t *api_body(struct http_req *req);
