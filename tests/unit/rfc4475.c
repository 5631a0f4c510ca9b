/* The 49 messages of RFC 4475, each against its row in tests/data/rfc4475/verdicts.tsv. Rows
 * whose fault only an element sees must pass here; they are replayed against elements too.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/sip/field.h"
#include "tests/unit/rfc4475_table.h"

static struct arena arena;

static int teardown(void **state)
{
	arena_free(&arena);
	return 0;
}

static struct str load(const char *file)
{
	return rfc4475_load(str_of(file), &arena);
}

static void assert_unchanged(const struct sip_msg *m)
{
	struct sip_edit e;
	struct buf b = {0};
	sip_edit_begin(&e, m, &arena);
	sip_edit_write(&e, &b);
	assert_true(str_eq(buf_str(&b), m->bytes));
	buf_free(&b);
}

/* A faulty request can be answered, and the answer is a message. */
static void assert_answerable(const struct sip_msg *m, const struct sip_fault *fault)
{
	struct buf b = {0};
	struct sip_msg r;
	struct sip_fault none;
	sip_put_response(&b, m, fault->status, fault->why, "tag");
	sip_put_end(&b, STR_NONE, STR_NONE);
	int err = sip_msg_parse(&r, buf_str(&b), &arena, &none);
	if (sip_first(m, SIP_H_FROM) && sip_first(m, SIP_H_CALL_ID) && m->cseq)
		assert_int_equal(err, 0);
	assert_true(sip_first(&r, SIP_H_VIA) != NULL);
	buf_free(&b);
}

static void judge(const struct rfc4475_row *row)
{
	struct sip_msg m;
	struct sip_fault fault = {0};
	int err = sip_msg_parse(&m, rfc4475_load(row->file, &arena), &arena, &fault);
	bool parser = str_eq(row->layer, STR("parser"));
	if (parser != (err != 0))
		print_error(STR_FMT ": %s\n", STR_ARG(row->file), err ? fault.why : "parsed");
	assert_int_equal(err, parser ? -EBADMSG : 0);
	if (!err) {
		assert_unchanged(&m);
		bool check = str_eq(row->layer, STR("check"));
		err = sip_msg_check(&m, &fault);
		if (check != (err != 0))
			print_error(STR_FMT ": %s\n", STR_ARG(row->file),
				err ? fault.why : "checked");
		assert_int_equal(err, check ? -EBADMSG : 0);
	}
	if (!err)
		return;
	assert_int_equal(fault.status, rfc4475_status(row->verdict));
	if (fault.status)
		assert_answerable(&m, &fault);
}

static void test_verdicts(void **state)
{
	struct rfc4475_row rows[RFC4475_N];
	rfc4475_rows(rows, &arena);
	for (int i = 0; i < RFC4475_N; i++)
		judge(&rows[i]);
}

/* Every file has a row. */
static void test_table_is_complete(void **state)
{
	struct str table = load("verdicts.tsv");
	DIR *d = opendir(TEST_DATA "/rfc4475");
	int files = 0;
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		char key[300];
		if (!str_ends(str_of(e->d_name), STR(".dat")))
			continue;
		snprintf(key, sizeof key, "\n%s\t", e->d_name);
		assert_true(str_find(table, str_of(key)) >= 0);
		files++;
	}
	closedir(d);
	assert_int_equal(files, RFC4475_N);
}

/* No prefix of any of them breaks the parser or the framer; over a stream a message is
 * found whole or not at all. */
static void test_every_prefix(void **state)
{
	struct rfc4475_row rows[RFC4475_N];
	rfc4475_rows(rows, &arena);
	for (int i = 0; i < RFC4475_N; i++) {
		size_t crlf;
		struct str whole = rfc4475_load(rows[i].file, &arena);
		ptrdiff_t framed = sip_msg_frame(whole, &crlf);
		for (size_t n = 0; n < whole.n; n++) {
			struct sip_msg m;
			struct sip_fault fault;
			struct arena a = {0};
			char *part = malloc(n ? n : 1);
			memcpy(part, whole.p, n);
			struct str s = {part, n};
			if (sip_msg_parse(&m, s, &a, &fault) == 0)
				sip_msg_check(&m, &fault);
			ptrdiff_t got = sip_msg_frame(s, &crlf);
			assert_true(got <= 0 || got == framed);
			free(part);
			arena_free(&a);
		}
	}
}

static struct sip_msg parsed(const char *name)
{
	struct sip_msg m;
	struct sip_fault fault = {0};
	assert_int_equal(sip_msg_parse(&m, load(name), &arena, &fault), 0);
	return m;
}

