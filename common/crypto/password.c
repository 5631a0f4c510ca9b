/* Password hashes by crypt(3).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto/password.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "common/base/mem.h"

enum { HASH = 43, SALT_MAX = 86, PARAMS_MAX = 32 };

static const char letters[] =
	"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Of random octets, with the library's default cost: nobody's password. */
static const char nobody[] = "$y$j9T$kWJIdcmVm3HJaAKe481YA1$wC2D1YlD/OzF91CZ6YgO94N8imgjUkQv5qwE2LrfN0A";

/* Runs the hash over; "" when the library refuses. */
static void run(const char *password, const char *setting, char out[PASSWORD_HASH_SIZE])
{
	struct crypt_data *d = mem_zalloc(sizeof *d); /* 32 KiB: not on a worker's stack */
	const char *got = crypt_r(password, setting, d);
	if (!got || !str_copy(str_of(got), out, PASSWORD_HASH_SIZE) || !password_hash_ok(out))
		out[0] = '\0';
	explicit_bzero(d, sizeof *d);
	free(d);
}

int password_hash(const char *password, int cost, char out[PASSWORD_HASH_SIZE])
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	out[0] = '\0';
	if (cost < 0 || cost > 11 || strlen(password) >= CRYPT_MAX_PASSPHRASE_SIZE)
		return -EINVAL;
	if (!crypt_gensalt_rn("$y$", (unsigned long)cost, NULL, 0, setting, sizeof setting))
		return errno ? -errno : -EINVAL;
	run(password, setting, out);
	return out[0] ? 0 : -ENOMEM;
}

bool password_check(const char *password, const char *hash)
{
	char got[PASSWORD_HASH_SIZE];
	bool known = hash && password_hash_ok(hash);
	const char *want = known ? hash : nobody;
	run(password, want, got);
	size_t n = strlen(got);
	bool same = n == strlen(want) && CRYPTO_memcmp(got, want, n) == 0;
	explicit_bzero(got, sizeof got);
	return same && known;
}

bool password_hash_ok(const char *hash)
{
	if (strncmp(hash, "$y$", 3) != 0)
		return false;
	const char *p = hash + 3;
	size_t params = strspn(p, letters);
	if (!params || params > PARAMS_MAX || p[params] != '$')
		return false;
	p += params + 1;
	size_t salt = strspn(p, letters);
	if (salt > SALT_MAX || p[salt] != '$')
		return false;
	p += salt + 1;
	return strlen(p) == HASH && strspn(p, letters) == HASH;
}
