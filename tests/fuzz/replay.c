/* Runs a fuzz target over the files of a corpus: what libFuzzer once found stays found.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int replay(const char *path)
{
	char piece[4096];
	struct buf b = {0};
	size_t n;
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		return 1;
	}
	while ((n = fread(piece, 1, sizeof piece, f)))
		buf_put(&b, piece, n);
	fclose(f);
	/* a block of exactly this size, so that a read past its end is seen */
	uint8_t *exact = malloc(b.n ? b.n : 1);
	if (b.n)
		memcpy(exact, b.p, b.n);
	LLVMFuzzerTestOneInput(exact, b.n);
	free(exact);
	buf_free(&b);
	return 0;
}

int main(int argc, char **argv)
{
	int bad = 0, ran = 0;

	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		if (!d) {
			bad |= replay(argv[i]);
			ran++;
			continue;
		}
		for (struct dirent *e; (e = readdir(d));) {
			struct buf path = {0};
			if (e->d_name[0] == '.')
				continue;
			buf_fmt(&path, "%s/%s", argv[i], e->d_name);
			bad |= replay(buf_z(&path));
			buf_free(&path);
			ran++;
		}
		closedir(d);
	}
	printf("%d inputs\n", ran);
	return bad || !ran;
}
