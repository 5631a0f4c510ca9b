/* The S-CSCF's users, bindings and profiles.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scscf/profile.h"
#include "scscf/user.h"

static uv_loop_t loop;
static struct user_table table;
static int expired;

static int setup(void **state)
{
	uv_loop_init(&loop);
	table = (struct user_table){.clock = clock_new(&loop)};
	expired = 0;
	return 0;
}

static int teardown(void **state)
{
	user_table_reset(&table);
	clock_free(table.clock);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

static void on_expiry(struct timer *t, void *arg)
{
	expired++;
	binding_remove(arg);
}

static struct sip_contact contact(const char *text, const char *uri, const char *instance,
	uint32_t reg_id)
{
	struct sip_contact c = {.text = str_of(text), .instance = str_of(instance), .reg_id = reg_id};
	ptrdiff_t at = str_find(c.text, str_of(uri));
	assert_true(at >= 0);
	assert_int_equal(0, sip_uri_parse(&c.uri, (struct str){text + at, strlen(uri)}));
	return c;
}

static struct binding *keep(struct user *u, const struct sip_contact *c, int64_t ms)
{
	return binding_set(u, c, STR("call"), 1, STR("<sip:p;lr>"), ms, on_expiry);
}

static void any_identity_of_the_set_finds_the_user(void **state)
{
	struct user *u = user_new(&table, STR("a@x"), STR("sip:a@x"));
	user_add_identity(u, STR("tel:+1"));
	user_add_identity(u, STR("tel:+1"));
	assert_ptr_equal(u, user_find(&table, STR("a@x"), STR("sip:a@x")));
	assert_ptr_equal(u, user_find(&table, STR("a@x"), STR("tel:+1")));
	assert_null(user_find(&table, STR("b@x"), STR("sip:a@x")));
	assert_ptr_equal(u, user_by_id(&table, u->id));
	assert_true(str_eq(user_impu(u), STR("sip:a@x")));
	user_free(u);
	assert_null(user_find(&table, STR("a@x"), STR("tel:+1")));
}

static void instance_and_reg_id_name_a_flow(void **state)
{
	struct user *u = user_new(&table, STR("a@x"), STR("sip:a@x"));
	struct sip_contact one = contact("<sip:1@h.invalid>", "sip:1@h.invalid", "urn:uuid:1", 1);
	struct sip_contact again = contact("<sip:2@h.invalid>", "sip:2@h.invalid", "urn:uuid:1", 1);
	struct sip_contact other = contact("<sip:1@h.invalid>", "sip:1@h.invalid", "urn:uuid:2", 1);
	keep(u, &one, 1000);
	keep(u, &again, 1000);
	assert_int_equal(1, binding_count(u));
	keep(u, &other, 1000);
	assert_int_equal(2, binding_count(u));
}

static void without_them_the_uri_does(void **state)
{
	struct user *u = user_new(&table, STR("a@x"), STR("sip:a@x"));
	struct sip_contact one = contact("<sip:1@10.0.0.1:5060>", "sip:1@10.0.0.1:5060", NULL, 0);
	struct sip_contact two = contact("<sip:1@10.0.0.1:5070>", "sip:1@10.0.0.1:5070", NULL, 0);
	keep(u, &one, 1000);
	keep(u, &one, 1000);
	assert_int_equal(1, binding_count(u));
	keep(u, &two, 1000);
	assert_int_equal(2, binding_count(u));
}

static void contacts_of_all_users_of_an_identity_are_listed(void **state)
{
	struct user *web = user_new(&table, STR("web@x"), STR("sip:a@x"));
	struct user *phone = user_new(&table, STR("phone@x"), STR("sip:a@x"));
	struct sip_contact one = contact("<sip:1@h>", "sip:1@h", "urn:uuid:1", 1);
	struct sip_contact two = contact("<sip:2@h>", "sip:2@h", NULL, 0);
	struct buf out = {0};
	keep(web, &one, 60000);
	keep(phone, &two, 90000);
	binding_print(&table, STR("sip:a@x"), &out);
	assert_string_equal("<sip:2@h>;expires=90, "
		"<sip:1@h>;+sip.instance=\"urn:uuid:1\";reg-id=1;expires=60", buf_z(&out));
	buf_free(&out);
}

static void bindings_expire_on_the_rig_clock(void **state)
{
	struct user *u = user_new(&table, STR("a@x"), STR("sip:a@x"));
	struct sip_contact one = contact("<sip:1@h>", "sip:1@h", NULL, 0);
	keep(u, &one, 600000);
	clock_set_offset(table.clock, 599000);
	assert_int_equal(0, expired);
	clock_set_offset(table.clock, 601000);
	assert_int_equal(1, expired);
	assert_true(user_drop_if_idle(u));
}

static void flows_of_one_set_become_one_user(void **state)
{
	struct user *a = user_new(&table, STR("a@x"), STR("sip:a@x"));
	struct user *b = user_new(&table, STR("a@x"), STR("tel:+1"));
	struct user *other = user_new(&table, STR("b@x"), STR("sip:a@x"));
	struct sip_contact one = contact("<sip:1@h>", "sip:1@h", "urn:uuid:1", 1);
	struct sip_contact two = contact("<sip:2@h>", "sip:2@h", "urn:uuid:2", 1);
	uint64_t id = a->id;

	keep(a, &one, 1000);
	keep(b, &two, 2000);
	keep(other, &one, 3000);
	strcpy(a->route, "mark");
	a->registered = true;
	a->waits = a->saves = 1;
	user_add_identity(b, STR("sip:a@x"));
	user_absorb(b);
	assert_int_equal(2, binding_count(b));
	assert_string_equal("mark", b->route);
	assert_int_equal(1, binding_count(other));
	/* a SAR under way keeps the other, with nothing that could end the registration */
	assert_ptr_equal(a, user_by_id(&table, id));
	assert_null(a->bindings);
	assert_false(a->registered);
	/* its answer: the roles change, and nothing is left of the first */
	user_add_identity(a, STR("tel:+1"));
	a->waits = a->saves = 0;
	uint64_t gone = b->id;
	user_absorb(a);
	assert_null(user_by_id(&table, gone));
	assert_int_equal(2, binding_count(a));
	assert_ptr_equal(a, user_find(&table, STR("a@x"), STR("tel:+1")));
	clock_set_offset(table.clock, 2500);
	assert_int_equal(2, expired);
	assert_true(user_drop_if_idle(a));
}

