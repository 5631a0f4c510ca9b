/* Subscriber commands on a store: behind the HSS's admin socket, and of the command line
 * on a database file.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "hss/store.h"

/* Runs a command of the admin socket and returns its answer (a new reference), NULL when
 * `cmd` is none of these:
 *	subscriber.add     {"yaml":"..","name":"FILE","replace":false} or
 *	                   {"range":"user%06d","count":N,"first":1,"password":"..","realm":"..",
 *	                    "k":"..","opc":".."}
 *	                   -> {"ok":true,"added":N,"replaced":N,"same":N}
 *	subscriber.list    {"after":"..","limit":100} -> {"ok":true,"names":[..],"count":N}
 *	subscriber.show    {"name":"name, IMPI or IMPU"} -> {"ok":true,"subscription":{..}}
 *	subscriber.remove  {"name":".."} -> {"ok":true}
 *	state              {"impi":"..","impu":".."} -> {"ok":true,"state":"registered",
 *	                   "auth_pending":false,"server_name":"..","origin_host":".."}
 * All of an add happens, or none of it. */
json_t *subscriber_command(struct store *s, const json_t *args);

/* imsrig subscriber add|list|show|remove|validate ...; the exit code. */
int subscriber_main(int argc, char **argv);
