/* Fuzz target: Diameter octets as a Cx peer may send them.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/cx/octets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = {
	"Public-Identity", "Result-Code", "Experimental-Result", "User-Name",
	"SIP-Auth-Data-Item.SIP-Digest-Authenticate.Digest-HA1",
	"Server-Capabilities.Mandatory-Capability[2]", "Failed-AVP", "Session-Id",
};

static void walk(struct str rest, int depth)
{
	struct cx_avp avp;
	bool broken = false;
	while (cx_avp_next(&rest, &avp, &broken))
		if (depth < 8)
			walk(avp.data, depth + 1);
}

/* What could be read is written so that it reads the same. */
static void round_trip(const struct cx_msg *m)
{
	struct cx_ids ids = {1, 2, 0};
	struct buf first = {0}, second = {0};
	struct cx_fault fault;
	struct cx_msg again;

	cx_encode(m, &ids, &first);
	if (!cx_decode(buf_str(&first), &again, &fault)) {
		cx_encode(&again, &ids, &second);
		if (!str_eq(buf_str(&first), buf_str(&second)))
			abort();
	}
	buf_free(&first);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str bytes = {(const char *)data, n}, avps;
	struct arena a = {0};
	struct buf out = {0};
	struct cx_header h;
	struct cx_fault fault;
	struct cx_msg m;

	if (cx_header_parse(bytes, &h, &avps))
		return 0;
	walk(avps, 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		cx_script_field(bytes, str_of(names[i]), &a);
		out.n = 0;
		cx_edit(bytes, str_of(names[i]), STR("5012"), &out);
	}
	cx_what(bytes, &out);
	if (!cx_decode(bytes, &m, &fault)) {
		if (cx_context_of(h.command, h.request) >= 0 && !cx_is_base(h.command))
			round_trip(&m);
	} else if (h.request) {
		out.n = 0;
		cx_encode_error(bytes, &fault, STR("hss.ims.example.org"), STR("ims.example.org"),
			&out);
		if (!out.n || cx_header_parse(buf_str(&out), &h, &avps))
			abort();
	}
	buf_free(&out);
	arena_free(&a);
	return 0;
}
