/* Flow tokens.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/edge/flow_token.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "common/base/b64url.h"
#include "common/base/log.h"

enum { MAC = 10, BODY_MAX = 1 + 1 + 16 + 2 + 8 };

void edge_flow_token_key_draw(struct edge_flow_token_key *k, struct chance *c)
{
	chance_bytes(c, k->bytes, sizeof k->bytes);
}

/* Fetching the algorithm costs more than the sum, so it is kept. */
static EVP_MAC_CTX *hmac(void)
{
	static EVP_MAC_CTX *kept;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end()};

	if (kept)
		return kept;
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	kept = EVP_MAC_CTX_new(mac);
	if (!kept || !EVP_MAC_CTX_set_params(kept, params)) {
		log_error("edge", "OpenSSL has no HMAC with SHA-256");
		abort();
	}
	EVP_MAC_free(mac); /* the context holds it */
	return kept;
}

static void mac_of(
	const struct edge_flow_token_key *k, const uint8_t *body, size_t n, uint8_t out[32])
{
	EVP_MAC_CTX *c = hmac();
	size_t len = 0;
	EVP_MAC_init(c, k->bytes, sizeof k->bytes, NULL);
	EVP_MAC_update(c, body, n);
	EVP_MAC_final(c, out, &len, 32);
}

static size_t put(uint8_t *at, const void *p, size_t n)
{
	memcpy(at, p, n);
	return n;
}

static bool websocket(enum sip_transport t)
{
	return t == SIP_WS || t == SIP_WSS;
}

/* transport, then the connection (WebSocket) or family, address, port, connection. */
static size_t body_of(const struct sip_hop *h, uint8_t out[BODY_MAX])
{
	size_t n = 0;
	out[n++] = (uint8_t)h->transport;
	if (!websocket(h->transport)) {
		bool v6 = h->remote.sa.sa_family == AF_INET6;
		out[n++] = v6 ? 6 : 4;
		n += v6 ? put(out + n, &h->remote.in6.sin6_addr, 16)
			: put(out + n, &h->remote.in.sin_addr, 4);
		n += put(out + n, &h->remote.in.sin_port, 2);
		if (h->transport == SIP_UDP)
			return n;
	}
	return n + put(out + n, &h->conn, 8);
}

void edge_flow_token_write(const struct edge_flow_token_key *k, const struct sip_hop *hop,
	char out[EDGE_FLOW_TOKEN_SIZE])
{
	uint8_t raw[BODY_MAX + 32];
	size_t n = body_of(hop, raw);

	mac_of(k, raw, n, raw + n);
	out[0] = websocket(hop->transport) ? 'w' : 'a';
	b64url_write(raw, n + MAC, out + 1);
}

static int read_body(const uint8_t *p, size_t n, struct sip_hop *h)
{
	uint8_t again[BODY_MAX];
	size_t at = 1;

	*h = (struct sip_hop){.transport = (enum sip_transport)p[0], .in = true};
	if (!websocket(h->transport)) {
		bool v6 = p[1] == 6;
		h->remote.sa.sa_family = v6 ? AF_INET6 : AF_INET;
		memcpy(v6 ? (void *)&h->remote.in6.sin6_addr
			  : (void *)&h->remote.in.sin_addr,
			p + 2, v6 ? 16 : 4);
		at = v6 ? 18 : 6;
		memcpy(&h->remote.in.sin_port, p + at, 2);
		at += 2;
	}
	if (h->transport != SIP_UDP)
		memcpy(&h->conn, p + at, 8);
	return body_of(h, again) == n && memcmp(again, p, n) == 0 ? 0 : -EINVAL;
}

int edge_flow_token_read(const struct edge_flow_token_key *k, struct str token, struct sip_hop *hop)
{
	uint8_t raw[BODY_MAX + MAC] = {0}, mac[32];
	size_t n;
	if (!token.n || token.n > 1 + B64URL_N(sizeof raw) ||
		b64url_read(str_skip(token, 1), raw, &n) || n < MAC + 8)
		return -EINVAL;
	n -= MAC;
	mac_of(k, raw, n, mac);
	if (CRYPTO_memcmp(mac, raw + n, MAC) != 0 || read_body(raw, n, hop))
		return -EINVAL;
	return token.p[0] == (websocket(hop->transport) ? 'w' : 'a') ? 0 : -EINVAL;
}
