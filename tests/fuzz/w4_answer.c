/* Fuzz target: what the WAAF answers on W4 to a registration request. What is taken may stand in
 * a path, a log and a SIP message.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "wwsf/registration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void plain(struct str s, const char *never)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] >= 0x7f || strchr(never, s.p[i]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct registration_challenge c;
	struct registration_granted g;
	const char *why = NULL;
	json_t *body = registration_read((struct str){(const char *)data, n}, &why);

	if (!body) {
		if (!why)
			abort();
		return 0;
	}
	plain(registration_read_error(body), "<>\"/ ");
	if (!registration_read_granted(body, &g)) {
		plain(g.id, "/?#% \"\\");
		plain(g.mode, "\" ");
		if (!g.id.n || g.expires_s < 1)
			abort();
	}
	if (!registration_read_challenge(body, STR("sip:ims.example.org"), &c)) {
		plain(c.realm, "\"\\");
		plain(c.nonce, "\"\\");
		if (!c.realm.n || !c.nonce.n || !str_eq(c.uri, STR("sip:ims.example.org")))
			abort();
	}
	json_decref(body);
	return 0;
}
