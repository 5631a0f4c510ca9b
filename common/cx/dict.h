/* The rows of avp.def and message.def in libfdproto's dictionary.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
struct dictionary;
struct dict_object;

/* Vendors, application, AVPs with their enumerations, commands, the carrier; what the
 * dictionary has already stays as it is. 0 or a negative errno. */
int cx_dict_add(struct dictionary *d, struct dict_object **application,
	struct dict_object **vendor);
/* The lists of the commands and grouped AVPs, for those who let libfdproto check them. */
int cx_dict_add_rules(struct dictionary *d);
