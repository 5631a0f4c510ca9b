/* imsrig ca: the certificate authority of `imsrig up`, and how to trust it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/user_ca.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenarios/player/rig.h"

enum { EXIT_ERROR = 3, EXIT_WRONG_USAGE = 4 };
#define CA_NAME "imsrig lab CA"

/* An empty or relative XDG_DATA_HOME counts as unset. */
static int put_data_home(struct buf *dir)
{
	const char *home = getenv("XDG_DATA_HOME");
	const struct passwd *user;

	if (home && home[0] == '/') {
		buf_fmt(dir, "%s", home);
		return 0;
	}
	home = getenv("HOME");
	if (!home || home[0] != '/')
		home = (user = getpwuid(getuid())) ? user->pw_dir : NULL;
	if (!home)
		return -ENOENT;
	buf_fmt(dir, "%s/.local/share", home);
	return 0;
}

/* The directories above, as far as they are missing. */
static int make_way(const struct buf *dir)
{
	char *path = dir->p;

	for (char *p = path + 1; p < path + dir->n; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		int err = mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
		*p = '/';
		if (err)
			return err;
	}
	return 0;
}

int user_ca_open(struct buf *dir, char why[256])
{
	int err = put_data_home(dir);

	if (err) {
		snprintf(why, 256, "no home directory: set HOME or XDG_DATA_HOME");
		return err;
	}
	buf_fmt(dir, "/imsrig/ca");
	if ((err = make_way(dir))) {
		snprintf(why, 256, "cannot make %.180s: %s", buf_z(dir), strerror(-err));
		return err;
	}
	return lab_make_ca(buf_z(dir), CA_NAME, RIG_DOMAIN, why);
}

static const char usage[] =
	"usage: imsrig ca [--path]\n"
	"\n"
	"Where the certificate authority of `imsrig up` is, and how browsers come to trust it.\n"
	"  --path   print the path of its certificate and nothing else\n";

/* DIR is ca's place, in the words below. */
static const char steps[] =
	"\n"
	"It signs what `imsrig up` shows to browsers. It is this user's own, it stays the same, and\n"
	"it counts for names below " RIG_DOMAIN " and for addresses alone. Its key lies beside it,\n"
	"readable by you alone: whoever has it could pose as any address to browsers that trust it.\n"
	"\n"
	"Chromium and Chrome on Linux (certutil is in the Debian package libnss3-tools):\n"
	"  mkdir -p ~/.pki/nssdb\n"
	"  certutil -d sql:$HOME/.pki/nssdb -L >/dev/null 2>&1 ||\n"
	"    certutil -d sql:$HOME/.pki/nssdb -N --empty-password\n"
	"  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n \"" CA_NAME "\" -i \"%s\"\n"
	"  Then start the browser again. Elsewhere: Settings, Privacy and security, Security,\n"
	"  Manage certificates, Local certificates, Import.\n"
	"Firefox:\n"
	"  Settings, Privacy & Security, Certificates, View Certificates, Authorities, Import; choose\n"
	"  the file above and tick that it may identify websites.\n"
	"curl:\n"
	"  curl --cacert \"%s\" https://127.1.0.10:8443/\n"
	"\n"
	"To take the trust back:\n"
	"  certutil -d sql:$HOME/.pki/nssdb -D -n \"" CA_NAME "\"\n"
	"  rm -r \"%s\"      (the next `imsrig up` makes a new one)\n"
	"\n"
	"Without it: open the page and, once, the edge's address that `imsrig up` prints, and accept\n"
	"the certificate of each; a browser asks no such question for a WebSocket.\n";

int ca_main(int argc, char **argv)
{
	static const struct option options[] = {{"path", no_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'}, {0}};
	bool path_only = false;
	struct buf dir = {0}, path = {0};
	char why[256];
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (c != 'p')
			break;
		path_only = true;
	}
	if (c >= 0 || optind < argc) {
		fputs(usage, stderr);
		return EXIT_WRONG_USAGE;
	}
	int err = user_ca_open(&dir, why);
	if (err)
		fprintf(stderr, "imsrig ca: %s\n", why);
	buf_fmt(&path, "%s/ca.pem", buf_z(&dir));
	if (!err)
		puts(buf_z(&path));
	if (!err && !path_only)
		printf(steps, buf_z(&path), buf_z(&path), buf_z(&dir));
	buf_free(&path);
	buf_free(&dir);
	return err ? EXIT_ERROR : 0;
}
