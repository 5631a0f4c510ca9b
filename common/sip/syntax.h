/* Character classes of RFC 3261 25.1 and the small scanners that the parsers of this folder
 * share. Private to common/sip.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/str.h"

#define SIP_C_TOKEN  0x001 /* token */
#define SIP_C_USER   0x002 /* unreserved / user-unreserved */
#define SIP_C_PASS   0x004 /* unreserved / "&" "=" "+" "$" "," */
#define SIP_C_PARAM  0x008 /* unreserved / param-unreserved */
#define SIP_C_HNV    0x010 /* unreserved / hnv-unreserved */
#define SIP_C_DIGIT  0x020
#define SIP_C_ALNUM  0x040
#define SIP_C_SCHEME 0x080 /* ALPHA DIGIT "+" "-" "." */
/* An unquoted value: more than a token, since gen-value may be a host, and extensions
 * leave URIs and base64 bare. Any visible byte but those that part or enclose values. */
#define SIP_C_VALUE  0x100
#define SIP_C_QTEXT  0x200 /* in a quoted string, with no other meaning */
extern const uint16_t sip_chars[256];

static inline bool sip_is(char c, unsigned classes)
{
	return sip_chars[(unsigned char)c] & classes;
}

static inline bool sip_is_lws(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool sip_all(struct str s, unsigned classes);              /* every byte; true for none */
bool sip_all_escaped(struct str s, unsigned classes);      /* or "%" HEX HEX */
struct str sip_skip_lws(struct str s);

/* A quoted string at the front of *s, taken off it: *inside without the quotes. False when
 * it is not closed or holds a line break. */
bool sip_take_quoted(struct str *s, struct str *inside);
/* As str_cut, but a separator in quotes or <> does not count. */
struct str sip_cut(struct str *rest, char sep);

/* "name", "name=token" and "name="quoted"" at semicolons, LWS anywhere between. */
bool sip_params_valid(struct str params);

/* Host and optional port, nothing else. IPv6 in brackets. */
bool sip_host_port(struct str s, struct str *host, uint16_t *port);
