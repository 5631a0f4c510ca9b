/* WWSF, the WebRTC Web Server Function (TS 23.228 U.1.3.2): serves the page, knows web users,
 * and gives them their IMS identities and a token.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/node/node.h"
#include "wwsf/assignment.h"
#include "wwsf/registration.h"
#include "wwsf/token.h"

static int start(struct host *host, const void *conf, char why[512])
{
	int err = wwsf_start(host, conf, why);
	if (!err)
		node_ready();
	return err;
}

/* ---- admin commands ---- */

static json_t *done_or(const char *why)
{
	return why ? node_refuse("%s", why) : json_pack("{s:b}", "ok", 1);
}

/* {"cmd":"rotate"}: a new signing key. */
static json_t *on_rotate(const json_t *args)
{
	return done_or(token_rotate());
}

static struct str user_of(const json_t *args)
{
	return str_of(json_string_value(json_object_get(args, "user")));
}

/* {"cmd":"revoke","user":NAME}: {"ok":true,"revoked":N}, tokens of our own. */
static json_t *on_revoke(const json_t *args)
{
	struct str user = user_of(args);
	if (!user.n)
		return node_refuse("revoke takes \"user\"");
	return json_pack("{s:b, s:I}", "ok", 1, "revoked",
		(json_int_t)token_revoke(user, STR_NONE));
}

static json_t *state_of_user(struct str user)
{
	const struct session *newest;
	json_t *state = json_pack("{s:b, s:I, s:I}", "ok", 1, "sessions",
		(json_int_t)sessions_of_user(user, &newest), "tokens",
		(json_int_t)token_count(user));
	if (newest && newest->identity)
		json_object_update(state, newest->identity);
	return state;
}

/* {"cmd":"state","user":NAME}: {"ok":true,"sessions":N,"tokens":N,"impi":..,"impu":[..]}, the
 * identities as handed out in the newest session. Without a user: {"ok":true,
 * "identities":{"lent":N,"resting":N},"registration":{"state":..}}, those of a range or pool,
 * and the registration of the range. */
static json_t *on_state(const json_t *args)
{
	struct str user = user_of(args);
	if (user.n)
		return state_of_user(user);
	json_t *state = json_pack("{s:b}", "ok", 1);
	if (wwsf.assignments) {
		struct assignment_count n = assignment_count(wwsf.assignments);
		json_object_set_new(state, "identities",
			json_pack("{s:I, s:I}", "lent", (json_int_t)n.lent, "resting",
				(json_int_t)n.resting));
	}
	json_t *registration = registration_state();
	if (registration)
		json_object_set_new(state, "registration", registration);
	return state;
}

/* {"cmd":"register"}, {"cmd":"withdraw"}: the WAAF is asked; the state says what comes of it. */
static json_t *on_register(const json_t *args)
{
	return done_or(registration_begin());
}

static json_t *on_withdraw(const json_t *args)
{
	return done_or(registration_withdraw());
}

int main(int argc, char **argv)
{
	static const struct node_command commands[] = {{"rotate", on_rotate},
		{"revoke", on_revoke}, {"state", on_state}, {"register", on_register},
		{"withdraw", on_withdraw}, {NULL, NULL}};
	static const struct node_app app = {
		.name = "wwsf",
		.summary = "WWSF: serves the WebRTC client, signs users in, gives out tokens",
		.rows = wwsf_conf_rows,
		.conf_size = sizeof(struct wwsf_conf),
		.check = wwsf_conf_check,
		.start = start,
		.stop = wwsf_stop,
		.reset = wwsf_reset,
		.open = wwsf_open,
		.commands = commands,
	};
	return node_main(argc, argv, &app);
}
