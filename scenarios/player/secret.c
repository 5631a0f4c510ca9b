/* Secrets in what is shown.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/secret.h"

enum { SHOWN_MAX = 120 };

/* Last part of a dotted name; whole header fields that carry one. */
static const char *const names[] = {
	/* digest and AKA */
	"nonce",
	"cnonce",
	"nextnonce",
	"response",
	"rspauth",
	"opaque",
	"auts",
	"ck",
	"ik",
	"Digest-HA1",
	"Alternate-Digest-HA1",
	"SIP-Authenticate",
	"SIP-Authorization",
	"Confidentiality-Key",
	"Integrity-Key",
	"Digest-Nonce",
	"Digest-Response",
	"SIP-Digest-Authenticate",
	"SIP-Auth-Data-Item",
	"ha1",
	"ha1-sha256",
	"key",
	"k",
	"op",
	"opc",
	/* web */
	"password",
	"token",
	"access_token",
	"refresh_token",
	"id_token",
	"client_secret",
	"secret",
	"assertion",
	"csrf",
	"X-CSRF-Token",
	"code",
	"code_verifier",
	"Location",
	"Query",
	"Cookie",
	"Set-Cookie",
	"session",
	/* whole fields and bodies that hold one */
	"Authorization",
	"Proxy-Authorization",
	"WWW-Authenticate",
	"Authentication-Info",
	"Sec-WebSocket-Key",
	"body",
};

bool secret_name(struct str name)
{
	struct str last = name;
	ptrdiff_t dot, bracket;

	while ((dot = str_chr(last, '.')) >= 0)
		last = str_skip(last, (size_t)dot + 1);
	bracket = str_chr(last, '[');
	if (bracket > 0)
		last.n = (size_t)bracket;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_ieq(last, str_of(names[i])))
			return true;
	return false;
}

void secret_put(struct buf *out, struct str name, struct str value)
{
	if (!value.p) {
		buf_fmt(out, "absent");
		return;
	}
	if (value.n && secret_name(name)) {
		buf_fmt(out, "hidden (%zu octets)", value.n);
		return;
	}
	buf_byte(out, '"');
	for (size_t i = 0; i < value.n && i < SHOWN_MAX; i++) {
		unsigned char c = (unsigned char)value.p[i];
		buf_byte(out, c < ' ' || c > '~' ? '.' : (char)c);
	}
	buf_fmt(out, value.n > SHOWN_MAX ? "\"..." : "\"");
}
