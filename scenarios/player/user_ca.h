/* The certificate authority of `imsrig up`: one a user, kept, so that a browser that has
 * been told to trust it does so at the next `up`, too.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/buf.h"

/* Appends its directory: $XDG_DATA_HOME/imsrig/ca, else ~/.local/share/imsrig/ca; it is made
 * when there is none (directory 0700, key 0600). 0, or a negative errno with a sentence. */
int user_ca_open(struct buf *dir, char why[256]);
