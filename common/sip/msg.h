/* A SIP message: a view on its bytes, and the list of edits that makes it another.
 *
 * sip_msg_parse indexes the header fields of a received message in place; a field is
 * parsed when somebody asks. A message to be sent is either built anew (struct buf) or a
 * received one with an edit list: what an element does not touch leaves bit for bit as it
 * came (RFC 3261 16.6).
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"
#include "common/base/mem.h"

/* Known header fields: one row each in sip/header.def (id, name, compact form, may it
 * occur several times, is it network-only). SIP_H_OTHER is any other. */
enum sip_header {
	SIP_H_OTHER,
#define X(id, name, compact, flags) SIP_H_##id,
#include "common/sip/header.def"
#undef X
	SIP_H_COUNT
};
#define SIP_HF_SINGLE          1  /* a second one makes the message malformed */
#define SIP_HF_NETWORK         2  /* only inside the trust domain: removed at the border */
#define SIP_HF_COMMA           4  /* a comma-separated list is the same as several fields */
#define SIP_HF_NETWORK_REQUEST 8  /* as NETWORK, but in requests alone (Record-Route) */

struct str sip_header_name(enum sip_header id);    /* p NULL for SIP_H_OTHER */
enum sip_header sip_header_id(struct str name);    /* long or compact form, any case */
unsigned sip_header_flags(enum sip_header id);

enum sip_method {
	SIP_M_OTHER, SIP_M_INVITE, SIP_M_ACK, SIP_M_BYE, SIP_M_CANCEL, SIP_M_REGISTER,
	SIP_M_OPTIONS, SIP_M_SUBSCRIBE, SIP_M_NOTIFY, SIP_M_MESSAGE, SIP_M_PRACK, SIP_M_UPDATE,
	SIP_M_INFO, SIP_M_REFER, SIP_M_PUBLISH, SIP_M_COUNT
};
enum sip_method sip_method_id(struct str name);    /* case counts (RFC 3261 7.1) */
struct str sip_method_name(enum sip_method m);     /* p NULL for SIP_M_OTHER */

enum { SIP_MAX_FIELDS = 100, SIP_MAX_HEAD = 16 * 1024, SIP_MAX_MESSAGE = 64 * 1024 };

/* Offsets stay below SIP_MAX_HEAD. */
struct sip_field {
	uint16_t id;           /* enum sip_header */
	uint16_t name_n;
	uint16_t at;           /* offset of the field's first byte in `bytes` */
	uint16_t value_at, value_n; /* without surrounding white space; may hold folds */
	uint16_t end;          /* offset behind its line end: [at, end) is the whole field */
};

struct sip_msg {
	struct str bytes;      /* the whole message, up to the end of its body; owned by
				* whoever holds the message */
	bool request;
	enum sip_method method;        /* request: of the start line; response: of CSeq */
	struct str method_text;        /* of the same */
	struct str uri;                /* Request-URI */
	int status;                    /* response */
	struct str reason;
	uint32_t cseq;
	uint32_t head_n;       /* offset of the body */
	struct str body;
	uint16_t n_fields;
	struct sip_field *fields;      /* in order, in the arena */
	uint8_t first[SIP_H_COUNT];    /* 1 + index of the first field of that id; 0: none */
};
_Static_assert(SIP_MAX_FIELDS < 256 && SIP_MAX_HEAD < 65536, "see the types above");

/* What is wrong with a message, for the answer and the log. */
struct sip_fault {
	int status;            /* what to answer: 400, 501, 505, 513; 0: drop silently */
	const char *why;       /* short; static; also the reason phrase of the answer */
};

/* Indexes one message that fills `bytes` to its end (a datagram, or what sip_msg_frame
 * found); a datagram longer than Content-Length says is cut (RFC 3261 18.3): m->bytes ends
 * with the body. Checks what every element needs: start line, mandatory fields (To, From,
 * Call-ID, CSeq, Via), duplicate singletons, two credentials of one scheme and realm,
 * bare CR or LF, control characters (but as quoted-pair), CSeq method, Content-Length,
 * limits. Values are not looked at otherwise: sip_msg_check.
 * 0; -EBADMSG with *fault set, and *m filled as far as a response can be made from it
 * (m->n_fields > 0; a line that is broken itself is not indexed). fault->status is 0 when
 * no response may or can be sent: a response, an ACK, a request without Via. The arena
 * holds m->fields, in one piece. */
