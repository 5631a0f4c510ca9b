/* Responses as octets. Private to common/http.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"
#include "common/http/http.h"

const char *http_reason(int status);
/* A whole response; `head_only` (to HEAD) leaves the body out and its length in. */
void http_put_answer(struct buf *b, struct host *host, int status, struct str fields,
	struct str body, bool keep_alive, bool head_only);
