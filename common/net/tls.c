/* TLS settings, and what is said when a handshake fails.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/net/inside.h"

/* A key file with a passphrase is refused rather than asked for on the terminal. */
static int no_passphrase(char *buf, int size, int rw, void *arg)
{
	return 0;
}

static int on_verify(int ok, X509_STORE_CTX *store);

static int load(SSL_CTX *ctx, const struct tls_conf *conf, char why[256])
{
	const char *file = conf->cert;
	if (conf->cert && SSL_CTX_use_certificate_chain_file(ctx, conf->cert) != 1)
		goto out;
	file = conf->key;
	if (conf->key &&
		SSL_CTX_use_PrivateKey_file(ctx, conf->key, SSL_FILETYPE_PEM) != 1)
		goto out;
	if (conf->cert && SSL_CTX_check_private_key(ctx) != 1)
		goto out;
	file = conf->ca;
	if (conf->ca && SSL_CTX_load_verify_file(ctx, conf->ca) != 1)
		goto out;
	return 0;
out:;
	const char *text = ERR_reason_error_string(ERR_peek_last_error());
	snprintf(why, 256, "%s: %s", file ? file : "no key file",
		text ? text : "unreadable");
	return -EINVAL;
}

int tls_new(const struct tls_conf *conf, bool server, struct tls **out, char why[256])
{
	ERR_clear_error();
	if (server && (!conf->cert || !conf->key)) {
		snprintf(why, 256, "a TLS server needs a certificate and a key");
		return -EINVAL;
	}
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (!ctx) {
		snprintf(why, 256, "OpenSSL gives no TLS context");
		return -ENOMEM;
	}
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(
		ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	if (load(ctx, conf, why)) {
		SSL_CTX_free(ctx);
		return -EINVAL;
	}
	if (conf->ca) {
		int demand = conf->require_peer ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | demand, on_verify);
		/* A resumed session would skip the check of a certificate whose time is up. */
		if (server)
			SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		if (server && conf->any_purpose)
			SSL_CTX_set_purpose(ctx, X509_PURPOSE_ANY);
	}
	struct tls *t = MEM_NEW(struct tls);
	*t = (struct tls){.ctx = ctx, .clock = conf->clock, .refs = 1};
	*out = t;
	return 0;
}

struct tls *tls_ref(struct tls *t)
{
	t->refs++;
	return t;
}

void tls_free(struct tls *t)
{
	if (!t || --t->refs)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

void tls_expect_name(SSL *ssl, const char *name)
{
	struct addr a;
	if (addr_parse(str_of(name), 0, &a) == 0) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), addr_host(&a));
		return;
	}
	SSL_set_tlsext_host_name(ssl, name);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	SSL_set1_host(ssl, name);
}

/* ---- names in a certificate ---- */

/* One subjectAltName as text: DNS name, URI or address. */
static struct str san_text(const GENERAL_NAME *g, char ip[48])
{
	int type;
	ASN1_STRING *v = GENERAL_NAME_get0_value(g, &type);
	if (type == GEN_DNS || type == GEN_URI)
		return (struct str){(const char *)ASN1_STRING_get0_data(v),
			(size_t)ASN1_STRING_length(v)};
	struct addr a = {0};
	int n = type == GEN_IPADD ? ASN1_STRING_length(v) : 0;
	if (n == 4) {
		a.in.sin_family = AF_INET;
		memcpy(&a.in.sin_addr, ASN1_STRING_get0_data(v), 4);
	} else if (n == 16) {
		a.in6.sin6_family = AF_INET6;
		memcpy(&a.in6.sin6_addr, ASN1_STRING_get0_data(v), 16);
	} else {
		return STR_NONE;
	}
	str_copy(str_of(addr_host(&a)), ip, 48);
	return str_of(ip);
}

static GENERAL_NAMES *sans(const X509 *cert)
{
	return cert ? X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL) : NULL;
}

