/* Fuzz target: HTTP messages as a server (or client) reads them, and as scripts look into
 * them. Whole and in pieces must come to the same.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/http/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct result {
	enum http_fed fed;
	size_t used, fields, body;
	uint64_t hash;
};

static struct result run(struct str bytes, bool request, bool head, size_t piece)
{
	struct http_parser p;
	struct result r = {HTTP_MORE};
	size_t all = bytes.n;

	http_parser_init(&p, request, 4096);
	p.no_body = head && !request;
	p.want_raw = piece & 1;
	while (bytes.n && r.fed == HTTP_MORE) {
		struct str in = {bytes.p, piece < bytes.n ? piece : bytes.n};
		size_t given = in.n;
		r.fed = http_parser_feed(&p, &in);
		bytes = str_skip(bytes, given - in.n);
		if (r.fed == HTTP_MORE && in.n)
			abort();
	}
	if (r.fed == HTTP_MORE)
		r.fed = http_parser_end(&p);
	if (r.fed == HTTP_BAD && (p.status < 400 || !p.why))
		abort();
	if (r.fed == HTTP_DONE) {
		struct http_store store;
		struct http_msg m;
		http_parser_take(&p, &store, &m);
		r.used = all - bytes.n;
		r.fields = m.n_fields;
		r.body = m.body.n;
		r.hash = str_hash(m.body) ^ str_hash(m.target) ^ str_hash(m.path) ^
			str_hash(m.query) ^ str_hash(m.reason);
		for (size_t i = 0; i < m.n_fields; i++)
			r.hash = r.hash * 31 + (str_hash(m.fields[i].name) ^
				str_hash(m.fields[i].value));
		http_field(&m, STR("Content-Type"));
		http_store_free(&store);
	}
	http_parser_free(&p);
	return r;
}

static void look(struct str bytes)
{
	static const char *const names[] = {"Status", "Path", "Query", "Host", "token",
		"a[0].b", "x", "Body", ""};
	struct arena a = {0};
	struct buf out = {0};
	struct trace_msg m = {.bytes = bytes};
	http_gate_proto.what(&m, &out);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct str name = str_of(names[i]);
		http_script_field(bytes, name, &a);
		if (!name.n)
			continue;
		out.n = 0;
		http_gate_proto.set(&m, name, i % 2 ? STR("200") : STR_NONE, &out);
	}
	buf_free(&out);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	struct str bytes = {(const char *)data + 1, n - 1};
	bool request = !(data[0] & 1), head = data[0] & 2;
	struct result whole = run(bytes, request, head, n);
	struct result cut = run(bytes, request, head, 1 + (data[0] >> 2));
	if (whole.fed != cut.fed || whole.used != cut.used ||
		whole.fields != cut.fields || whole.body != cut.body ||
		whole.hash != cut.hash)
		abort();
	look(bytes);
	return 0;
}
