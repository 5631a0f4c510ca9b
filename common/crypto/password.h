/* Password hashes by crypt(3), yescrypt ("$y$..."), as a shadow file has them.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "common/base/str.h"

enum { PASSWORD_HASH_SIZE = 384 };
/* A new hash with random salt; `cost` 1 to 11, 0: the library's default. Slow: off the loop. */
int password_hash(const char *password, int cost, char out[PASSWORD_HASH_SIZE]);
/* Constant-time comparison with the stored hash. Slow: off the loop. `hash` NULL: costs as
 * much as a real one and is false, so that an unknown user takes as long as a wrong password.
 * A hash of another method than yescrypt is false. */
bool password_check(const char *password, const char *hash);
/* Form of a stored hash that password_check takes. */
bool password_hash_ok(const char *hash);