static bool field_is(const struct sip_msg *m, const char *name, const char *value)
{
	return str_eq(sip_script_field(m, str_of(name)), str_of(value));
}

static void test_wsinv(void **state)
{
	struct sip_msg m = parsed("wsinv.dat");
	struct sip_iter it = {0};
	struct str element;
	static const char *const branches[] = {
		"390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"};
	size_t n = 0;
	assert_int_equal(m.method, SIP_M_INVITE);
	assert_int_equal(m.cseq, 9);
	assert_int_equal(m.body.n, 150);
	assert_true(str_eq(sip_tag(&m, SIP_H_TO), STR("1918181833n")));
	assert_true(str_eq(sip_tag(&m, SIP_H_FROM), STR("98asjd8")));
	assert_true(field_is(&m, "UnknownHeaderWithUnusualValue", ";;,,;;,;"));
	assert_true(field_is(&m, "Route.uri.unknown-no-value", ""));
	assert_true(field_is(&m, "Contact.newparam", "newvalue"));
	assert_true(field_is(&m, "Contact.q", "0.33"));
	assert_true(field_is(&m, "Subject", ""));
	assert_true(field_is(&m, "Max-Forwards", "0068"));
	while (sip_list_next(&m, SIP_H_VIA, &it, &element)) {
		struct sip_via v;
		assert_int_equal(sip_via_parse(&v, element), 0);
		assert_true(n < 3 && str_eq(v.branch, str_of(branches[n])));
		n++;
	}
	assert_int_equal(n, 3);
}

static void test_escapes(void **state)
{
	struct sip_name_addr a;
	struct sip_msg m = parsed("esc01.dat");
	assert_true(field_is(&m, "Request-URI.user", "sips%3Auser%40example.com"));
	assert_true(field_is(&m, "Contact.uri.n%61me", "v%61lue%25%34%31"));
	assert_int_equal(sip_name_addr_parse(&a, sip_value(&m, SIP_H_TO)), 0);
	assert_true(
		str_eq(sip_uri_canonical(&a.uri, &arena), STR("sip:user@example.com")));
	assert_int_equal(sip_name_addr_parse(&a, sip_value(&m, SIP_H_FROM)), 0);
	assert_true(str_eq(sip_uri_canonical(&a.uri, &arena),
		STR("sip:I%20have%20spaces@example.net")));
	/* two contacts, and neither is cut at its NUL */
	m = parsed("escnull.dat");
	assert_true(field_is(&m, "Contact[1].uri.user", "%00"));
	assert_true(field_is(&m, "Contact[2].uri.user", "%00%00"));
	assert_int_equal(sip_name_addr_parse(&a, sip_value(&m, SIP_H_TO)), 0);
	assert_true(str_eq(
		sip_uri_canonical(&a.uri, &arena), STR("sip:null-%00-null@example.com")));
	/* no escapes, though they look like it */
	m = parsed("esc02.dat");
	assert_int_equal(m.method, SIP_M_OTHER);
	assert_int_equal(sip_list_count(&m, SIP_H_CONTACT), 2);
	assert_true(field_is(&m, "To.display", "\"%Z%45\""));
	m = parsed("semiuri.dat");
	assert_true(field_is(&m, "Request-URI.user", "user;par=u%40example.net"));
	assert_true(field_is(&m, "Request-URI.host", "example.com"));
}

static void test_bodies(void **state)
{
	struct sip_msg m = parsed("dblreq.dat");
	assert_int_equal(m.method, SIP_M_REGISTER);
	assert_int_equal(m.body.n, 0);
	assert_int_equal(m.bytes.n, m.head_n);
	m = parsed("mpart01.dat");
	assert_int_equal(m.body.n, 553);
	assert_non_null(memchr(m.body.p, 0, m.body.n));
	m = parsed("noreason.dat");
	assert_int_equal(m.status, 100);
	assert_int_equal(m.reason.n, 0);
}

/* The display names of baddn are what it is about, and not its missing end. */
static void test_baddn(void **state)
{
	struct str s = arena_fmt(&arena, STR_FMT "\r\n", STR_ARG(load("baddn.dat")));
	struct sip_msg m;
	struct sip_fault fault;
	assert_int_equal(sip_msg_parse(&m, s, &arena, &fault), 0);
	assert_int_equal(sip_msg_check(&m, &fault), -EBADMSG);
	assert_int_equal(fault.status, 400);
	assert_string_equal(fault.why, "Malformed From");
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(test_verdicts),
		T(test_table_is_complete),
		T(test_every_prefix),
		T(test_wsinv),
		T(test_escapes),
		T(test_bodies),
		T(test_baddn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
