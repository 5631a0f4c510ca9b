/* What browsers and OAuth clients send beside JSON: forms (application/x-www-form-urlencoded)
 * in queries and bodies, and cookies; and text on its way into HTML.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"
#include "common/http/http.h"

enum { FORM_MAX = 32 };

struct form {
	struct {
		struct str name, value; /* escapes undone; value "" for a name alone */
		bool twice;    /* and the value is the first one */
	} rows[FORM_MAX];
	size_t n;
};
/* "a=b&c=d", p NULL is an empty one. Texts stand in the arena, or are views of `text`. 0;
 * -EBADMSG: a broken escape, or a NUL; -E2BIG: more than FORM_MAX; f holds what was read until
 * there. -EEXIST: a name twice (RFC 6749 3.1 refuses that for every name); f is whole. */
int form_parse(struct str text, struct arena *a, struct form *f);
/* p NULL: absent. */
struct str form_value(const struct form *f, struct str name);
bool form_twice(const struct form *f, struct str name);
/* The one parameter of that name; p NULL: absent, or the text is no form. */
struct str form_param(struct str text, struct str name, struct arena *a);
/* The body is declared as a form; a charset or the like behind the type is no matter. */
bool form_is_body(const struct http_msg *m);

/* Appends "name=value" with what has to be escaped escaped, and "&" in front of it unless
 * the buffer is empty or ends in "?" or "&". */
void form_put(struct buf *b, struct str name, struct str value);

/* A cookie of the request's Cookie field (RFC 6265 5.4); p NULL: absent. */
struct str form_cookie(const struct http_msg *m, struct str name);

/* Appends text as HTML content or a quoted attribute's value. */
void form_put_html(struct buf *b, struct str text);
