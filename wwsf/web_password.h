/* imsrig web-password: a hash for a table of web users.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

int web_password_main(int argc, char **argv);
