/* imsrig web-password: a hash for the WWSF's (or the WAF's) table of users.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wwsf/web_password.h"

#include <getopt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/str.h"
#include "common/crypto/password.h"

enum { EXIT_WRONG_USAGE = 4, LINE = 1026 };

static const char usage[] =
	"usage: imsrig web-password [--cost N]\n"
	"\n"
	"Reads a password, from the terminal without showing it or from standard input, and\n"
	"prints its yescrypt hash, for password-hash of a web user.\n"
	"  --cost N   1 (fast, for a lab) to 11; without it the library's default\n";

/* One line; a terminal does not show it. 0 or -1. */
static int read_password(char out[LINE])
{
	struct termios was, silent;
	bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &was) == 0;

	if (terminal) {
		silent = was;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		fputs("Password: ", stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	char *line = fgets(out, LINE, stdin);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fputc('\n', stderr);
	}
	if (!line)
		return -1;
	out[strcspn(out, "\n")] = 0;
	return *out && strlen(out) < LINE - 1 ? 0 : -1;
}

int web_password_main(int argc, char **argv)
{
	static const struct option options[] = {{"cost", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'}, {0}};
	char password[LINE], hash[PASSWORD_HASH_SIZE];
	uint32_t cost = 0;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (c != 'c' || str_u32(str_of(optarg), &cost) || cost < 1 || cost > 11) {
			fputs(usage, stderr);
			return EXIT_WRONG_USAGE;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return EXIT_WRONG_USAGE;
	}
	if (read_password(password)) {
		fputs("imsrig web-password: a password has 1 to 1024 octets\n", stderr);
		return EXIT_WRONG_USAGE;
	}
	int err = password_hash(password, (int)cost, hash);
	OPENSSL_cleanse(password, sizeof password);
	if (err) {
		fputs("imsrig web-password: this system's crypt(3) makes no yescrypt hash\n", stderr);
		return EXIT_FAILURE;
	}
	puts(hash);
	return 0;
}
