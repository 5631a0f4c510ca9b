/* Memory, as the heaps of real elements say: an idle WIC at the eP-CSCF, a stored
 * registration at the S-CSCF. Transactions that are over are let go first (their 32 s are
 * skipped on the element's clock), so that what is left is what stays.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scenarios/player/bench.h"

enum {
	WICS = 2000,
	REGISTRATIONS = 20000,
	OUTSTANDING = 256,
	SESSIONS = 200,
	PART_S = 60,
};

static const struct bench_set access_udp[] = {{"epcscf", "access", "\"udp\""}};

/* ---- heaps ---- */

static int heap(struct bench_rig *r, struct bench *b, const char *element, double *out)
{
	json_t *answer = bench_ask(r, b, element, json_pack("{s:s}", "cmd", "memory"));
	if (!answer)
		return -EIO;
	*out = (double)json_integer_value(json_object_get(answer, "heap_bytes"));
	json_decref(answer);
	return 0;
}

/* The heap once nothing passing is in it. */
static int settled(struct bench_rig *r, struct bench *b, const char *element, double *out)
{
	int err = bench_let_go(r, b);
	return err ? err : heap(r, b, element, out);
}

/* ---- what OpenSSL itself keeps for a session of a server, with the settings of net/tls.c
 * and nothing of ours around it ---- */

static SSL_CTX *context(const SSL_METHOD *method, const char *dir)
{
	char file[PATH_MAX + 40];
	SSL_CTX *ctx = SSL_CTX_new(method);

	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	snprintf(file, sizeof file, "%s/epcscf.pem", dir);
	SSL_CTX_use_certificate_chain_file(ctx, file);
	snprintf(file, sizeof file, "%s/epcscf-key.pem", dir);
	SSL_CTX_use_PrivateKey_file(ctx, file, SSL_FILETYPE_PEM);
	return ctx;
}

static SSL *session(SSL_CTX *server_ctx, SSL_CTX *client_ctx)
{
	SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
	BIO *a, *z;
	char octet;
	bool done = false;

	BIO_new_bio_pair(&a, 0, &z, 0);
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, z, z);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (int i = 0; i < 8 && !done; i++)
		done = (SSL_do_handshake(client) == 1) & (SSL_do_handshake(server) == 1);
	SSL_read(client, &octet, 1); /* the ticket */
	SSL_write(client, "x", 1);
	SSL_read(server, &octet, 1);
	SSL_read(server, &octet, 1);
	SSL_set_bio(server, NULL, NULL);
	SSL_free(client);
	return server;
}

static double openssl_bytes(const char *dir)
{
	SSL_CTX *server = context(TLS_server_method(), dir);
	SSL_CTX *client = context(TLS_client_method(), dir);
	SSL *sessions[SESSIONS];

	SSL_free(session(server, client)); /* what the first one sets up for all */
	size_t before = mem_in_use();
	for (int i = 0; i < SESSIONS; i++)
		sessions[i] = session(server, client);
	size_t after = mem_in_use();
	for (int i = 0; i < SESSIONS; i++)
		SSL_free(sessions[i]);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	return (double)(after - before) / SESSIONS;
}

/* ---- parts ---- */

static int of_wics(struct bench_rig *r, struct bench *b)
{
	int n = b->connections ? b->connections : WICS;
	double empty, connected, registered, openssl = openssl_bytes(r->dir);
	struct bench_wics *w = NULL;
	struct bench_result x;
	int err = settled(r, b, "epcscf", &empty);

	if (!err)
		err = bench_wics_open(r, b, n, &w);
	if (!err)
		err = settled(r, b, "epcscf", &connected);
	if (!err)
		err = bench_wics_run(w, BENCH_REGISTER, 1, n, OUTSTANDING, PART_S, &x);
	if (!err && x.failed)
		err = bench_fail(b, -EIO, "%lld of %d registrations failed", (long long)x.failed, n);
	if (!err)
		err = settled(r, b, "epcscf", &registered);
	if (!err) {
		bench_put(b, "wics", n);
		bench_put(b, "wic_bytes_connected", (connected - empty) / n);
		bench_put(b, "wic_bytes_registered", (registered - empty) / n);
		bench_put(b, "openssl_bytes_per_session", openssl);
		bench_put(b, "wic_bytes_beyond_openssl", (registered - empty) / n - openssl);
	}
	bench_wics_close(w);
	return err;
}

static int of_registrations(struct bench_rig *r, struct bench *b, int64_t first, int64_t n)
{
	static const char *const elements[] = {"scscf", "epcscf"};
	struct bench_result x;
	double before[2], after[2];
	int err = 0;

	for (size_t i = 0; !err && i < 2; i++)
		err = settled(r, b, elements[i], &before[i]);
	if (!err)
		err = bench_sipp(r, b, first, n, OUTSTANDING, 0, &x);
	if (!err && x.failed)
		err = bench_fail(b, -EIO, "%lld registrations failed", (long long)x.failed);
	for (size_t i = 0; !err && i < 2; i++)
		err = settled(r, b, elements[i], &after[i]);
	if (err)
		return err;
	bench_put(b, "registrations", (double)n);
	for (size_t i = 0; i < 2; i++)
		bench_put2(b, "registration_bytes_", elements[i],
			(after[i] - before[i]) / (double)n);
	return 0;
}

int bench_memory(struct bench *b)
{
	int64_t n = b->users ? b->users : REGISTRATIONS, warm = 1000;
	int64_t wics = b->connections ? b->connections : WICS;
	struct bench_rig r;
	struct bench_result x;
	int err = bench_rig_open(&r, b, bench_registrars, access_udp, 1);

	if (!err)
		err = bench_provide(&r, b, wics + warm + n);
	if (!err)
		err = of_wics(&r, b);
	if (!err)
		err = bench_sipp(&r, b, wics + 1, warm, OUTSTANDING, 0, &x);
	if (!err)
		err = of_registrations(&r, b, wics + warm + 1, n);
	bench_rig_close(&r);
	return err;
}