int sip_msg_parse(struct sip_msg *m, struct str bytes, struct arena *a, struct sip_fault *fault);
/* The same for a WebSocket message: bytes behind the body are a fault too (400). */
int sip_msg_parse_exact(struct sip_msg *m, struct str bytes, struct arena *a,
	struct sip_fault *fault);
/* Syntax of the values by which a message is routed or its sender known: From, To, Via,
 * Contact, Route and its kin, Call-ID, Max-Forwards, identities, credentials. For the
 * elements that take messages from outside. 0 or -EBADMSG with *fault set (as above). */
int sip_msg_check(const struct sip_msg *m, struct sip_fault *fault);

/* For byte streams: looks for one whole message at the front of `bytes`. >0: its length,
 * not counting the CRLFs before it; 0: more is needed; -EBADMSG: no message can follow (no
 * Content-Length or two that differ, too long, no text). Leading CRLFs are keep-alive:
 * their number in *crlf, to be dropped first (2 bytes each). */
ptrdiff_t sip_msg_frame(struct str bytes, size_t *crlf);

struct str sip_value(const struct sip_msg *m, enum sip_header id);   /* first; p NULL: none */
const struct sip_field *sip_first(const struct sip_msg *m, enum sip_header id);
const struct sip_field *sip_next(const struct sip_msg *m, const struct sip_field *f); /* same id */
struct str sip_field_value(const struct sip_msg *m, const struct sip_field *f);
struct str sip_field_name(const struct sip_msg *m, const struct sip_field *f);
/* Walks the elements of a list field over all its lines ("a, b" and two fields alike);
 * start with *it zeroed; false at the end. Commas in quotes and <> don't count. A field
 * without SIP_HF_COMMA is one element; an empty field has none; "a,,b" has an empty one. */
struct sip_iter {
	const struct sip_field *f;
	struct str rest;
	bool begun;
};
bool sip_list_next(const struct sip_msg *m, enum sip_header id, struct sip_iter *it,
	struct str *element);
size_t sip_list_count(const struct sip_msg *m, enum sip_header id);

/* ---- building ---- */

/* An edit list over a parsed message. Edits refer to the original bytes; their order does
 * not matter; two edits of the same field: the later wins. Text is copied to the arena; a
 * line break in it that is no fold becomes blanks, so a value can't become a field. A list
 * without edits writes the bytes as they came. */
struct sip_edit {
	const struct sip_msg *m;
	struct arena *a;
	struct sip_patch *patches;
	size_t n, cap;
};
void sip_edit_begin(struct sip_edit *e, const struct sip_msg *m, struct arena *a);
void sip_edit_uri(struct sip_edit *e, struct str uri);               /* Request-URI */
void sip_edit_add_top(struct sip_edit *e, enum sip_header id, struct str value);
	/* before the first field of that id, or at the end of the head; called twice, the
	 * later stands above */
void sip_edit_add(struct sip_edit *e, struct str name, struct str value);  /* end of head */
void sip_edit_set(struct sip_edit *e, enum sip_header id, struct str value);
	/* replaces the first, removes the others, adds when there is none; called twice,
	 * the later wins */
void sip_edit_value(struct sip_edit *e, const struct sip_field *f, struct str value);
void sip_edit_remove(struct sip_edit *e, const struct sip_field *f);
	/* of these two: f NULL does nothing */
void sip_edit_remove_all(struct sip_edit *e, enum sip_header id);
void sip_edit_remove_top(struct sip_edit *e, enum sip_header id);
	/* the first element of a list field, the rest of its line stays */
void sip_edit_body(struct sip_edit *e, struct str type, struct str body);
	/* sets Content-Length and Content-Type (type empty: removed) */
void sip_edit_write(const struct sip_edit *e, struct buf *out);      /* appends the message */

/* A new message. Call in order: start, fields, finish. Line breaks in values as above. */
void sip_put_request(struct buf *b, struct str method, struct str uri);
void sip_put_field(struct buf *b, enum sip_header id, struct str value);
void sip_put_fmt(struct buf *b, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void sip_put_end(struct buf *b, struct str type, struct str body);   /* Content-*, CRLF, body */
/* Response to `req` with Via, From, To (tag added when absent; NULL: none), Call-ID, CSeq
 * copied (RFC 3261 8.2.6), in a 100 Timestamp too; reason NULL: the standard phrase. Then
 * fields and sip_put_end. `req` may be one that sip_msg_parse found at fault: what is
 * there is copied. */
void sip_put_response(struct buf *b, const struct sip_msg *req, int status, const char *reason,
	const char *to_tag);
const char *sip_reason(int status);                /* never NULL */
