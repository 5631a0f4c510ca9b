/* S-CSCF selection (TS 29.228 6.7).
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "icscf/icscf.h"

static int64_t one[] = {1, 10}, two[] = {2, 10, 11}, none[] = {0};
static struct scscf_row rows[] = {
	{"sip:one", {one, 2}},
	{"sip:two", {two, 3}},
	{"sip:plain", {none, 0}},
};
static const struct conf_list list = {rows, 3};

static void picks(const char *name, struct cx_capabilities wanted)
{
	struct str got = icscf_select(&list, &wanted);
	if (name)
		assert_true(str_eq(got, str_of(name)));
	else
		assert_null(got.p);
}

static void mandatory_ones_must_all_be_there(void **state)
{
	picks("sip:one", (struct cx_capabilities){.mandatory = {1}, .n_mandatory = 1});
	picks("sip:two", (struct cx_capabilities){.mandatory = {10, 2}, .n_mandatory = 2});
	picks(NULL, (struct cx_capabilities){.mandatory = {1, 2}, .n_mandatory = 2});
}

static void optional_ones_decide_between_those_left(void **state)
{
	picks("sip:two", (struct cx_capabilities){
		.mandatory = {10}, .n_mandatory = 1, .optional = {11, 99}, .n_optional = 2});
	picks("sip:one", (struct cx_capabilities){
		.mandatory = {10}, .n_mandatory = 1, .optional = {99}, .n_optional = 1});
}

static void nothing_wanted_takes_the_first(void **state)
{
	picks("sip:one", (struct cx_capabilities){0});
}

static void names_come_before_capabilities(void **state)
{
	picks("sip:other", (struct cx_capabilities){
		.mandatory = {1}, .n_mandatory = 1, .names = {STR("sip:other")}, .n_names = 1});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mandatory_ones_must_all_be_there),
		cmocka_unit_test(optional_ones_decide_between_those_left),
		cmocka_unit_test(nothing_wanted_takes_the_first),
		cmocka_unit_test(names_come_before_capabilities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
