/* The lab CA: what stands in a certificate, who may read a key, and how long it takes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rig.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/crypto/ca.h"

static X509 *read_cert(struct rig *r, const char *name)
{
	FILE *f = fopen(rig_file(r, name), "r");
	assert_non_null(f);
	X509 *c = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(c);
	return c;
}

static mode_t mode_of(struct rig *r, const char *name)
{
	struct stat st;
	assert_int_equal(stat(rig_file(r, name), &st), 0);
	return st.st_mode & 0777;
}

static void test_issue(void **state)
{
	struct rig r;
	char why[256];
	rig_open(&r, "ca");
	rig_ca(&r);
	assert_int_equal(mode_of(&r, "ca-key.pem"), 0600);
	struct ca_subject s = {.name = "wwsf",
		.dns = (const char *const[]){"wwsf.ims.example.org", "localhost", NULL},
		.addresses = (const char *const[]){"127.32.0.10", "::1", NULL},
		.use = CA_SERVER};
	/* a key file that others could read before is theirs no more */
	FILE *f = fopen(rig_file(&r, "k.pem"), "w");
	assert_non_null(f);
	fclose(f);
	chmod(rig_file(&r, "k.pem"), 0644);
	assert_int_equal(
		ca_issue(r.dir, &s, rig_file(&r, "c.pem"), rig_file(&r, "k.pem"), why),
		0);
	assert_int_equal(mode_of(&r, "k.pem"), 0600);
	X509 *ca = read_cert(&r, "ca.pem"), *c = read_cert(&r, "c.pem");
	assert_int_equal(X509_check_issued(ca, c), X509_V_OK);
	assert_int_equal(X509_verify(c, X509_get0_pubkey(ca)), 1);
	assert_int_equal(X509_check_host(c, "wwsf.ims.example.org", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(c, "x.wwsf.ims.example.org", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(c, "127.32.0.10", 0), 1);
	assert_int_equal(X509_check_ip_asc(c, "::1", 0), 1);
	assert_int_equal(X509_check_purpose(c, X509_PURPOSE_SSL_SERVER, 0), 1);
	assert_int_equal(X509_check_purpose(c, X509_PURPOSE_SSL_CLIENT, 0), 0);
	assert_int_equal(X509_check_ca(ca), 1);
	assert_int_equal(X509_check_ca(c), 0);
	time_t now = time(NULL), soon = now - 23 * 3600,
	       late = now + (time_t)3650 * 86400;
	assert_int_equal(X509_cmp_time(X509_get0_notBefore(c), &soon), -1);
	assert_int_equal(X509_cmp_time(X509_get0_notAfter(c), &late), 1);
	assert_int_not_equal(
		ASN1_INTEGER_cmp(X509_get0_serialNumber(ca), X509_get0_serialNumber(c)),
		0);
	X509_free(c);
	X509_free(ca);
	rig_close(&r);
}

/* 0, or why OpenSSL does not believe `cert` under that CA. */
static int verify(X509 *ca, X509 *cert)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE_add_cert(store, ca);
	X509_STORE_CTX_init(ctx, store, cert, NULL);
	int err = X509_verify_cert(ctx) == 1 ? 0 : X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return err;
}

/* What people trust with their own browser is worth nothing beyond the lab's names. */
static void test_limited(void **state)
{
	static const struct {
		const char *name, *address;
		int err;
	} rows[] = {{"wwsf.ims.example.org", "127.1.0.10", 0},
		{"wwsf.ims.example.org", "192.0.2.7", 0}, {"ims.example.org", "::1", 0},
		{"wwsf.example.org", "127.1.0.10", X509_V_ERR_PERMITTED_VIOLATION},
		{"www.example.com", "127.1.0.10", X509_V_ERR_PERMITTED_VIOLATION},
		{"ims.example.org.evil.example", "127.1.0.10",
			X509_V_ERR_PERMITTED_VIOLATION}};
	struct rig r;
	char why[256];
	rig_open(&r, "ca");
	assert_int_equal(ca_make_limited(r.dir, "limited", "ims.example.org", why), 0);
	X509 *ca = read_cert(&r, "ca.pem");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ca_subject s = {.name = rows[i].name,
			.dns = (const char *const[]){rows[i].name, NULL},
			.addresses = (const char *const[]){rows[i].address, NULL},
			.use = CA_BOTH};
		assert_int_equal(ca_issue(r.dir, &s, rig_file(&r, "c.pem"),
					 rig_file(&r, "k.pem"), why),
			0);
		X509 *c = read_cert(&r, "c.pem");
		assert_int_equal(verify(ca, c), rows[i].err);
		X509_free(c);
	}
	X509_free(ca);
	rig_close(&r);
}

static void test_faults(void **state)
{
	struct rig r;
	char why[256];
	rig_open(&r, "ca");
	rig_ca(&r);
	struct ca_subject s = {.name = "x", .use = CA_CLIENT};
	assert_int_equal(ca_make("/nowhere", "x", why), -ENOENT);
	assert_non_null(strstr(why, "/nowhere"));
	assert_int_equal(ca_issue("/nowhere", &s, "/tmp/c", "/tmp/k", why), -ENOENT);
	assert_int_equal(
		ca_issue(r.dir, &s, "/nowhere/c", rig_file(&r, "k"), why), -ENOENT);
	s.addresses = (const char *const[]){"not an address", NULL};
	assert_int_equal(
		ca_issue(r.dir, &s, rig_file(&r, "c"), rig_file(&r, "k"), why), -EIO);
	s = (struct ca_subject){.name = "no use"};
	assert_int_equal(
		ca_issue(r.dir, &s, rig_file(&r, "c"), rig_file(&r, "k"), why), -EIO);
	rig_close(&r);
}

static void test_speed(void **state)
{
	enum { N = 20 };
	struct rig r;
	rig_open(&r, "ca");
	rig_ca(&r);
	clock_t from = clock(); /* CPU time */
	for (int i = 0; i < N; i++)
		rig_cert(&r, "x", "x.example.org", "127.32.0.1");
	double ms = (double)(clock() - from) * 1e3 / CLOCKS_PER_SEC / N;
	print_message("%.2f ms a certificate\n", ms);
	assert_true(ms < 50); /* 1 ms in a quiet release build */
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_issue),
		cmocka_unit_test(test_limited),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_speed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
