/* Key pairs of tokens in a file.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/crypto/token_inside.h"

static int fault(char why[512], int err, const char *path, const char *what)
{
	snprintf(why, 512, "%.300s: %.180s", path, what ? what : strerror(err));
	return -err;
}

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_free(b);
}

int token_keys_save(const struct token_keys *k, const char *path, char why[512])
{
	struct buf b = {0};
	for (size_t i = 0; i < k->n; i++)
		if (!k->key[i].pair)
			return fault(why, EINVAL, path, "a key without its private half");
	buf_reserve(&b, TOKEN_SET_MAX); /* never moves: no copy stays behind */
	token_keys_put(&b, k, true);
	int err = file_put(path, buf_str(&b), false);
	wipe(&b);
	return err ? fault(why, -err, path, NULL) : 0;
}

static int read_file(const char *path, struct buf *b, char why[512])
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	if (fd < 0)
		return fault(why, errno, path, NULL);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		err = fault(why, EINVAL, path, "not a file");
	else if (st.st_mode & 077)
		err = fault(why, EACCES, path, "others may read the private keys: chmod 600");
	buf_reserve(b, TOKEN_SET_MAX + 1);
	while (!err && b->n <= TOKEN_SET_MAX) {
		ssize_t n = read(fd, b->p + b->n, TOKEN_SET_MAX + 1 - b->n);
		if (n == 0)
			break;
		if (n > 0)
			b->n += (size_t)n;
		else if (errno != EINTR)
			err = fault(why, errno, path, NULL);
	}
	close(fd);
	return err;
}

int token_keys_load(struct token_keys *k, const char *path, char why[512])
{
	struct buf b = {0};
	int err = read_file(path, &b, why);
	const char *bad = err ? NULL : token_keys_take(k, buf_str(&b), true);
	wipe(&b);
	return bad ? fault(why, EBADMSG, path, bad) : err;
}
