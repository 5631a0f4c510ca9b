/* Passwords compared off the loop.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/net/password_work.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/crypto/password.h"
#include "common/net/work.h"

enum { PASSWORD_MAX = 1024 };

/* The thread that compares touches nothing but this. */
struct compare {
	char password[PASSWORD_MAX + 1], hash[PASSWORD_HASH_SIZE];
	bool right;
	password_work_h *h;
	void *arg;
};

static void compare_free(struct compare *c)
{
	OPENSSL_cleanse(c, sizeof *c);
	free(c);
}

static void compare(void *arg)
{
	struct compare *c = arg;
	c->right = password_check(c->password, c->hash[0] ? c->hash : NULL);
}

static void compared(void *arg, bool cancelled)
{
	struct compare *c = arg;
	c->h(c->right, cancelled, c->arg);
	compare_free(c);
}

int password_work(struct host *host, int most, struct str password, struct str hash,
	password_work_h *h, void *arg)
{
	struct compare *c = MEM_NEW(struct compare);
	c->h = h;
	c->arg = arg;
	if (str_copy(password, c->password, sizeof c->password)) /* else it is none that has a hash */
		str_copy(hash, c->hash, sizeof c->hash);
	int err = work_start(host, most, compare, compared, c);
	if (err)
		compare_free(c);
	return err;
}
