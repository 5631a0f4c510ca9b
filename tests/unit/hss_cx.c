/* Tests of the HSS over the wire: a real hss process, requests from raw Diameter links.
 * Each row of the tables of TS 29.228 6.1.1, 6.3.1 and 6.1.2.1 that is served.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/crypto/digest.h"
#include "tests/unit/hss_rig.h"

#define ICSCF  "icscf.ims.example.org"
#define SCSCF  "scscf.ims.example.org"
#define SCSCF2 "scscf2.ims.example.org"
#define NAME   "sip:scscf.ims.example.org:5060"
#define NAME2  "sip:scscf2.ims.example.org:5060"

static struct hss_rig rig;
static struct link icscf, scscf, scscf2;

static int setup_all(void **state)
{
	hss_rig_open(&rig, "127.33.1");
	assert_int_equal(link_open(&icscf, &rig, 13, ICSCF), DIAMETER_SUCCESS);
	assert_int_equal(link_open(&scscf, &rig, 14, SCSCF), DIAMETER_SUCCESS);
	assert_int_equal(link_open(&scscf2, &rig, 15, SCSCF2), DIAMETER_SUCCESS);
	return 0;
}

static int teardown_all(void **state)
{
	link_close(&icscf);
	link_close(&scscf);
	link_close(&scscf2);
	assert_int_equal(hss_rig_stop(&rig), 0);
	/* no password, hash or key in the log */
	const char *log = hss_rig_log(&rig);
	char ha1[DIGEST_HEX_MAX];
	digest_ha1(DIGEST_MD5, STR("alice-impi@ims.example.org"), STR("ims.example.org"),
		STR("correct-horse"), ha1);
	assert_null(strstr(log, ha1));
	assert_null(strstr(log, "correct-horse"));
	hss_rig_close(&rig);
	return 0;
}

static int fresh(void **state)
{
	json_decref(hss_rig_ask(&rig, "{s:s}", "cmd", "reset"));
	return 0;
}

/* ---- requests ---- */

static char impi_text[80], impu_text[80];

/* "alice" stands for alice-impi@ims.example.org and sip:alice@ims.example.org. */
static struct cx_msg of(enum cx_command command, const char *user)
{
	snprintf(impi_text, sizeof impi_text, "%s-impi@ims.example.org", user);
	snprintf(impu_text, sizeof impu_text, "sip:%s@ims.example.org", user);
	return (struct cx_msg){.command = command, .user_name = str_of(impi_text),
		.public_identity = {str_of(impu_text)}, .n_public_identity = 1};
}

static struct cx_msg uar(const char *user)
{
	struct cx_msg m = of(CX_UA, user);
	m.visited_network = STR("ims.example.org");
	return m;
}

static struct cx_msg mar(const char *user, const char *scheme)
{
	struct cx_msg m = of(CX_MA, user);
	m.auth_items = 1;
	m.has_auth_data = true;
	m.auth_scheme = str_of(scheme);
	m.server_name = STR(NAME);
	return m;
}

static struct cx_msg sar(const char *user, enum cx_assignment type)
{
	struct cx_msg m = of(CX_SA, user);
	m.has_assignment = m.has_data_available = true;
	m.assignment = type;
	m.server_name = STR(NAME);
	return m;
}

static void is(const struct cx_msg *m, bool experimental, uint32_t code)
{
	if (m->result.experimental != experimental || m->result.code != code)
		fail_msg("%s, not %s", cx_result_name(m->result),
			cx_result_name((struct cx_result){experimental, code}));
}

#define assert_result(m, code)       is(m, false, code)
#define assert_experimental(m, code) is(m, true, code)

/* What the HSS holds of the pair: "registered", "+" when authentication is pending, and
 * the S-CSCF. */
static const char *state_of(const char *impi, const char *impu)
{
	static char text[200];
	json_t *s = hss_rig_ask(&rig, "{s:s, s:s, s:s}", "cmd", "state", "impi", impi, "impu", impu);
	const char *server = json_string_value(json_object_get(s, "server_name"));
	const char *state = json_string_value(json_object_get(s, "state"));
	snprintf(text, sizeof text, "%s%s %s", state ? state : "none",
		json_is_true(json_object_get(s, "auth_pending")) ? "+" : "",
		server ? server : "nobody");
	json_decref(s);
	return text;
}

static const char *alice(void)
{
	return state_of("alice-impi@ims.example.org", "sip:alice@ims.example.org");
}

static void register_user(const char *user)
{
	assert_result(link_ask(&scscf, sar(user, CX_ASSIGN_REGISTRATION)), DIAMETER_SUCCESS);
}

/* ---- UAR, by step of 6.1.1.1 ---- */

