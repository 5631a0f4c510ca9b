/* Small files that must be whole: keys and what else is lost when a write is.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "common/base/str.h"

/* Writes the text beside `path` (mode 0600), then puts it there in one step, on disk when this
 * returns: whoever opens the file finds the old text or the new one. `anew`: only where there is
 * none, -EEXIST. 0 or -errno. */
int file_put(const char *path, struct str text, bool anew);
