/* Fuzz target: a SIP message as it comes from anybody. What is parsed is walked, edited,
 * answered and parsed again; what the framer finds, the parser finds too.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/sip/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct arena arena;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void walk_uri(const struct sip_uri *u)
{
	struct sip_uri again;
	struct str id = sip_uri_canonical(u, &arena);
	must(sip_uri_equal(u, u));
	if (!id.p)
		return;
	must(sip_uri_parse(&again, id) == 0);
	must(str_eq(sip_uri_canonical(&again, &arena), id));
}

static void walk_element(struct str element)
{
	struct sip_name_addr a;
	struct sip_via v;
	struct sip_auth auth;
	struct sip_digest d;
	struct str value;
	if (sip_name_addr_parse(&a, element) == 0 && !a.star) {
		walk_uri(&a.uri);
		sip_param(a.params, STR("tag"), &value);
	}
	sip_via_parse(&v, element);
	sip_digest_parse(&d, element);
	if (sip_auth_parse(&auth, element) == 0)
		sip_auth_param(&auth, STR("realm"), &value);
}

static void walk(const struct sip_msg *m)
{
	static const char *const names[] = {"To.tag", "Contact[2].expires", "Via.branch",
		"Authorization.integrity-protected", "Request-URI.user", "Status", "body",
		"Path.uri.ob", "X-Other[1].a", "CSeq"};
	struct sip_fault fault;
	for (unsigned id = 0; id < SIP_H_COUNT; id++) {
		struct sip_iter it = {0};
		struct str element;
		size_t count = 0;
		while (sip_list_next(m, (enum sip_header)id, &it, &element)) {
			walk_element(element);
			count++;
		}
		must(count == sip_list_count(m, (enum sip_header)id));
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		sip_script_field(m, str_of(names[i]));
	struct sip_uri u;
	if (m->request) {
		must(sip_uri_parse(&u, m->uri) == 0);
		walk_uri(&u);
	}
	if (sip_msg_check(m, &fault) == 0)
		must(sip_tag(m, SIP_H_FROM).n <= m->head_n);
}

/* The fields tile the head. */
static void tiled(const struct sip_msg *m)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		const struct sip_field *f = &m->fields[i];
		must(f->at + f->name_n <= f->value_at);
		must(f->value_at + f->value_n + 2 <= f->end);
		must(i + 1 == m->n_fields ? f->end + 2u == m->head_n : f->end == f[1].at);
	}
	must(m->bytes.n == m->head_n + m->body.n);
}

static void choose_edits(struct sip_edit *e, const struct sip_msg *m, uint32_t bits)
{
	if (bits & 1)
		sip_edit_add_top(
			e, SIP_H_VIA, STR("SIP/2.0/UDP own.example;branch=z9hG4bKown"));
	if ((bits & 3) == 3)
		sip_edit_remove_top(e, SIP_H_VIA);
	if (bits & 4)
		sip_edit_uri(e, STR("sip:scscf.ims.example.org"));
	if (bits & 8)
		sip_edit_set(e, SIP_H_MAX_FORWARDS, STR("69"));
	for (unsigned id = 1; bits & 16 && id < SIP_H_COUNT; id++)
		if (sip_header_flags((enum sip_header)id) & SIP_HF_NETWORK)
			sip_edit_remove_all(e, (enum sip_header)id);
	if (bits & 32)
		sip_edit_add_top(e, SIP_H_PATH, STR("<sip:p;lr>\r\nEvil: 1"));
	if (bits & 64)
		sip_edit_add(e, STR("X-New"), m->reason);
	if (bits & 128)
		sip_edit_body(e, STR("text/plain"), m->uri);
	if (bits & 256)
		sip_edit_remove_top(e, SIP_H_ROUTE);
	for (size_t i = 0; bits & 512 && i < m->n_fields; i += 3)
		if (m->fields[i].id == SIP_H_OTHER)
			sip_edit_value(
				e, &m->fields[i], sip_field_value(m, &m->fields[0]));
	for (size_t i = 0; bits & 1024 && i < m->n_fields; i += 2)
		if (m->fields[i].id == SIP_H_OTHER || m->fields[i].id == SIP_H_CONTACT)
			sip_edit_remove(e, &m->fields[i]);
}

static void edit(const struct sip_msg *m, uint32_t bits)
{
	struct sip_edit e;
	struct buf b = {0};
	struct sip_msg again;
	struct sip_fault fault = {0};
	sip_edit_begin(&e, m, &arena);
	sip_edit_write(&e, &b);
	must(str_eq(buf_str(&b), m->bytes));
	buf_free(&b);
	choose_edits(&e, m, bits);
	sip_edit_write(&e, &b);
	/* only the limits may stand in the way */
	if (sip_msg_parse_exact(&again, buf_str(&b), &arena, &fault))
		must(strstr(fault.why, "Too ") != NULL);
	else
		tiled(&again);
	buf_free(&b);
}

static void answer(const struct sip_msg *m, const struct sip_fault *fault)
{
	struct buf b = {0};
	struct sip_msg r;
	struct sip_fault none;
	sip_put_response(&b, m, fault->status, fault->why, "t");
	sip_put_end(&b, STR_NONE, STR_NONE);
	if (sip_msg_parse(&r, buf_str(&b), &arena, &none) == 0) {
		must(r.status == fault->status);
		tiled(&r);
		walk(&r);
	}
	buf_free(&b);
}

static void frame(struct str bytes, const struct sip_msg *m, bool good)
{
	size_t crlf;
	ptrdiff_t got = sip_msg_frame(bytes, &crlf);
	if (good && sip_first(m, SIP_H_CONTENT_LENGTH))
		must(got == (ptrdiff_t)m->bytes.n && crlf == 0);
	if (got <= 0)
		return;
	struct str framed = {bytes.p + 2 * crlf, (size_t)got};
	struct sip_msg again;
	struct sip_fault fault;
	must(2 * crlf + framed.n <= bytes.n);
	if (sip_msg_parse(&again, framed, &arena, &fault) == 0)
		must(again.bytes.n == framed.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str bytes = {(const char *)data, n};
	struct sip_msg m;
	struct sip_fault fault = {0};
	bool good = sip_msg_parse(&m, bytes, &arena, &fault) == 0;
	if (good) {
		tiled(&m);
		walk(&m);
		edit(&m, (uint32_t)str_hash(bytes));
		fault = (struct sip_fault){200, "OK"};
	}
	must(good || fault.why);
	if (m.request && fault.status)
		answer(&m, &fault);
	frame(bytes, &m, good);
	arena_reset(&arena);
	return 0;
}
