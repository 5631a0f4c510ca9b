/* The WWSF's configuration and page.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/conf/conf.h"

struct wwsf_conf {
	struct addr listen;
	char *cert, *key;              /* PEM files */
	char *domain;                  /* home domain of the IMS */
	char *edge;                    /* wss:// URI of the eP-CSCF or WAAF */
	struct conf_list users;        /* of struct wwsf_user */
};
struct wwsf_user {
	char *user, *impi;
	struct conf_list impus;        /* of char * */
};

/* "wss://host:port" of the edge, for connect-src. */
struct str wwsf_edge_origin(const struct wwsf_conf *conf);

/* Files of wwsf/page, embedded by the build, and the bundle of its script. Where that could
 * not be made, a script that says so stands in its place, and wwsf_page_absent says why. */
extern const struct str wwsf_page_index_html, wwsf_page_style_css, wwsf_page_wic_js;
extern const struct str wwsf_page_absent;
