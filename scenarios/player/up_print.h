/* What `imsrig up` says when its rig is there.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

/* Ports of the page, of the edge and of the WAF's sign-in on --listen's address. */
enum { UP_PAGE = 8443, UP_EDGE = 8444, UP_WAF = 8445 };

struct up_print {
	int network;                   /* R of 127.R.0.x */
	const char *listen;            /* NULL: only that */
	const char *ca;                /* directory of the lasting CA; NULL: there is none */
	const char *dir;               /* the run's directory */
	const char *root;              /* scenarios/ */
	const char *subscribers;       /* file */
	bool waf;                      /* users sign in at the WAF */
};
void up_print(const struct up_print *p);
