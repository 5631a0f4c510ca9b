/* Character classes of RFC 3261 25.1 and the small scanners that the parsers of this folder
 * share. Private to common/sip.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/str.h"

#define SIP_C_TOKEN  0x01 /* token */
#define SIP_C_USER   0x02 /* unreserved / user-unreserved */
#define SIP_C_PASS   0x04 /* unreserved / "&" "=" "+" "$" "," */
#define SIP_C_PARAM  0x08 /* unreserved / param-unreserved */
#define SIP_C_HNV    0x10 /* unreserved / hnv-unreserved */
#define SIP_C_DIGIT  0x20
#define SIP_C_ALNUM  0x40
#define SIP_C_SCHEME 0x80 /* ALPHA DIGIT "+" "-" "." */
extern const uint8_t sip_chars[256];

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

/* Walks "name", "name=token" and "name="quoted"" at semicolons, LWS anywhere between. 1: a
 * parameter (*value p NULL without "="), 0: the end, -EINVAL: broken. */
int sip_param_next(struct str *rest, struct str *name, struct str *value);
bool sip_params_valid(struct str params);

/* Host and optional port, nothing else. IPv6 in brackets. */
bool sip_host_port(struct str s, struct str *host, uint16_t *port);
