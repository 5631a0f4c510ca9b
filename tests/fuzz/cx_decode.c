/* Received Diameter octets, as the receiving thread takes them: our reader, the error
 * answer, fields and edits; then what libfdproto is given of them. A base message that we
 * let through must be one that libfdproto takes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/cx/dict.h"
#include "common/cx/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void no_log(int level, const char *format, va_list args)
{
}

static struct dictionary *dictionary(void)
{
	static struct dictionary *d;
	struct dict_object *application, *vendor;
	if (d)
		return d;
	fd_log_handler_register(no_log);
	fd_g_debug_lvl = FD_LOG_ANNOYING;
	if (fd_core_initialize() || cx_dict_add(fd_g_config->cnf_dict, &application, &vendor))
		abort();
	return d = fd_g_config->cnf_dict;
}

static bool libfdproto_takes(const char *octets, size_t n)
{
	unsigned char *copy = mem_alloc(n);
	struct msg *msg = NULL;
	struct fd_pei pei = {0};
	memcpy(copy, octets, n);
	if (fd_msg_parse_buffer(&copy, n, &msg)) {
		free(copy);
		return false;
	}
	int err = fd_msg_parse_rules(msg, dictionary(), &pei);
	if (pei.pei_avp_free)
		fd_msg_free(pei.pei_avp);
	fd_msg_free(msg);
	return !err;
}

static void answer(struct str bytes, const struct cx_fault *fault)
{
	struct buf b = {0};
	struct cx_header h;
	cx_encode_error(bytes, fault, STR("hss.ims.example.org"), STR("ims.example.org"), &b);
	if (cx_header_parse(buf_str(&b), &h, NULL) || h.length != b.n)
		abort();
	buf_free(&b);
}

static void fields(struct str bytes)
{
	static const char *const names[] = {"Session-Id", "Experimental-Result",
		"SIP-Auth-Data-Item.SIP-Digest-Authenticate.Digest-HA1",
		"Server-Capabilities.Mandatory-Capability[2]", "Host-IP-Address", "User-Data",
		"Result-Code", "Header", "AVPs", "SIP-Auth-Data-Item.AVPs"};
	struct arena a = {0};
	struct buf out = {0}, what = {0};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		cx_script_field(bytes, str_of(names[i]), &a);
		out.n = 0;
		cx_edit(bytes, str_of(names[i]), STR("5012"), &out);
		out.n = 0;
		cx_edit(bytes, str_of(names[i]), STR_NONE, &out);
	}
	cx_what(bytes, &what);
	arena_free(&a);
	buf_free(&out);
	buf_free(&what);
}

/* What is read and written again reads the same. */
static void again(const struct cx_msg *m)
{
	struct buf first = {0}, second = {0};
	struct cx_ids ids = {0};
	struct cx_msg back;
	struct cx_fault fault;
	cx_encode(m, &ids, &first);
	if (cx_decode(buf_str(&first), &back, &fault))
		abort();
	cx_encode(&back, &ids, &second);
	if (!str_eq(buf_str(&first), buf_str(&second)))
		abort();
	buf_free(&first);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str bytes = {(const char *)data, n}, avps;
	struct cx_header h;
	struct cx_msg m;
	struct cx_fault fault;

	dictionary();
	fields(bytes);
	if (n > 65535 || cx_header_parse(bytes, &h, &avps) || h.length != n)
		return 0;
	int err = cx_decode(bytes, &m, &fault);
	bool base = !h.application && !(h.flags & CX_HEADER_P);
	if (err)
		answer(bytes, &fault);
	else if (!cx_is_base(h.command) && (m.request || m.result.code / 1000 == 2))
		again(&m);
	if (base && !err && cx_is_sound(avps)) {
		if (!libfdproto_takes(bytes.p, n) && (m.request || m.result.code / 1000 == 2))
			abort();
		return 0;
	}
	char *carrier = mem_alloc(n);
	memcpy(carrier, data, n);
	cx_carrier(carrier, n, 1);
	libfdproto_takes(carrier, n);
	free(carrier);
	return 0;
}
