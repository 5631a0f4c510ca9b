/* Commands on an AV proxy's store: behind the HSS's admin socket (av_proxy.h lists them), and of
 * the command line on a database file.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "hss/av_store.h"

/* `like` says now, max-age and who is registered. NULL when `cmd` is none of these. */
json_t *av_command(struct av_store *s, const struct av_import *like, const json_t *args);

/* imsrig avproxy import|list|show|remove|status ...; the exit code. */
int avproxy_main(int argc, char **argv);
