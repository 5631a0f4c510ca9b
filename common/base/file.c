/* Small files that must be whole.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_all(int fd, struct str s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		s = str_skip(s, (size_t)n);
	}
	return fsync(fd) ? -errno : 0;
}

/* The name is on disk when its directory is. */
static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX] = ".";

	if (slash && !str_copy((struct str){path, (size_t)(slash - path) + 1}, directory,
			     sizeof directory))
		return -ENAMETOOLONG;
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int err = fsync(fd) ? -errno : 0;
	close(fd);
	return err;
}

int file_put(const char *path, struct str text, bool anew)
{
	char fresh[PATH_MAX];
	if (snprintf(fresh, sizeof fresh, "%s.XXXXXX", path) >= (int)sizeof fresh)
		return -ENAMETOOLONG;
	int fd = mkostemp(fresh, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return -errno;
	int err = write_all(fd, text);
	if (close(fd) && !err)
		err = -errno;
	if (!err && (anew ? link : rename)(fresh, path))
		err = -errno;
	if (err || anew)
		unlink(fresh);
	return err ? err : sync_directory(path);
}