static bool common_name(X509 *cert, char *out, size_t size)
{
	X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;
	return subject &&
		X509_NAME_get_text_by_NID(subject, NID_commonName, out, (int)size) > 0;
}

char *tls_peer_name(SSL *ssl)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	GENERAL_NAMES *names = sans(cert);
	char *found = NULL, text[256];

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type == GEN_DNS)
			found = str_dup(san_text(g, text));
	}
	GENERAL_NAMES_free(names);
	if (!found && common_name(cert, text, sizeof text))
		found = str_dup(str_of(text));
	return found;
}

struct str stream_peer_name(const struct stream *s)
{
	return str_of(s->peer_name);
}

bool stream_peer_has_name(const struct stream *s, struct str name)
{
	GENERAL_NAMES *names = s->ssl ? sans(SSL_get0_peer_certificate(s->ssl)) : NULL;
	bool found = false;
	char ip[48];
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++)
		found = str_ieq(name, san_text(sk_GENERAL_NAME_value(names, i), ip));
	GENERAL_NAMES_free(names);
	return found;
}

/* ---- what went wrong ---- */

/* "wwsf.ims.example.org, 127.0.0.10", or the common name. */
static void names_of(X509 *cert, char *out, size_t size)
{
	GENERAL_NAMES *names = sans(cert);
	char ip[48];
	size_t at = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && at < size; i++) {
		struct str t = san_text(sk_GENERAL_NAME_value(names, i), ip);
		if (t.n)
			at += (size_t)snprintf(out + at, size - at, "%s" STR_FMT,
				at ? ", " : "", STR_ARG(t));
	}
	GENERAL_NAMES_free(names);
	if (!at && !common_name(cert, out, size))
		str_copy(STR("nobody"), out, size);
}

/* Whose certificate failed last: OpenSSL lets go of it before the handshake returns. */
static char failed[100];

static int on_verify(int ok, X509_STORE_CTX *store)
{
	X509 *cert = ok ? NULL : X509_STORE_CTX_get_current_cert(store);
	if (cert)
		names_of(cert, failed, sizeof failed);
	return ok;
}

static void verdict(long result, const char *want, char *out, size_t n)
{
	const char *names = failed;
	switch (result) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		snprintf(out, n, "the certificate of %s has expired", names);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		snprintf(out, n, "the certificate of %s is not valid yet", names);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		snprintf(out, n, "the certificate is for %s, not for %s", names,
			want ? want : "this name");
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		snprintf(out, n,
			"the certificate of %s is from a CA that is not trusted here",
			names);
		break;
	case X509_V_ERR_INVALID_PURPOSE:
		snprintf(out, n,
			"the certificate of %s is not for this side of a connection",
			names);
		break;
	default:
		snprintf(out, n, "the certificate of %s: %s", names,
			X509_verify_cert_error_string(result));
	}
}

void tls_reason(SSL *ssl, const char *server_name, char *out, size_t n)
{
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_REASON(e);
	long result = SSL_get_verify_result(ssl);

	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && result != X509_V_OK) {
		verdict(result, server_name, out, n);
	} else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
		snprintf(out, n, "the peer showed no certificate");
	} else if (reason == SSL_R_WRONG_VERSION_NUMBER) {
		snprintf(out, n, "what came is no TLS");
	} else if (reason == SSL_R_HTTP_REQUEST) {
		snprintf(out, n, "the peer speaks plain HTTP on a TLS port");
	} else if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET) {
		int alert = reason - SSL_AD_REASON_OFFSET;
		snprintf(out, n, "the peer refused: %s",
			alert == SSL_AD_CERTIFICATE_REQUIRED /* unknown to this function
							      */
				? "certificate required"
				: SSL_alert_desc_string_long(alert));
	} else {
		const char *text = ERR_reason_error_string(e);
		snprintf(out, n, "%s", text ? text : "the peer broke the connection");
	}
}
