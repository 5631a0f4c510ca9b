/* Cookies as a browser keeps them (RFC 6265 5), as far as hosts go: each belongs to the host
 * that set it, ports apart; Path and Domain are not looked at.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"
#include "common/http/http.h"

struct cookie;
struct jar { /* zero-initialised is empty */
	struct cookie *first;
};
/* All Set-Cookie fields of an answer; Max-Age 0 takes one away. */
void jar_take(struct jar *j, struct str host, const struct http_msg *m);
/* Appends "Cookie: a=b; c=d\r\n"; nothing when there is none for the host. */
void jar_put(const struct jar *j, struct str host, struct buf *out);
void jar_free(struct jar *j);
