/* Verdicts (TTCN-3's order): only ever worsening; exit codes follow the worst.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

enum verdict { VERDICT_NONE, VERDICT_PASS, VERDICT_INCONC, VERDICT_FAIL, VERDICT_ERROR };

const char *verdict_name(enum verdict v);          /* "pass", "inconc", ... */
void verdict_worsen(enum verdict *v, enum verdict by);
/* 0 pass, 1 fail, 2 inconc, 3 error; none is an error: a planned step did not run. */
int verdict_exit(enum verdict v);

enum { EXIT_USAGE = 4 };
