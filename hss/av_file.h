/* A synchronisation: what the authentication service of one WWSF hands over about its users
 * (TR 33.871, direct authentication), as lines of a CSV file (docs/av-proxy.md):
 *	wwsf,wwsf.ims.example.org
 *	realm,web.ims.example.org
 *	algorithms,MD5,SHA-256
 *	qop,auth
 *	made,2026-11-26T10:00:00Z
 *	user,WEB-IDENTITY,IMPI,IMPU,HA1 of each algorithm
 *	end,NUMBER OF USERS
 * The end line tells a whole file from one that was cut short or is still being written.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/mem.h"
#include "common/crypto/digest.h"

enum { AV_LINE_MAX = 2048, AV_NAME_MAX = 256, AV_ALGORITHMS = 2 };

struct av_user {
	struct str web_identity;       /* NAI; its host in lower case */
	struct str impi, impu;         /* impu canonical */
	struct str ha1[AV_ALGORITHMS]; /* by enum digest_algorithm, lower-case hex; p NULL: none */
};
struct av_file {
	char wwsf[AV_NAME_MAX];        /* lower case, without a dot behind */
	char realm[AV_NAME_MAX];
	bool has[AV_ALGORITHMS];       /* by enum digest_algorithm */
	enum digest_algorithm order[AV_ALGORITHMS];    /* of the file's columns */
	size_t n_algorithms;
	int64_t made_ms;               /* since 1970; 0: not said */
	int64_t users;
	bool begun, ended;             /* a user has come; the end line has */
	uint8_t seen;                  /* lines of the head, a bit each */
};
enum av_line { AV_LINE_OTHER, AV_LINE_USER, AV_LINE_END };

/* The next line, without its line end, of a file that was zeroed at its start. *user is filled in
 * for AV_LINE_USER; its texts are in the arena or in the line. -EINVAL with a sentence in `why`,
 * which names no secret. */
int av_file_line(struct av_file *f, struct str line, struct av_user *user, struct arena *a,
	char why[256]);
/* After the last line. */
int av_file_finish(const struct av_file *f, char why[256]);

/* Line by line, as long as `h` returns 0. What it returned, or -ENOENT, -EIO, -EINVAL with a
 * sentence. */
typedef int(av_line_h)(struct str line, int64_t number, void *arg);
int av_file_read(const char *path, av_line_h *h, void *arg, char why[512]);
/* Is the file good by itself? -ENOENT, -EIO, -EINVAL with a sentence. */
int av_file_check(const char *path, char why[512]);

/* Of a web identity as it comes in User-Name: its domain in lower case; p NULL when it is none
 * (letters, digits and ._+- before the @, a host name behind). */
struct str av_nai(struct str text, struct arena *a);
/* A host name in lower case, without a dot behind; p NULL when it is none. */
struct str av_host_name(struct str text, struct arena *a);