static void uar_1_unknown(void **state)
{
	assert_experimental(link_ask(&icscf, uar("nobody")), CX_USER_UNKNOWN);
	struct cx_msg m = uar("alice");
	m.user_name = STR("nobody@ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_USER_UNKNOWN);
	m = uar("alice");
	m.public_identity[0] = STR("mailto:alice@ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_USER_UNKNOWN);
	assert_null(icscf.m.server_name.p);
}

static void uar_2_not_distinct(void **state)
{
	struct cx_msg m = uar("pilot");
	m.public_identity[0] = STR("sip:web!.*!@ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_USER_UNKNOWN);
	m.public_identity[0] = STR("sip:service@ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_USER_UNKNOWN);
	assert_experimental(link_ask(&icscf, uar("pilot")), CX_FIRST_REGISTRATION);
}

static void uar_3_not_associated(void **state)
{
	struct cx_msg m = uar("alice");
	m.user_name = STR("bob-impi@ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_IDENTITIES_DONT_MATCH);
}

static void uar_4_barred(void **state)
{
	assert_result(link_ask(&icscf, uar("barred")), DIAMETER_AUTHORIZATION_REJECTED);
	/* the emergency flag skips it */
	struct cx_msg m = uar("barred");
	m.uar_flags = 1;
	assert_experimental(link_ask(&icscf, m), CX_FIRST_REGISTRATION);
	/* a barred identity whose set has another one registers */
	m = uar("carol");
	m.public_identity[0] = STR("sip:carol.old@ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_FIRST_REGISTRATION);
}

static void uar_5_roaming(void **state)
{
	assert_experimental(link_ask(&icscf, uar("homebody")), CX_ROAMING_NOT_ALLOWED);
	struct cx_msg m = uar("homebody");
	m.visited_network = STR("ELSEWHERE.example.net");
	assert_experimental(link_ask(&icscf, m), CX_FIRST_REGISTRATION);
	m = uar("bob");
	m.visited_network = STR("elsewhere.example.net");
	assert_experimental(link_ask(&icscf, m), CX_ROAMING_NOT_ALLOWED);
	/* no roaming check to go */
	m = uar("homebody");
	m.has_auth_type = true;
	m.auth_type = CX_DE_REGISTRATION;
	assert_experimental(link_ask(&icscf, m), CX_NOT_REGISTERED);
}

static void uar_5_may_not_register(void **state)
{
	assert_result(link_ask(&icscf, uar("locked")), DIAMETER_AUTHORIZATION_REJECTED);
}

static void uar_5_capabilities(void **state)
{
	struct cx_msg m = uar("alice");
	m.has_auth_type = true;
	m.auth_type = CX_REGISTRATION_AND_CAPABILITIES;
	const struct cx_msg *a = link_ask(&icscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(a->capabilities.present && a->capabilities.mandatory[0] == 1);
	/* never a Server-Name, also when there is one */
	register_user("alice");
	m = uar("alice");
	m.has_auth_type = true;
	m.auth_type = CX_REGISTRATION_AND_CAPABILITIES;
	a = link_ask(&icscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_null(a->server_name.p);
	assert_true(a->capabilities.present);
}

static void uar_6_first(void **state)
{
	const struct cx_msg *a = link_ask(&icscf, uar("alice"));
	assert_experimental(a, CX_FIRST_REGISTRATION);
	assert_int_equal(a->capabilities.n_mandatory, 1);
	assert_int_equal(a->capabilities.mandatory[0], 1);
	assert_int_equal(a->capabilities.optional[0], 10);
	assert_null(a->server_name.p);
	assert_string_equal(alice(), "not-registered nobody");
	/* none needed: any S-CSCF */
	a = link_ask(&icscf, uar("bob"));
	assert_experimental(a, CX_FIRST_REGISTRATION);
	assert_false(a->capabilities.present);
}

static void uar_6_by_state(void **state)
{
	struct cx_msg away = uar("alice");
	away.has_auth_type = true;
	away.auth_type = CX_DE_REGISTRATION;
	assert_experimental(link_ask(&icscf, away), CX_NOT_REGISTERED);
	/* authentication pending: the second UAR of a registration */
	link_ask(&scscf, mar("alice", "SIP Digest"));
	const struct cx_msg *a = link_ask(&icscf, uar("alice"));
	assert_experimental(a, CX_SUBSEQUENT_REGISTRATION);
	assert_true(str_eq(a->server_name, STR(NAME)));
	assert_false(a->capabilities.present);
	away = uar("alice");
	away.has_auth_type = true;
	away.auth_type = CX_DE_REGISTRATION;
	a = link_ask(&icscf, away);
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(str_eq(a->server_name, STR(NAME)));
	/* registered */
	register_user("alice");
	assert_experimental(link_ask(&icscf, uar("alice")), CX_SUBSEQUENT_REGISTRATION);
	/* unregistered */
	link_ask(&scscf, sar("alice", CX_USER_DEREGISTRATION_STORE));
	a = link_ask(&icscf, uar("alice"));
	assert_experimental(a, CX_SUBSEQUENT_REGISTRATION);
	assert_true(str_eq(a->server_name, STR(NAME)));
}

/* Another identity of the subscription has an S-CSCF. */
static void uar_6_other_identity(void **state)
{
	struct cx_msg m = uar("frieda");
	m.public_identity[0] = STR("sip:frieda.two@ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_FIRST_REGISTRATION);
	register_user("frieda");
	m = uar("frieda");
	m.public_identity[0] = STR("sip:frieda.two@ims.example.org");
	const struct cx_msg *a = link_ask(&icscf, m);
	assert_experimental(a, CX_SUBSEQUENT_REGISTRATION);
	assert_true(str_eq(a->server_name, STR(NAME)));
	/* but it is not registered itself */
	m = uar("frieda");
	m.public_identity[0] = STR("sip:frieda.two@ims.example.org");
	m.has_auth_type = true;
	m.auth_type = CX_DE_REGISTRATION;
	assert_experimental(link_ask(&icscf, m), CX_NOT_REGISTERED);
}

/* ---- MAR, by step of 6.3.1 ---- */

static void mar_identities(void **state)
{
	assert_experimental(link_ask(&scscf, mar("nobody", "SIP Digest")), CX_USER_UNKNOWN);
	struct cx_msg m = mar("pilot", "SIP Digest");
	m.public_identity[0] = STR("sip:web!.*!@ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_USER_UNKNOWN);
	m = mar("alice", "SIP Digest");
	m.user_name = STR("bob-impi@ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_IDENTITIES_DONT_MATCH);
}

static void mar_schemes(void **state)
{
	assert_experimental(link_ask(&scscf, mar("simone", "SIP Digest")),
		CX_AUTH_SCHEME_NOT_SUPPORTED);
	assert_experimental(link_ask(&scscf, mar("simone", "Unknown")),
		CX_AUTH_SCHEME_NOT_SUPPORTED);
	assert_experimental(link_ask(&scscf, mar("alice", "Digest-AKAv1-MD5")),
		CX_AUTH_SCHEME_NOT_SUPPORTED);
	assert_string_equal(alice(), "not-registered nobody");
	assert_result(link_ask(&scscf, mar("alice", "Unknown")), DIAMETER_SUCCESS);
	assert_true(str_eq(scscf.m.auth_scheme, STR("SIP Digest")));
}

static void mar_digest_data(void **state)
{
	char ha1[DIGEST_HEX_MAX];
	struct cx_msg m = mar("alice", "SIP Digest");
	m.auth_items = 5; /* one is returned all the same */
	const struct cx_msg *a = link_ask(&scscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	digest_ha1(DIGEST_MD5, STR("alice-impi@ims.example.org"), STR("ims.example.org"),
		STR("correct-horse"), ha1);
	assert_int_equal(a->auth_items, 1);
	assert_true(str_eq(a->digest_ha1, str_of(ha1)));
	assert_true(str_eq(a->digest_realm, STR("ims.example.org")));
	assert_true(str_eq(a->digest_qop, STR("auth")));
	assert_true(str_eq(a->digest_algorithm, STR("MD5")));
	assert_true(str_eq(a->user_name, STR("alice-impi@ims.example.org")));
	assert_true(str_eq(a->public_identity[0], STR("sip:alice@ims.example.org")));
	assert_null(a->alternate_ha1.p);
	assert_null(a->authenticate.p);
	a = link_ask(&scscf, mar("frank", "SIP Digest"));
	assert_true(str_eq(a->digest_algorithm, STR("MD5")));
	assert_int_equal(a->digest_ha1.n, 32);
	assert_true(str_eq(a->alternate_algorithm, STR("SHA-256")));
	assert_int_equal(a->alternate_ha1.n, 64);
	/* the alternate pair alone: nothing there could be taken for MD5 */
	a = link_ask(&scscf, mar("heidi", "SIP Digest"));
	assert_result(a, DIAMETER_SUCCESS);
	assert_null(a->digest_algorithm.p);
	assert_null(a->digest_ha1.p);
	assert_true(str_eq(a->digest_realm, STR("ims.example.org")));
	assert_true(str_eq(a->digest_qop, STR("auth")));
	digest_ha1(DIGEST_SHA256, STR("heidi-impi@ims.example.org"), STR("ims.example.org"),
		STR("heidi-secret"), ha1);
	assert_true(str_eq(a->alternate_algorithm, STR("SHA-256")));
	assert_true(str_eq(a->alternate_ha1, str_of(ha1)));
}

static void mar_state(void **state)
{
	/* not registered: name kept, authentication pending */
	link_ask(&scscf, mar("alice", "SIP Digest"));
	assert_string_equal(alice(), "not-registered+ " NAME);
	/* another S-CSCF overwrites */
	struct cx_msg m = mar("alice", "SIP Digest");
	m.server_name = STR(NAME2);
	assert_result(link_ask(&scscf2, m), DIAMETER_SUCCESS);
	assert_string_equal(alice(), "not-registered+ " NAME2);
	/* registered, the same S-CSCF: nothing pending */
	m = sar("alice", CX_ASSIGN_REGISTRATION);
	m.server_name = STR(NAME2);
	assert_result(link_ask(&scscf2, m), DIAMETER_SUCCESS);
	m = mar("alice", "SIP Digest");
	m.server_name = STR(NAME2);
	assert_result(link_ask(&scscf2, m), DIAMETER_SUCCESS);
	assert_string_equal(alice(), "registered " NAME2);
	/* registered, another: overwritten and pending, still registered */
	assert_result(link_ask(&scscf, mar("alice", "SIP Digest")), DIAMETER_SUCCESS);
	assert_string_equal(alice(), "registered+ " NAME);
}

/* ---- SAR, common checks of 6.1.2.1 ---- */

static void sar_identities(void **state)
{
	assert_experimental(link_ask(&scscf, sar("nobody", CX_ASSIGN_REGISTRATION)),
		CX_USER_UNKNOWN);
	struct cx_msg m = sar("alice", CX_ASSIGN_REGISTRATION);
	m.user_name = STR("bob-impi@ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_IDENTITIES_DONT_MATCH);
	m = sar("alice", CX_ASSIGN_REGISTRATION);
	m.public_identity[1] = STR("tel:+15550100");
	m.n_public_identity = 2;
	assert_result(link_ask(&scscf, m), DIAMETER_AVP_OCCURS_TOO_MANY_TIMES);
	assert_true(str_eq(link_field(&scscf, "Failed-AVP.Public-Identity"), STR("tel:+15550100")));
	static const enum cx_assignment distinct[] = {CX_ASSIGN_REGISTRATION, CX_RE_REGISTRATION,
		CX_USER_DEREGISTRATION, CX_USER_DEREGISTRATION_STORE, CX_AUTHENTICATION_FAILURE,
		CX_AUTHENTICATION_TIMEOUT};
	for (size_t i = 0; i < sizeof distinct / sizeof *distinct; i++) {
		m = sar("pilot", distinct[i]);
		m.public_identity[0] = STR("sip:web!.*!@ims.example.org");
		assert_experimental(link_ask(&scscf, m), CX_IN_ASSIGNMENT_TYPE);
	}
	assert_string_equal(alice(), "not-registered nobody");
}

static void sar_without_identity(void **state)
{
	struct cx_msg m = sar("alice", CX_ASSIGN_REGISTRATION);
	m.n_public_identity = 0;
	assert_result(link_ask(&scscf, m), DIAMETER_MISSING_AVP);
	assert_non_null(link_field(&scscf, "Failed-AVP.Public-Identity").p);
	m = sar("alice", CX_ADMINISTRATIVE_DEREGISTRATION);
	m.n_public_identity = 0;
	m.user_name = STR_NONE;
	assert_result(link_ask(&scscf, m), DIAMETER_MISSING_AVP);
	assert_non_null(link_field(&scscf, "Failed-AVP.User-Name").p);
	/* all of the private identity's */
	register_user("frieda");
	m = sar("frieda", CX_ASSIGN_REGISTRATION);
	m.public_identity[0] = STR("sip:frieda.two@ims.example.org");
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	m = sar("frieda", CX_ADMINISTRATIVE_DEREGISTRATION);
	m.n_public_identity = 0;
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	assert_string_equal(state_of("frieda-impi@ims.example.org", "sip:frieda@ims.example.org"),
		"not-registered nobody");
	assert_string_equal(state_of("frieda-impi@ims.example.org",
		"sip:frieda.two@ims.example.org"), "not-registered nobody");
	m = sar("nobody", CX_ADMINISTRATIVE_DEREGISTRATION);
	m.n_public_identity = 0;
	assert_experimental(link_ask(&scscf, m), CX_USER_UNKNOWN);
}

/* ---- SAR by type ---- */

static void sar_registration(void **state)
{
	link_ask(&scscf, mar("alice", "SIP Digest"));
	const struct cx_msg *a = link_ask(&scscf, sar("alice", CX_ASSIGN_REGISTRATION));
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(str_eq(a->user_name, STR("alice-impi@ims.example.org")));
	assert_true(str_find(a->user_data, STR("<Identity>sip:alice@ims.example.org</Identity>")) > 0);
	assert_true(str_find(a->user_data, STR("<PrivateID>alice-impi@ims.example.org<")) > 0);
	assert_int_equal(a->n_associated, 0);
	assert_false(a->has_allowed);
	/* the implicit set moves as one */
	assert_string_equal(alice(), "registered " NAME);
	assert_string_equal(state_of("alice-impi@ims.example.org", "tel:+15550100"),
		"registered " NAME);
	/* without a MAR before it (trusted node authentication) */
	register_user("bob");
	assert_string_equal(state_of("bob-impi@ims.example.org", "sip:bob@ims.example.org"),
		"registered " NAME);
}

static void sar_re_registration_has_no_profile(void **state)
{
	register_user("wanda");
	assert_true(scscf.m.has_allowed);
	assert_true(str_eq(scscf.m.allowed_wwsf[0], STR("wwsf.ims.example.org")));
	assert_true(str_eq(scscf.m.allowed_waf[0], STR("waf.ims.example.org")));
	struct cx_msg m = sar("wanda", CX_RE_REGISTRATION);
	m.data_available = 1;
	const struct cx_msg *a = link_ask(&scscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_null(a->user_data.p);
	assert_false(a->has_allowed);
	assert_null(a->ccf[0].p);
}

/* Allowed-WAF-WWSF-Identities goes with the profile, types 0 to 3, and never without. */
static void sar_allowed_goes_with_the_profile(void **state)
{
	register_user("wanda");
	for (int type = 0; type <= CX_DEREGISTRATION_TOO_MUCH_DATA; type++)
		for (uint32_t available = 0; available < 2; available++) {
			struct cx_msg m = sar("wanda", (enum cx_assignment)type);
			m.data_available = available;
			const struct cx_msg *a = link_ask(&scscf, m);
			bool profile = type <= CX_UNREGISTERED_USER && !available;
			assert_int_equal(a->user_data.p != NULL, profile);
			assert_int_equal(a->has_allowed, profile);
			assert_int_equal(a->n_allowed_waf, profile);
			assert_int_equal(a->n_allowed_wwsf, profile);
			register_user("wanda");
		}
	/* several of each kind, in their order, with the case of letters as provisioned */
	register_user("wilma");
	assert_int_equal(scscf.m.n_allowed_wwsf, 2);
	assert_true(str_eq(scscf.m.allowed_wwsf[0], STR("WWSF.Partner.Example.")));
	assert_true(str_eq(scscf.m.allowed_wwsf[1], STR("wwsf.ims.example.org")));
	assert_int_equal(scscf.m.n_allowed_waf, 0);
	/* TS 29.229 6.3.57: V set, M clear, also inside */
	assert_true(str_eq(link_field(&scscf, "Allowed-WAF-WWSF-Identities.AVPs"),
		STR("WebRTC-Web-Server-Function-Name WebRTC-Web-Server-Function-Name")));
	/* a list that allows nobody is there, and empty */
	register_user("zoe");
	assert_true(scscf.m.has_allowed);
	assert_int_equal(scscf.m.n_allowed_waf + scscf.m.n_allowed_wwsf, 0);
	/* no list applies: not there */
	register_user("bob");
	assert_false(scscf.m.has_allowed);
}

static void sar_other_scscf(void **state)
{
	register_user("alice");
	static const enum cx_assignment named[] = {
		CX_ASSIGN_REGISTRATION, CX_RE_REGISTRATION, CX_UNREGISTERED_USER};
	for (size_t i = 0; i < 3; i++) {
		struct cx_msg m = sar("alice", named[i]);
		m.server_name = STR(NAME2);
		const struct cx_msg *a = link_ask(&scscf2, m);
		assert_experimental(a, CX_ALREADY_REGISTERED);
		assert_true(str_eq(a->server_name, STR(NAME)));
		assert_null(a->user_data.p);
	}
	for (int type = 0; type <= CX_DEREGISTRATION_TOO_MUCH_DATA; type++) {
		if (type >= 1 && type <= 3)
			continue;
		struct cx_msg m = sar("alice", (enum cx_assignment)type);
		m.server_name = STR(NAME2);
		assert_result(link_ask(&scscf2, m), DIAMETER_UNABLE_TO_COMPLY);
	}
	/* the name of the one that serves, from a host that is not it */
	assert_result(link_ask(&scscf2, sar("alice", CX_RE_REGISTRATION)),
		DIAMETER_UNABLE_TO_COMPLY);
	assert_result(link_ask(&scscf2, sar("alice", CX_USER_DEREGISTRATION)),
		DIAMETER_UNABLE_TO_COMPLY);
	assert_string_equal(alice(), "registered " NAME);
}

static void sar_unregistered_user(void **state)
{
	const struct cx_msg *a = link_ask(&scscf, sar("alice", CX_UNREGISTERED_USER));
	assert_result(a, DIAMETER_SUCCESS);
	assert_non_null(a->user_data.p);
	assert_string_equal(alice(), "unregistered " NAME);
	register_user("alice");
	assert_string_equal(alice(), "registered " NAME);
	/* registered becomes unregistered; User-Name chosen by the HSS */
	struct cx_msg m = sar("alice", CX_UNREGISTERED_USER);
	m.user_name = STR_NONE;
	a = link_ask(&scscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(str_eq(a->user_name, STR("alice-impi@ims.example.org")));
	assert_string_equal(alice(), "unregistered " NAME);
}

static void sar_deregistration(void **state)
{
	static const enum cx_assignment types[] = {CX_TIMEOUT_DEREGISTRATION,
		CX_USER_DEREGISTRATION, CX_ADMINISTRATIVE_DEREGISTRATION,
		CX_DEREGISTRATION_TOO_MUCH_DATA};
	for (size_t i = 0; i < 4; i++) {
		register_user("alice");
		const struct cx_msg *a = link_ask(&scscf, sar("alice", types[i]));
		assert_result(a, DIAMETER_SUCCESS);
		assert_null(a->user_data.p);
		assert_string_equal(alice(), "not-registered nobody");
		assert_string_equal(state_of("alice-impi@ims.example.org", "tel:+15550100"),
			"not-registered nobody");
	}
	/* twice does no harm */
	assert_result(link_ask(&scscf, sar("alice", CX_USER_DEREGISTRATION)), DIAMETER_SUCCESS);
	/* several identities in one */
	register_user("frieda");
	struct cx_msg m = sar("frieda", CX_ASSIGN_REGISTRATION);
	m.public_identity[0] = STR("sip:frieda.two@ims.example.org");
	link_ask(&scscf, m);
	m = sar("frieda", CX_TIMEOUT_DEREGISTRATION);
	m.public_identity[1] = STR("sip:frieda.two@ims.example.org");
	m.n_public_identity = 2;
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	assert_string_equal(state_of("frieda-impi@ims.example.org",
		"sip:frieda.two@ims.example.org"), "not-registered nobody");
	/* one of two: the name stays for the other */
	register_user("frieda");
	m = sar("frieda", CX_ASSIGN_REGISTRATION);
	m.public_identity[0] = STR("sip:frieda.two@ims.example.org");
	link_ask(&scscf, m);
	assert_result(link_ask(&scscf, sar("frieda", CX_USER_DEREGISTRATION)), DIAMETER_SUCCESS);
	assert_string_equal(state_of("frieda-impi@ims.example.org",
		"sip:frieda.two@ims.example.org"), "registered " NAME);
}

/* One public identity, two private ones. */
static void sar_two_impis(void **state)
{
	struct cx_msg m = sar("erin", CX_ASSIGN_REGISTRATION);
	m.user_name = STR("erin-phone@ims.example.org");
	const struct cx_msg *a = link_ask(&scscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_int_equal(a->n_associated, 2);
	m = sar("erin", CX_ASSIGN_REGISTRATION);
	m.user_name = STR("erin-web@ims.example.org");
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	/* without User-Name it can't be said whose registration ends */
	m = sar("erin", CX_USER_DEREGISTRATION);
	m.user_name = STR_NONE;
	assert_result(link_ask(&scscf, m), DIAMETER_MISSING_AVP);
	assert_non_null(link_field(&scscf, "Failed-AVP.User-Name").p);
	/* one leaves, the other keeps the S-CSCF */
	m = sar("erin", CX_USER_DEREGISTRATION);
	m.user_name = STR("erin-phone@ims.example.org");
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	assert_string_equal(state_of("erin-phone@ims.example.org", "sip:erin@ims.example.org"),
		"not-registered " NAME);
	assert_string_equal(state_of("erin-web@ims.example.org", "sip:erin@ims.example.org"),
		"registered " NAME);
	m = sar("erin", CX_USER_DEREGISTRATION);
	m.user_name = STR_NONE;
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	assert_string_equal(state_of("erin-web@ims.example.org", "sip:erin@ims.example.org"),
		"not-registered nobody");
}

static void sar_store_server_name(void **state)
{
	register_user("alice");
	assert_result(link_ask(&scscf, sar("alice", CX_TIMEOUT_DEREGISTRATION_STORE)),
		DIAMETER_SUCCESS);
	assert_string_equal(alice(), "unregistered " NAME);
	register_user("alice");
	assert_result(link_ask(&scscf, sar("alice", CX_USER_DEREGISTRATION_STORE)),
		DIAMETER_SUCCESS);
	assert_string_equal(alice(), "unregistered " NAME);
}

static void sar_authentication_ended(void **state)
{
	static const enum cx_assignment types[] = {
		CX_AUTHENTICATION_FAILURE, CX_AUTHENTICATION_TIMEOUT};
	for (size_t i = 0; i < 2; i++) {
		link_ask(&scscf, mar("alice", "SIP Digest"));
		assert_result(link_ask(&scscf, sar("alice", types[i])), DIAMETER_SUCCESS);
		assert_string_equal(alice(), "not-registered nobody");
		/* a registered user stays registered */
		register_user("alice");
		assert_result(link_ask(&scscf, sar("alice", types[i])), DIAMETER_SUCCESS);
		assert_string_equal(alice(), "registered " NAME);
		link_ask(&scscf, sar("alice", CX_USER_DEREGISTRATION));
	}
}

static void sar_no_assignment(void **state)
{
	assert_result(link_ask(&scscf, sar("alice", CX_NO_ASSIGNMENT)), DIAMETER_UNABLE_TO_COMPLY);
	register_user("alice");
	const struct cx_msg *a = link_ask(&scscf, sar("alice", CX_NO_ASSIGNMENT));
	assert_result(a, DIAMETER_SUCCESS);
	assert_non_null(a->user_data.p);
	assert_string_equal(alice(), "registered " NAME);
}

static void sar_profile(void **state)
{
	const struct cx_msg *a = link_ask(&scscf, sar("frank", CX_ASSIGN_REGISTRATION));
	static const char *const parts[] = {
		"<Priority>10</Priority>", "<ConditionTypeCNF>1</ConditionTypeCNF>",
		"<SPT><ConditionNegated>0</ConditionNegated><Group>0</Group><Method>INVITE</Method>",
		"<SessionCase>0</SessionCase>",
		"<ConditionNegated>1</ConditionNegated><Group>1</Group><SIPHeader><Header>Subject"
		"</Header><Content>^secret</Content></SIPHeader>",
		"<ApplicationServer><ServerName>sip:as1.ims.example.org:5080</ServerName>"
		"<DefaultHandling>0</DefaultHandling></ApplicationServer>"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		assert_true(str_find(a->user_data, str_of(parts[i])) > 0);
	assert_true(str_eq(a->ccf[0], STR("aaa://ccf1.ims.example.org")));
	assert_true(str_eq(a->ccf[1], STR("aaa://ccf2.ims.example.org")));
	assert_null(a->ecf[0].p);
	a = link_ask(&scscf, sar("pilot", CX_ASSIGN_REGISTRATION));
	assert_true(str_find(a->user_data, STR("<Identity>sip:web!.*!@ims.example.org</Identity>"
		"<Extension><IdentityType>4</IdentityType>")) > 0);
	a = link_ask(&scscf, sar("carol", CX_ASSIGN_REGISTRATION));
	assert_true(str_find(a->user_data, STR("<BarringIndication>1</BarringIndication>"
		"<Identity>sip:carol.old@ims.example.org")) > 0);
	assert_true(str_find(a->user_data, STR("<DisplayName>Carol</DisplayName>")) > 0);
}

/* ---- wildcards, pools, unregistered from the start ---- */

#define WILDCARD "sip:web!.*!@ims.example.org"

static const char *pilot(void)
{
	return state_of("pilot-impi@ims.example.org", WILDCARD);
}

static struct cx_msg member(struct cx_msg m, const char *impu)
{
	m.user_name = STR_NONE;
	m.public_identity[0] = str_of(impu);
	return m;
}

static struct cx_msg lir(const char *impu)
{
	return member(of(CX_LI, "pilot"), impu);
}

static void members_are_not_distinct(void **state)
{
	struct cx_msg m = uar("pilot");
	m.public_identity[0] = STR("sip:web000123@ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_USER_UNKNOWN);
	m = mar("pilot", "SIP Digest");
	m.public_identity[0] = STR("sip:web000123@ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_USER_UNKNOWN);
	static const enum cx_assignment distinct[] = {CX_ASSIGN_REGISTRATION, CX_RE_REGISTRATION,
		CX_USER_DEREGISTRATION, CX_USER_DEREGISTRATION_STORE, CX_AUTHENTICATION_FAILURE,
		CX_AUTHENTICATION_TIMEOUT};
	for (size_t i = 0; i < sizeof distinct / sizeof *distinct; i++) {
		m = sar("pilot", distinct[i]);
		m.public_identity[0] = STR("sip:web000123@ims.example.org");
		assert_experimental(link_ask(&scscf, m), CX_IN_ASSIGNMENT_TYPE);
		assert_null(scscf.m.wildcard.p);
	}
	/* an escaped mark is no mark, and who has one is nobody's member */
	m = sar("pilot", CX_UNREGISTERED_USER);
	m.public_identity[0] = STR("sip:web%21.*%21@ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_USER_UNKNOWN);
	assert_string_equal(pilot(), "not-registered nobody");
}

static void sar_member_unregistered(void **state)
{
	struct cx_msg m = member(sar("pilot", CX_UNREGISTERED_USER), "sip:web000123@ims.example.org");
	const struct cx_msg *a = link_ask(&scscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(str_eq(a->wildcard, STR(WILDCARD)));
	assert_true(str_eq(a->user_name, STR("pilot-impi@ims.example.org")));
	assert_true(str_find(a->user_data, STR("<WildcardedIMPU>" WILDCARD "</WildcardedIMPU>")) > 0);
	assert_string_equal(pilot(), "unregistered " NAME);
	/* for another S-CSCF it is taken */
	m.server_name = STR(NAME2);
	a = link_ask(&scscf2, m);
	assert_experimental(a, CX_ALREADY_REGISTERED);
	assert_true(str_eq(a->server_name, STR(NAME)));
	/* the wildcard may be named: the same */
	m.server_name = STR(NAME);
	m.wildcard = STR(WILDCARD);
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	/* not by who is outside of it */
	m.public_identity[0] = STR("sip:wet000123@ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_USER_UNKNOWN);
}

static void sar_member_of_registered(void **state)
{
	register_user("pilot");
	assert_string_equal(pilot(), "registered " NAME);
	struct cx_msg m = member(sar("pilot", CX_UNREGISTERED_USER), "sip:web000123@ims.example.org");
	const struct cx_msg *a = link_ask(&scscf, m);
	assert_experimental(a, CX_IN_ASSIGNMENT_TYPE);
	assert_true(str_eq(a->wildcard, STR(WILDCARD)));
	assert_null(a->user_data.p);
	assert_string_equal(pilot(), "registered " NAME);
	/* the profile may be asked for */
	m = member(sar("pilot", CX_NO_ASSIGNMENT), "sip:web000123@ims.example.org");
	a = link_ask(&scscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(a->user_data.p && str_eq(a->wildcard, STR(WILDCARD)));
	/* a distinct identity inside of the range has its own state */
	m = member(sar("pilot", CX_UNREGISTERED_USER), "sip:web000900@ims.example.org");
	a = link_ask(&scscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_null(a->wildcard.p);
	assert_true(str_eq(a->user_name, STR("inside-impi@ims.example.org")));
}

static void lir_by_state(void **state)
{
	const struct cx_msg *a = link_ask(&icscf, lir("sip:nobody@ims.example.org"));
	assert_experimental(a, CX_USER_UNKNOWN);
	a = link_ask(&icscf, lir("sip:pilot@ims.example.org"));
	assert_experimental(a, CX_NOT_REGISTERED);
	/* services of the unregistered part, or a request of the user's own */
	a = link_ask(&icscf, lir("sip:web000123@ims.example.org"));
	assert_experimental(a, CX_UNREGISTERED_SERVICE);
	assert_true(str_eq(a->wildcard, STR(WILDCARD)));
	assert_false(a->capabilities.present);
	struct cx_msg m = lir("sip:alice@ims.example.org");
	m.has_originating = true;
	a = link_ask(&icscf, m);
	assert_experimental(a, CX_UNREGISTERED_SERVICE);
	assert_int_equal(a->capabilities.mandatory[0], 1);
	assert_null(a->wildcard.p);

	register_user("pilot");
	a = link_ask(&icscf, lir("sip:pilot@ims.example.org"));
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(str_eq(a->server_name, STR(NAME)) && !a->wildcard.p);
	a = link_ask(&icscf, lir("SIP:%77eb000123@IMS.example.org;x=y"));
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(str_eq(a->server_name, STR(NAME)) && str_eq(a->wildcard, STR(WILDCARD)));
	/* distinct before wildcard */
	a = link_ask(&icscf, lir("sip:web000900@ims.example.org"));
	assert_experimental(a, CX_NOT_REGISTERED);
	m = lir("sip:pilot@ims.example.org");
	m.has_auth_type = true;
	m.auth_type = CX_REGISTRATION_AND_CAPABILITIES;
	a = link_ask(&icscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_null(a->server_name.p);
	/* of another identity of the subscription that is served */
	m = lir("sip:service@ims.example.org");
	m.has_originating = true;
	a = link_ask(&icscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(str_eq(a->server_name, STR(NAME)));
}

static void fixed_scscf(void **state)
{
	struct cx_msg m = uar("static");
	const struct cx_msg *a = link_ask(&icscf, m);
	assert_experimental(a, CX_SUBSEQUENT_REGISTRATION);
	assert_true(str_eq(a->server_name, STR(NAME)));
	a = link_ask(&icscf, lir("sip:st42@ims.example.org"));
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(str_eq(a->server_name, STR(NAME)));
	assert_true(str_eq(a->wildcard, STR("sip:st!.*!@ims.example.org")));
	m = mar("static", "SIP Digest");
	m.server_name = STR(NAME2);
	assert_result(link_ask(&scscf2, m), DIAMETER_UNABLE_TO_COMPLY);
	a = link_ask(&scscf, member(sar("static", CX_UNREGISTERED_USER), "sip:st42@ims.example.org"));
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(a->user_data.p != NULL);
	register_user("static");
	assert_result(link_ask(&scscf, sar("static", CX_USER_DEREGISTRATION)), DIAMETER_SUCCESS);
	assert_string_equal(state_of("static-impi@ims.example.org", "sip:static@ims.example.org"),
		"unregistered " NAME);
}

static struct cx_msg guest(struct cx_msg m, const char *impi)
{
	m.user_name = str_of(impi);
	return m;
}

static const char *guest_state(void)
{
	return state_of("guest7@wwsf2.ims.example.org", "sip:guest7@ims.example.org");
}

static void pool_members(void **state)
{
	struct cx_msg m = guest(uar("guest7"), "guest7@wwsf2.ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_FIRST_REGISTRATION);
	assert_int_equal(icscf.m.capabilities.mandatory[0], 1);
	assert_experimental(link_ask(&icscf, guest(m, "guest7@ims.example.org")), CX_USER_UNKNOWN);
	assert_experimental(link_ask(&icscf, guest(m, "gast7@wwsf2.ims.example.org")), CX_USER_UNKNOWN);
	m.public_identity[0] = STR("sip:guess7@ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_USER_UNKNOWN);
	/* others vouch: there is no digest; nothing is left of a registration that failed */
	m = guest(mar("guest7", "SIP Digest"), "guest7@wwsf2.ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_AUTH_SCHEME_NOT_SUPPORTED);
	m = guest(sar("guest7", CX_UNREGISTERED_USER), "guest7@wwsf2.ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_USER_UNKNOWN);
	assert_string_equal(guest_state(), "none nobody");

	m = guest(sar("guest7", CX_ASSIGN_REGISTRATION), "guest7@wwsf2.ims.example.org");
	const struct cx_msg *a = link_ask(&scscf, m);
	assert_result(a, DIAMETER_SUCCESS);
	assert_true(a->has_allowed && str_eq(a->allowed_wwsf[0], STR("wwsf2.ims.example.org")));
	assert_true(str_find(a->user_data, STR("<ServerName>sip:as.ims.example.org")) > 0);
	assert_string_equal(guest_state(), "registered " NAME);
	m = guest(uar("guest7"), "guest7@wwsf2.ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_SUBSEQUENT_REGISTRATION);
	/* he is whose he is */
	assert_experimental(link_ask(&icscf, guest(m, "guest8@wwsf2.ims.example.org")), CX_USER_UNKNOWN);
	/* one place: the pool is full until he goes */
	m = guest(uar("guest8"), "guest8@wwsf2.ims.example.org");
	assert_experimental(link_ask(&icscf, m), CX_USER_UNKNOWN);
	m = guest(sar("guest8", CX_ASSIGN_REGISTRATION), "guest8@wwsf2.ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_USER_UNKNOWN);
	m = guest(sar("guest7", CX_USER_DEREGISTRATION_STORE), "guest7@wwsf2.ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_SERVER_NAME_NOT_STORED);
	assert_string_equal(guest_state(), "none nobody");
	m = guest(sar("guest8", CX_ASSIGN_REGISTRATION), "guest8@wwsf2.ims.example.org");
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	/* refused after the SAR */
	m = guest(sar("guest8", CX_ADMINISTRATIVE_DEREGISTRATION), "guest8@wwsf2.ims.example.org");
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	assert_string_equal(state_of("guest8@wwsf2.ims.example.org", "sip:guest8@ims.example.org"),
		"none nobody");
	/* named twice he leaves once: there is one place still */
	m = guest(sar("guest8", CX_ASSIGN_REGISTRATION), "guest8@wwsf2.ims.example.org");
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	m = guest(sar("guest8", CX_USER_DEREGISTRATION), "guest8@wwsf2.ims.example.org");
	m.public_identity[m.n_public_identity++] = m.public_identity[0];
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	m = guest(sar("guest8", CX_ASSIGN_REGISTRATION), "guest8@wwsf2.ims.example.org");
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	m = guest(sar("guest9", CX_ASSIGN_REGISTRATION), "guest9@wwsf2.ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_USER_UNKNOWN);
}

static void hostile_wildcards_stay_out(void **state)
{
	json_t *a = hss_rig_ask(&rig, "{s:s, s:s, s:s}", "cmd", "subscriber.add", "name", "w.yaml", "yaml",
		"subscriptions:\n"
		"  - name: good\n"
		"    private: [{impi: good-impi@ims.example.org, password: x}]\n"
		"    public: [{impu: 'sip:good@ims.example.org'}]\n"
		"  - name: hostile\n"
		"    private: [{impi: hostile-impi@ims.example.org, password: x}]\n"
		"    public:\n"
		"      - {impu: 'sip:hostile@ims.example.org'}\n"
		"      - {impu: 'sip:hostile!(a|aa)+!@ims.example.org', kind: wildcard}\n");
	assert_string_equal(json_string_value(json_object_get(a, "why")),
		"w.yaml:9:9: subscription \"hostile\": wildcard \"sip:hostile!(a|aa)+!@ims.example.org\": "
		"its expression is refused: an open count stands behind a group");
	json_decref(a);
	assert_experimental(link_ask(&icscf, uar("good")), CX_USER_UNKNOWN);
	assert_experimental(link_ask(&icscf, lir("sip:hostilea@ims.example.org")), CX_USER_UNKNOWN);
}

static void overlap_is_said(void **state)
{
	json_decref(hss_rig_ask(&rig, "{s:s, s:s}", "cmd", "subscriber.add", "yaml",
		"subscriptions:\n"
		"  - name: narrow\n"
		"    private: [{impi: narrow-impi@ims.example.org, password: x}]\n"
		"    public:\n"
		"      - {impu: 'sip:narrow@ims.example.org'}\n"
		"      - {impu: 'sip:web9![0-9]*!@ims.example.org', kind: wildcard}\n"));
	assert_non_null(strstr(hss_rig_log(&rig), "wildcards sip:web9![0-9]*!@ims.example.org and "
		WILDCARD " may overlap"));
	const struct cx_msg *a = link_ask(&icscf, lir("sip:web91@ims.example.org"));
	assert_experimental(a, CX_NOT_REGISTERED); /* the narrower one has no services */
	json_decref(hss_rig_ask(&rig, "{s:s, s:s}", "cmd", "subscriber.remove", "name", "narrow"));
	a = link_ask(&icscf, lir("sip:web91@ims.example.org"));
	assert_experimental(a, CX_UNREGISTERED_SERVICE);
}

static void explicit_wildcard(void **state)
{
	struct cx_msg m = sar("pilot", CX_ASSIGN_REGISTRATION);
	m.public_identity[0] = STR(WILDCARD);
	assert_experimental(link_ask(&scscf, m), CX_IN_ASSIGNMENT_TYPE);
	assert_string_equal(pilot(), "not-registered nobody");

	link_close(&icscf);
	link_close(&scscf);
	link_close(&scscf2);
	assert_int_equal(hss_rig_stop(&rig), 0);
	rig.more = "explicit-wildcard: true\n";
	hss_rig_start(&rig);
	link_open(&icscf, &rig, 13, ICSCF);
	link_open(&scscf, &rig, 14, SCSCF);
	link_open(&scscf2, &rig, 15, SCSCF2);
	m = uar("pilot");
	m.public_identity[0] = STR("SIP:web!.*!@IMS.example.org");
	assert_experimental(link_ask(&icscf, m), CX_FIRST_REGISTRATION);
	m = mar("pilot", "SIP Digest");
	m.public_identity[0] = STR(WILDCARD);
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	m = sar("pilot", CX_ASSIGN_REGISTRATION);
	m.public_identity[0] = STR(WILDCARD);
	assert_result(link_ask(&scscf, m), DIAMETER_SUCCESS);
	assert_true(str_find(scscf.m.user_data, STR(WILDCARD)) > 0);
	assert_string_equal(state_of("pilot-impi@ims.example.org", "sip:pilot@ims.example.org"),
		"registered " NAME);
	/* a mere member is none all the same */
	m.public_identity[0] = STR("sip:web000123@ims.example.org");
	assert_experimental(link_ask(&scscf, m), CX_IN_ASSIGNMENT_TYPE);
}

/* ---- what is not served, and what is not for us ---- */

static void other_requests(void **state)
{
	struct buf b = {0}, changed = {0};
	link_encode(&icscf, uar("alice"), &b);
	b.p[7] = 49; /* PPR: the HSS sends it */
	assert_int_equal(link_result(&icscf, buf_str(&b)), DIAMETER_COMMAND_UNSUPPORTED);
	assert_true((uint8_t)icscf.in.p[4] & CX_HEADER_E);
	link_encode(&icscf, uar("alice"), &b);
	b.p[11] = 1;
	assert_int_equal(link_result(&icscf, buf_str(&b)), DIAMETER_APPLICATION_UNSUPPORTED);
	cx_edit(link_encode(&icscf, uar("alice"), &b), STR("Destination-Realm"),
		STR("other.example.net"), &changed);
	assert_int_equal(link_result(&icscf, buf_str(&changed)), DIAMETER_REALM_NOT_SERVED);
	changed.n = 0;
	cx_edit(link_encode(&icscf, uar("alice"), &b), STR("Destination-Host"),
		STR("other.ims.example.org"), &changed);
	assert_int_equal(link_result(&icscf, buf_str(&changed)), DIAMETER_UNABLE_TO_DELIVER);
	changed.n = 0;
	cx_edit(link_encode(&icscf, uar("alice"), &b), STR("Destination-Host"),
		STR("HSS.ims.example.org"), &changed);
	assert_int_equal(link_result(&icscf, buf_str(&changed)), 0);
	assert_true(str_eq(link_field(&icscf, "Experimental-Result"), STR("2001")));
	/* somebody else's Origin-Host */
	changed.n = 0;
	cx_edit(link_encode(&icscf, uar("alice"), &b), STR("Origin-Host"), STR(SCSCF), &changed);
	assert_int_equal(link_result(&icscf, buf_str(&changed)), DIAMETER_INVALID_AVP_VALUE);
	assert_true(str_eq(link_field(&icscf, "Failed-AVP.Origin-Host"), STR(SCSCF)));
	changed.n = 0;
	cx_edit(link_encode(&icscf, uar("alice"), &b), STR("Origin-Realm"), STR("other.net"),
		&changed);
	assert_int_equal(link_result(&icscf, buf_str(&changed)), DIAMETER_INVALID_AVP_VALUE);
	assert_true(str_eq(link_field(&icscf, "Failed-AVP.Origin-Realm"), STR("other.net")));
	buf_free(&b);
	buf_free(&changed);
}

static void answers_are_complete(void **state)
{
	link_ask(&icscf, uar("alice"));
	assert_true(str_eq(link_field(&icscf, "Origin-Host"), STR("hss.ims.example.org")));
	assert_true(str_eq(link_field(&icscf, "Origin-Realm"), STR("ims.example.org")));
	assert_true(str_eq(link_field(&icscf, "Auth-Session-State"), STR("1")));
	assert_true(str_eq(
		link_field(&icscf, "Vendor-Specific-Application-Id.Auth-Application-Id"),
		STR("16777216")));
	assert_null(link_field(&icscf, "Result-Code").p);
	assert_true(str_starts(link_field(&icscf, "Session-Id"), STR(ICSCF ";1;")));
	/* Proxy-Info goes back as it came */
	struct buf b = {0}, changed = {0}, more = {0};
	cx_edit(link_encode(&icscf, uar("alice"), &b), STR("Proxy-Info.Proxy-State"), STR("px"),
		&changed);
	link_result(&icscf, buf_str(&changed));
	assert_true(str_eq(link_field(&icscf, "Proxy-Info.Proxy-State"), STR("px")));
	buf_free(&b);
	buf_free(&changed);
	buf_free(&more);
}

/* ---- faults, at the gate of the HSS ---- */

static void fault(const char *rule)
{
	json_t *o = json_loads(rule, 0, NULL);
	assert_non_null(o);
	json_t *a = hss_rig_ask(&rig, "{s:s, s:o}", "cmd", "fault", "rule", o);
	if (!json_is_true(json_object_get(a, "ok")))
		fail_msg("%s", json_string_value(json_object_get(a, "why")));
	json_decref(a);
}

static bool answered(struct link *l)
{
	struct pollfd p = {l->fd, POLLIN, 0};
	return poll(&p, 1, 200) == 1;
}

static void faults(void **state)
{
	struct buf b = {0};
	fault("{\"match\":{\"dir\":\"sent\",\"what\":\"Cx UAA\"},\"do\":\"set\",\"times\":1,"
	      "\"set\":{\"Result-Code\":5012}}");
	assert_result(link_ask(&icscf, uar("alice")), DIAMETER_UNABLE_TO_COMPLY);
	assert_experimental(link_ask(&icscf, uar("alice")), CX_FIRST_REGISTRATION);
	/* sent and lost */
	fault("{\"match\":{\"dir\":\"sent\",\"what\":\"Cx UAA\"},\"do\":\"drop\",\"times\":1}");
	link_send(&icscf, link_encode(&icscf, uar("alice"), &b));
	assert_false(answered(&icscf));
	/* never received */
	fault("{\"match\":{\"dir\":\"received\",\"what\":\"Cx MAR\"},\"do\":\"drop\",\"times\":1}");
	link_send(&scscf, link_encode(&scscf, mar("alice", "SIP Digest"), &b));
	assert_false(answered(&scscf));
	assert_string_equal(alice(), "not-registered nobody");
	/* held, then released: the request, then an answer */
	fault("{\"match\":{\"dir\":\"received\",\"what\":\"Cx MAR\"},\"do\":\"hold\",\"times\":1}");
	link_send(&scscf, link_encode(&scscf, mar("alice", "SIP Digest"), &b));
	assert_false(answered(&scscf));
	json_decref(hss_rig_ask(&rig, "{s:s}", "cmd", "release"));
	assert_true(link_receive(&scscf));
	assert_true(str_eq(link_field(&scscf, "Result-Code"), STR("2001")));
	assert_string_equal(alice(), "not-registered+ " NAME);
	fault("{\"match\":{\"dir\":\"sent\",\"what\":\"Cx UAA\"},\"do\":\"hold\",\"times\":1}");
	link_send(&icscf, link_encode(&icscf, uar("alice"), &b));
	assert_false(answered(&icscf));
	json_decref(hss_rig_ask(&rig, "{s:s}", "cmd", "release"));
	assert_true(link_receive(&icscf));
	/* twice */
	fault("{\"match\":{\"dir\":\"sent\",\"what\":\"Cx UAA\"},\"do\":\"duplicate\",\"times\":1}");
	link_ask(&icscf, uar("alice"));
	assert_true(link_receive(&icscf));
	fault("{\"match\":{\"dir\":\"received\",\"what\":\"Cx UAR\",\"fields\":"
	      "{\"Public-Identity\":\"/alice/\"}},\"do\":\"duplicate\",\"times\":1}");
	link_ask(&icscf, uar("alice"));
	assert_true(link_receive(&icscf));
	/* a field of a received request changed */
	fault("{\"match\":{\"dir\":\"received\",\"what\":\"Cx UAR\"},\"do\":\"set\",\"times\":1,"
	      "\"set\":{\"User-Name\":\"nobody@ims.example.org\"}}");
	assert_experimental(link_ask(&icscf, uar("alice")), CX_USER_UNKNOWN);
	json_decref(hss_rig_ask(&rig, "{s:s}", "cmd", "unfault"));
	json_t *status = hss_rig_ask(&rig, "{s:s}", "cmd", "status");
	assert_int_equal(json_integer_value(json_object_get(status, "open")), 0);
	json_decref(status);
	buf_free(&b);
}

/* ---- restart and configuration ---- */

static void registrations_outlive_a_restart(void **state)
{
	register_user("alice");
	link_close(&icscf);
	link_close(&scscf);
	link_close(&scscf2);
	assert_int_equal(hss_rig_stop(&rig), 0);
	hss_rig_start(&rig);
	assert_int_equal(link_open(&icscf, &rig, 13, ICSCF), DIAMETER_SUCCESS);
	assert_int_equal(link_open(&scscf, &rig, 14, SCSCF), DIAMETER_SUCCESS);
	assert_int_equal(link_open(&scscf2, &rig, 15, SCSCF2), DIAMETER_SUCCESS);
	assert_string_equal(alice(), "registered " NAME);
}

static void unlisted_peer(void **state)
{
	struct link l;
	int64_t before = hss_rig_counter(&rig, "imsrig_cx_refused_total");
	assert_int_equal(link_open(&l, &rig, 99, "stranger.ims.example.org"), 3010);
	assert_false(link_receive(&l));
	link_close(&l);
	assert_int_equal(hss_rig_counter(&rig, "imsrig_cx_refused_total"), before + 1);
	assert_non_null(strstr(hss_rig_log(&rig),
		"CER from stranger.ims.example.org refused with 3010"));
}

static const char *const further =
	"subscriptions:\n"
	"  - name: pilot\n"
	"    private: [{impi: pilot-impi@ims.example.org, password: x}]\n"
	"    public:\n"
	"      - {impu: 'sip:pilot@ims.example.org'}\n"
	"      - {impu: 'sip:web!.*!@ims.example.org', kind: wildcard, profile: 2}\n"
	"      - {impu: 'sip:service@ims.example.org', kind: psi, set: 2}\n"
	"    filter-criteria: [{priority: 1, profile: 2, server: 'sip:as.ims.example.org'}]\n"
	"  - name: inside\n"
	"    private: [{impi: inside-impi@ims.example.org, password: x}]\n"
	"    public: [{impu: 'sip:web000900@ims.example.org'}]\n"
	"  - name: static\n"
	"    private: [{impi: static-impi@ims.example.org, password: x}]\n"
	"    public:\n"
	"      - {impu: 'sip:static@ims.example.org'}\n"
	"      - {impu: 'sip:st!.*!@ims.example.org', kind: wildcard}\n"
	"    unregistered: {server-name: 'sip:scscf.ims.example.org:5060'}\n"
	"  - name: guests\n"
	"    pool: {impi: 'guest!.*!@wwsf2.ims.example.org', impu: 'sip:guest!.*!@ims.example.org',"
	" max: 1}\n"
	"    allowed: {wwsf: [wwsf2.ims.example.org]}\n"
	"    capabilities: {mandatory: [1]}\n"
	"    filter-criteria: [{priority: 1, server: 'sip:as.ims.example.org'}]\n"
	"  - name: frieda\n"
	"    private: [{impi: frieda-impi@ims.example.org, password: x}]\n"
	"    public:\n"
	"      - {impu: 'sip:frieda@ims.example.org'}\n"
	"      - {impu: 'sip:frieda.two@ims.example.org', set: 2}\n"
	"  - name: wanda\n"
	"    private: [{impi: wanda-impi@ims.example.org, password: x}]\n"
	"    public: [{impu: 'sip:wanda@ims.example.org'}]\n"
	"    allowed: {waf: [waf.ims.example.org], wwsf: [wwsf.ims.example.org]}\n"
	"  - name: wilma\n"
	"    private: [{impi: wilma-impi@ims.example.org, password: x}]\n"
	"    public: [{impu: 'sip:wilma@ims.example.org'}]\n"
	"    allowed: {wwsf: [WWSF.Partner.Example., wwsf.ims.example.org]}\n"
	"  - name: zoe\n"
	"    private: [{impi: zoe-impi@ims.example.org, password: x}]\n"
	"    public: [{impu: 'sip:zoe@ims.example.org'}]\n"
	"    allowed: {applies: true}\n";

static void add_further(void **state)
{
	json_t *a = hss_rig_ask(&rig, "{s:s, s:s}", "cmd", "subscriber.add", "yaml", further);
	assert_int_equal(json_integer_value(json_object_get(a, "added")), 8);
	json_decref(a);
}

#define T(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(add_further),
		T(uar_1_unknown), T(uar_2_not_distinct), T(uar_3_not_associated), T(uar_4_barred),
		T(uar_5_roaming), T(uar_5_may_not_register), T(uar_5_capabilities), T(uar_6_first),
		T(uar_6_by_state), T(uar_6_other_identity),
		T(mar_identities), T(mar_schemes), T(mar_digest_data), T(mar_state),
		T(sar_identities), T(sar_without_identity), T(sar_registration),
		T(sar_re_registration_has_no_profile), T(sar_allowed_goes_with_the_profile),
		T(sar_other_scscf), T(sar_unregistered_user),
		T(sar_deregistration), T(sar_two_impis), T(sar_store_server_name),
		T(sar_authentication_ended), T(sar_no_assignment), T(sar_profile),
		T(members_are_not_distinct), T(sar_member_unregistered), T(sar_member_of_registered),
		T(lir_by_state), T(fixed_scscf), T(pool_members),
		T(hostile_wildcards_stay_out), T(overlap_is_said),
		T(other_requests), T(answers_are_complete), T(faults),
		T(registrations_outlive_a_restart), T(unlisted_peer), T(explicit_wildcard),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