static void an_older_request_is_told_by_call_id_and_cseq(void **state)
{
	struct user *u = user_new(&table, STR("a@x"), STR("sip:a@x"));
	struct sip_contact one = contact("<sip:1@h>", "sip:1@h", NULL, 0);
	struct binding *b = binding_set(u, &one, STR("call"), 7, STR_NONE, 1000, on_expiry);
	assert_true(binding_is_newer(b, STR("call"), 6));
	assert_true(binding_is_newer(b, STR("call"), 7));
	assert_false(binding_is_newer(b, STR("call"), 8));
	assert_false(binding_is_newer(b, STR("other"), 6));
}

/* ---- who may vouch ---- */

static struct entities *set_of(const char *waf, const char *wwsf, const char *wwsf2)
{
	struct buf set = {0};
	if (waf)
		entity_put(&set, ENTITY_WAF, str_of(waf));
	if (wwsf)
		entity_put(&set, ENTITY_WWSF, str_of(wwsf));
	if (wwsf2)
		entity_put(&set, ENTITY_WWSF, str_of(wwsf2));
	struct entities *e = entities_new(&set);
	buf_free(&set);
	return e;
}

static void each_name_is_held_against_its_own_kind(void **state)
{
	static const struct {
		const char *waf, *wwsf;
		bool listed;
	} cases[] = {
		{"waf.x", NULL, true}, {NULL, "wwsf.x", true}, {"waf.x", "other.x", true},
		{"WAF.X", "WwsF.x.", true}, {" waf.x ", NULL, true},
		{"wwsf.x", NULL, false}, {NULL, "waf.x", false}, {"waf.x", "stranger.x", false},
		{"stranger.x", "wwsf.x", false}, {NULL, "sf.x", false}, {NULL, "wwsf.x.y", false},
		{NULL, "wwsf", false}, {NULL, "wwsf.x..", false}, {NULL, "", false}, {"", NULL, false},
		{NULL, ".", false}, {NULL, "wwsf.x\nwother.x", false}, {"waf.x\nwwwsf.x", NULL, false},
	};
	struct entities *list = set_of("waf.x", "wwsf.x", "Other.x.");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct entities *who = set_of(cases[i].waf, cases[i].wwsf, NULL);
		assert_int_equal(entities_cover(list, who), cases[i].listed);
		entities_drop(who);
	}
	entities_drop(list);
	/* an empty list, and one with an empty name, allow nobody */
	struct entities *none = set_of(NULL, NULL, NULL), *empty = set_of(NULL, "", NULL);
	struct entities *who = set_of(NULL, "wwsf.x", NULL);
	assert_false(entities_cover(none, who));
	assert_false(entities_cover(empty, who));
	assert_false(entities_cover(empty, empty));
	entities_drop(none);
	entities_drop(empty);
	entities_drop(who);
}

