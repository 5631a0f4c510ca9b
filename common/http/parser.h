/* One HTTP/1.1 message from bytes that come in any pieces; no sockets in here.
 *
 * The head is gathered whole before llhttp sees it, so that a message means the same in
 * one piece and byte by byte. A message's memory is its octets as they came (struct
 * http_store), and views into them.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <llhttp.h>

#include "common/base/buf.h"
#include "common/http/http.h"

enum {
	HTTP_HEAD_MAX = 16 * 1024,
	HTTP_FIELDS_MAX = 100,
	HTTP_BODY_MAX = 64 * 1024,     /* of a request, by default */
	HTTP_ANSWER_MAX = 4 * 1024 * 1024, /* body of a response */
	HTTP_FRAMING_MAX = 8 * 1024,   /* chunk extensions and trailer fields */
};

enum http_fed { HTTP_MORE, HTTP_DONE, HTTP_BAD };

struct http_span {
	uint32_t at, n;
};

/* What holds a message: the views of http_msg point into it. */
struct http_store {
	struct buf all;        /* head and body as they came; of a chunked body the head alone */
	struct buf chunks;     /* chunked: the body put together */
	struct arena arena;
};
void http_store_free(struct http_store *s);

struct http_parser {
	llhttp_t ll;
	struct http_store store;
	struct buf framed;     /* chunked: the body as it came, when raw octets are wanted */
	size_t max_body, head_n;
	size_t framing;        /* octets of chunk extensions and trailer fields */
	size_t body_fed;
	uint8_t ends;          /* how much of CR LF CR LF stands at the end of the head so far */
	bool request, want_raw;
	bool no_body;          /* response to HEAD */
	bool head_done, chunked, upgrade, keep_alive;
	bool expects_continue; /* the sender waits for 100 before the body */
	int status;            /* HTTP_BAD: the answer to give */
	const char *why;       /* HTTP_BAD: the reason; for a log and the answer */
	unsigned n_fields;
	struct http_span target;
	struct { struct http_span name, value; } fields[HTTP_FIELDS_MAX];
};

void http_parser_init(struct http_parser *p, bool request, size_t max_body);
void http_parser_free(struct http_parser *p);
/* Takes what belongs to the message off *in. HTTP_DONE: complete; what is left in *in is
 * the next one, or another protocol (upgrade). Not to be fed again after DONE or BAD. */
enum http_fed http_parser_feed(struct http_parser *p, struct str *in);
/* The peer has ended its direction: DONE for a response that lasts until then. */
enum http_fed http_parser_end(struct http_parser *p);
/* The message when complete, or what there is of it once head_done; its memory goes over
 * to *store, and the views are good as long as that. */
void http_parser_take(struct http_parser *p, struct http_store *store, struct http_msg *m);
/* All octets so far as they came (with want_raw also those of chunks), appended. */
void http_parser_raw(const struct http_parser *p, struct buf *out);
