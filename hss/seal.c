/* Secrets at rest.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hss/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"

enum { N_KEY = 32, N_NONCE = 12, N_TAG = 16 };

struct seal {
	EVP_CIPHER_CTX *ctx;           /* AES-256-GCM with the key */
	uint8_t print_key[32];
};

/* ---- the key's file ---- */

static int fail(int err, char why[512], const char *path, const char *what)
{
	snprintf(why, 512, "key file %s: %s", path, what);
	return err;
}

static int make(const char *path, char why[512])
{
	uint8_t key[N_KEY];
	char text[2 * N_KEY + 2];
	int err = RAND_bytes(key, sizeof key) == 1 ? 0 : -EIO;

	hex_of(key, sizeof key, text);
	text[2 * N_KEY] = '\n';
	if (!err)
		err = file_put(path, (struct str){text, 2 * N_KEY + 1}, true);
	explicit_bzero(key, sizeof key);
	explicit_bzero(text, sizeof text);
	if (!err || err == -EEXIST) /* somebody else's, made just now, is as good */
		return 0;
	return fail(-EIO, why, path, err == -ENOSPC ? "there is no room for it" : strerror(-err));
}

static int read_key(int fd, const char *path, uint8_t key[N_KEY], char why[512])
{
	char text[2 * N_KEY + 2];
	struct stat st;

	if (fstat(fd, &st))
		return fail(-EIO, why, path, strerror(errno));
	if (st.st_mode & 077)
		return fail(-EPERM, why, path, "others than its owner may read it; chmod 600");
	ssize_t n = read(fd, text, sizeof text);
	struct str hex = str_trim((struct str){text, n > 0 ? (size_t)n : 0});
	int err = str_hex(hex, key, N_KEY);
	explicit_bzero(text, sizeof text);
	return err ? fail(-EINVAL, why, path, "it does not hold the 64 hex digits of a key; put the "
					      "right file back") : 0;
}

/* ---- open and close ---- */

/* HMAC-SHA-256. */
static void mac(const uint8_t key[N_KEY], struct str text, uint8_t out[32])
{
	unsigned n = 32;
	if (HMAC(EVP_sha256(), key, N_KEY, (const uint8_t *)text.p, text.n, out, &n))
		return;
	fprintf(stderr, "HMAC-SHA-256 failed\n");
	abort();
}

static struct seal *with_key(const uint8_t key[N_KEY])
{
	struct seal *s = MEM_NEW(struct seal);
	s->ctx = EVP_CIPHER_CTX_new();
	if (!s->ctx || !EVP_CipherInit_ex2(s->ctx, EVP_aes_256_gcm(), key, NULL, 1, NULL)) {
		fprintf(stderr, "OpenSSL has no AES-256-GCM\n");
		abort();
	}
	mac(key, STR("fingerprint"), s->print_key);
	return s;
}

int seal_open(const char *path, bool create, struct seal **out, char why[512])
{
	uint8_t key[N_KEY];
	int err = 0;

	if (create && access(path, F_OK) && errno == ENOENT && (err = make(path, why)))
		return err;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? fail(-ENOENT, why, path, "it is missing, and secrets were "
			"sealed with it; put it back, or move what it sealed away and provide it anew") :
			fail(-EIO, why, path, strerror(errno));
	err = read_key(fd, path, key, why);
	close(fd);
	if (!err)
		*out = with_key(key);
	explicit_bzero(key, sizeof key);
	return err;
}

void seal_close(struct seal *s)
{
	if (!s)
		return;
	EVP_CIPHER_CTX_free(s->ctx);
	explicit_bzero(s->print_key, sizeof s->print_key);
	free(s);
}

/* ---- values ---- */

static void must(int done)
{
	if (done == 1)
		return;
	fprintf(stderr, "AES-256-GCM failed\n");
	abort();
}

void seal_put(const struct seal *s, struct str plain, struct str about, void *out)
{
	uint8_t *nonce = out, *body = nonce + N_NONCE, *tag = body + plain.n;
	int n;

	must(RAND_bytes(nonce, N_NONCE));
	must(EVP_CipherInit_ex2(s->ctx, NULL, NULL, nonce, 1, NULL));
	must(EVP_CipherUpdate(s->ctx, NULL, &n, (const uint8_t *)about.p, (int)about.n));
	must(EVP_CipherUpdate(s->ctx, body, &n, (const uint8_t *)plain.p, (int)plain.n));
	must(EVP_CipherFinal_ex(s->ctx, tag, &n));
	must(EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, N_TAG, tag));
}

int seal_take(const struct seal *s, struct str sealed, struct str about, void *out)
{
	const uint8_t *nonce = (const uint8_t *)sealed.p, *body = nonce + N_NONCE;
	uint8_t tag[N_TAG], *at = out;
	int n;

	if (sealed.n < SEAL_EXTRA)
		return -EBADMSG;
	size_t plain = sealed.n - SEAL_EXTRA;
	memcpy(tag, body + plain, N_TAG);
	must(EVP_CipherInit_ex2(s->ctx, NULL, NULL, nonce, 0, NULL));
	must(EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_SET_TAG, N_TAG, tag));
	must(EVP_CipherUpdate(s->ctx, NULL, &n, (const uint8_t *)about.p, (int)about.n));
	must(EVP_CipherUpdate(s->ctx, at, &n, body, (int)plain));
	if (EVP_CipherFinal_ex(s->ctx, at + plain, &n) == 1)
		return 0;
	explicit_bzero(at, plain);
	return -EBADMSG;
}

uint64_t seal_print(const struct seal *s, uint64_t hash)
{
	uint8_t out[32];
	uint64_t print;

	mac(s->print_key, (struct str){(const char *)&hash, sizeof hash}, out);
	memcpy(&print, out, sizeof print);
	return print;
}