static void equal_lists_are_one(void **state)
{
	struct entities *a = set_of("waf.x", "wwsf.x", NULL), *b = set_of("WAF.x.", "wwsf.x", NULL);
	struct entities *c = set_of("waf.x", NULL, NULL);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_string_equal(entities_text(a), "WAF waf.x, WWSF wwsf.x");
	struct user *u = user_new(&table, STR("a@x"), STR("sip:a@x"));
	struct sip_contact one = contact("<sip:1@h>", "sip:1@h", NULL, 0);
	u->allowed = a;
	keep(u, &one, 1000)->vouchers = b;
	user_free(u);
	entities_drop(c);
}

static void whoever_is_blocked_vouches_for_nobody(void **state)
{
	struct entities *both = set_of("waf.x", "wwsf.x", NULL), *waf = set_of("waf.x", NULL, NULL);
	blocked_put(STR("WWSF.x."));
	blocked_put(STR("wwsf.x"));
	blocked_put(STR(""));
	assert_true(blocked_has(both));
	assert_false(blocked_has(waf));
	assert_false(blocked_has(NULL));
	assert_true(blocked_remove(STR("wwsf.X")));
	assert_false(blocked_remove(STR("wwsf.x")));
	assert_false(blocked_has(both));
	blocked_put(STR("waf.x"));
	assert_true(blocked_has(both));
	blocked_clear();
	assert_false(blocked_has(both));
	entities_drop(both);
	entities_drop(waf);
}

/* ---- profile ---- */

static const char carol[] =
	"<?xml version=\"1.0\"?><IMSSubscription><PrivateID>carol@x</PrivateID><ServiceProfile>"
	"<PublicIdentity><Identity>sip:w!.*!@x</Identity><Extension><IdentityType>4</IdentityType>"
	"</Extension></PublicIdentity>"
	"<PublicIdentity><BarringIndication>1</BarringIndication><Identity>sip:hidden@x</Identity>"
	"</PublicIdentity>"
	"<PublicIdentity><Identity> sip:carol@x </Identity></PublicIdentity></ServiceProfile>"
	"<ServiceProfile><PublicIdentity><Identity>tel:+1</Identity></PublicIdentity>"
	"<NewThing/></ServiceProfile></IMSSubscription>";

static void profile_lists_what_may_be_used(void **state)
{
	struct arena a = {0};
	struct profile p;
	struct buf out = {0};
	const char *why;
	assert_int_equal(0, profile_parse(str_of(carol), &p, &a, &why));
	assert_int_equal(4, p.n);
	profile_associated(&p, &out);
	assert_string_equal("<sip:carol@x>, <tel:+1>, <sip:w!.*!@x>", buf_z(&out));
	buf_free(&out);
	arena_free(&a);
}

/* Also when it is the wildcard that is registered, the user is one with that of the pilot. */
static void a_wildcard_of_the_set_finds_the_user(void **state)
{
	struct user *u = user_new(&table, STR("p@x"), STR("sip:web!.*!@x"));
	user_add_identity(u, STR("sip:pilot@x"));
	user_add_identity(u, STR("sip:web!.*!@x"));
	assert_ptr_equal(u, user_find(&table, STR("p@x"), STR("sip:pilot@x")));
	assert_ptr_equal(u, user_find(&table, STR("p@x"), STR("sip:web!.*!@x")));
	assert_null(user_find(&table, STR("p@x"), STR("sip:web1@x")));
}

static void hostile_profiles_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "not xml", "<IMSSubscription/>", "<Other/>",
		"<IMSSubscription><PrivateID>a</PrivateID></IMSSubscription>",
		"<!DOCTYPE a [<!ENTITY e \"x\">]><IMSSubscription><PrivateID>a</PrivateID>"
		"<ServiceProfile><PublicIdentity><Identity>&e;</Identity></PublicIdentity>"
		"</ServiceProfile></IMSSubscription>",
		"<IMSSubscription><PrivateID>a</PrivateID><ServiceProfile><PublicIdentity/>"
		"</ServiceProfile></IMSSubscription>",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct arena a = {0};
		struct profile p;
		const char *why = NULL;
		assert_int_not_equal(0, profile_parse(str_of(bad[i]), &p, &a, &why));
		assert_non_null(why);
		arena_free(&a);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(any_identity_of_the_set_finds_the_user),
		TEST(instance_and_reg_id_name_a_flow),
		TEST(without_them_the_uri_does),
		TEST(contacts_of_all_users_of_an_identity_are_listed),
		TEST(bindings_expire_on_the_rig_clock),
		TEST(flows_of_one_set_become_one_user),
		TEST(an_older_request_is_told_by_call_id_and_cseq),
		TEST(each_name_is_held_against_its_own_kind),
		TEST(equal_lists_are_one),
		TEST(whoever_is_blocked_vouches_for_nobody),
		TEST(profile_lists_what_may_be_used),
		TEST(a_wildcard_of_the_set_finds_the_user),
		TEST(hostile_profiles_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
