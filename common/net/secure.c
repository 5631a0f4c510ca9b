/* TLS on a stream: one BIO for all sessions of a loop, whose state is what the session at
 * work may read now and what it wrote. Between two calls nothing is left in it: OpenSSL
 * takes in every byte of a read, and what it wrote goes to the socket at once.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/inside.h"

enum { OUT_KEEP = 64 * 1024 };

static int bio_read(BIO *b, char *out, int n)
{
	struct turn *t = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	if (!t->in.n) {
		BIO_set_retry_read(b);
		return -1;
	}
	if ((size_t)n > t->in.n)
		n = (int)t->in.n;
	memcpy(out, t->in.p, (size_t)n);
	t->in = str_skip(t->in, (size_t)n);
	return n;
}

static int bio_write(BIO *b, const char *bytes, int n)
{
	struct turn *t = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	buf_put(&t->out, bytes, (size_t)n);
	return n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	return cmd == BIO_CTRL_FLUSH;
}

static BIO *bio_of(struct turn *t)
{
	static BIO_METHOD *method;
	if (!method) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "turn");
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_ctrl(method, bio_ctrl);
	}
	if (!t->bio) {
		t->bio = BIO_new(method);
		BIO_set_data(t->bio, t);
		BIO_set_init(t->bio, 1);
		t->plain = mem_alloc(TURN_PLAIN);
	}
	BIO_up_ref(t->bio);
	return t->bio;
}

/* What OpenSSL wrote goes to the socket. */
static int emit(struct stream *s)
{
	struct turn *t = s->turn;
	if (!t->out.n || s->state == STREAM_GONE) {
		t->out.n = 0;
		return 0;
	}
	int err = stream_put(s, &t->out);
	if (err || t->out.cap > OUT_KEEP)
		buf_free(&t->out);
	return err;
}

static void fail(struct stream *s)
{
	char why[160];
	const char *name = s->passage ? s->passage->server_name : NULL;
	tls_reason(s->ssl, name, why, sizeof why);
	emit(s);
	stream_fail(s, -EPROTO, true, "TLS: %s", why);
}

static void handshake(struct stream *s)
{
	ERR_clear_error();
	int n = SSL_do_handshake(s->ssl);
	if (n != 1 && SSL_get_error(s->ssl, n) != SSL_ERROR_WANT_READ) {
		fail(s);
		return;
	}
	int err = emit(s);
	if (err) {
		stream_fail(s, err, false, "TLS handshake: %s", uv_strerror(err));
	} else if (n == 1) {
		s->peer_name = tls_peer_name(s->ssl);
		stream_opened(s);
	}
}

int secure_start(struct stream *s)
{
	const char *name = s->passage ? s->passage->server_name : NULL;
	BIO *bio = bio_of(s->turn);

	s->ssl = SSL_new(s->tls->ctx);
	if (!s->ssl) {
		BIO_free(bio);
		return -ENOMEM;
	}
	SSL_set_bio(s->ssl, bio, bio);
	struct clock *c = s->tls->clock ? s->tls->clock : s->host->clock;
	X509_VERIFY_PARAM_set_time(SSL_get0_param(s->ssl), clock_wall_ms(c) / 1000);
	if (s->server) {
		SSL_set_accept_state(s->ssl);
		return 0;
	}
	SSL_set_connect_state(s->ssl);
	if (name)
		tls_expect_name(s->ssl, name);
	handshake(s);
	return 0;
}

void secure_input(struct stream *s, struct str bytes)
{
	struct turn *t = s->turn;
	t->in = bytes;
	if (s->state == STREAM_HANDSHAKE)
		handshake(s);
	while (s->state == STREAM_OPEN && !s->eof) {
		ERR_clear_error();
		int n = SSL_read(s->ssl, t->plain, TURN_PLAIN);
		if (n > 0) {
			stream_deliver(s, (struct str){t->plain, (size_t)n});
			continue;
		}
		int what = SSL_get_error(s->ssl, n);
		if (what == SSL_ERROR_ZERO_RETURN)
			stream_ended(s);
		else if (what != SSL_ERROR_WANT_READ)
			fail(s);
		break;
	}
	t->in = STR_NONE;
	int err = emit(s);
	if (err)
		stream_fail(s, err, false, "writing failed: %s", uv_strerror(err));
}

int secure_write(struct stream *s, struct str bytes)
{
	ERR_clear_error();
	if (SSL_write(s->ssl, bytes.p, (int)bytes.n) <= 0)
		return -EPROTO;
	return emit(s);
}

void secure_end(struct stream *s)
{
	ERR_clear_error();
	SSL_shutdown(s->ssl);
	if (emit(s))
		stream_fail(s, -EPIPE, false, "closed by the peer");
}
