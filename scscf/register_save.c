/* The end of a successful registration: SAR, binding, 200 (TS 24.229 5.4.1.2.2F,
 * TS 29.228 6.1.2).
 *
 *	I-CSCF         S-CSCF          HSS
 *	   |             | SAR          |
 *	   |             |------------->|
 *	   |             |          SAA |
 *	   |             |<-------------|   profile, implicit set
 *	   |         200 |              |
 *	   |<------------|              |
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "scscf/profile.h"
#include "scscf/scscf.h"

METRIC_COUNTER(registered, "imsrig_scscf_registrations_total", "first registrations accepted");
METRIC_COUNTER(refreshed, "imsrig_scscf_refreshes_total", "re-registrations accepted");

/* ---- 200 ---- */

/* P-Charging-Vector of the answer: the icid and orig-ioi as they came, the type 1 term-ioi
 * names this network (TS 24.229 5.4.1.2.2F). */
static void put_charging_vector(const struct sip_msg *m, struct buf *out)
{
	struct str v = sip_value(m, SIP_H_P_CHARGING_VECTOR), icid, ioi;
	if (!v.p || !sip_param(v, STR("icid-value"), &icid))
		return;
	buf_fmt(out, "P-Charging-Vector: icid-value=\"" STR_FMT "\"", STR_ARG(icid));
	if (sip_param(v, STR("orig-ioi"), &ioi))
		buf_fmt(out, ";orig-ioi=\"" STR_FMT "\"", STR_ARG(ioi));
	buf_fmt(out, ";term-ioi=\"Type 1%s\"\r\n", scscf.conf->domain);
}

/* The charging functions go to a P-CSCF of the same network alone (TS 24.229 5.4.1.2.2F). */
static void put_charging_functions(const struct sip_msg *m, const struct user *u, struct buf *out)
{
	if (u->charging && str_ieq(sip_visited_network(m), str_of(scscf.conf->domain)))
		buf_fmt(out, "P-Charging-Function-Addresses: %s\r\n", u->charging);
}

static void put_copies(const struct sip_msg *m, enum sip_header id, struct buf *out)
{
	for (const struct sip_field *f = sip_first(m, id); f; f = sip_next(m, f)) {
		buf_add(out, sip_header_name(id));
		buf_add(out, STR(": "));
		buf_add(out, sip_field_value(m, f));
		buf_add(out, STR("\r\n"));
	}
}

static bool keeps_flow(const struct sip_register *reg)
{
	return reg->outbound && reg->n_contacts && reg->contacts[0].reg_id &&
		reg->contacts[0].instance.n;
}

void scscf_accept(struct sip_req *req, const struct sip_register *reg, struct user *u,
	struct str proof)
{
	const struct sip_msg *m = sip_req_msg(req);
	struct buf fields = {0}, contacts = {0};

	put_copies(m, SIP_H_PATH, &fields);
	binding_print(&scscf.users, reg->impu, &contacts);
	if (contacts.n)
		buf_fmt(&fields, "Contact: " STR_FMT "\r\n", STR_ARG(buf_str(&contacts)));
	if (u->bindings) {
		buf_fmt(&fields, "Service-Route: <sip:orig-%s@%s;lr>\r\n", u->route,
			scscf.conf->name + strlen("sip:"));
		buf_fmt(&fields, "P-Associated-URI: %s\r\n", u->associated);
	}
	if (u->bindings && keeps_flow(reg))
		buf_add(&fields, STR("Require: outbound\r\n"));
	if (proof.n)
		buf_fmt(&fields, "Authentication-Info: " STR_FMT "\r\n", STR_ARG(proof));
	put_charging_vector(m, &fields);
	put_charging_functions(m, u, &fields);
	sip_answer(req, 200, NULL, buf_str(&fields));
	buf_free(&fields);
	buf_free(&contacts);
}

/* ---- SAA ---- */

/* The implicit set and its P-Associated-URI. The registered identity must be in it: a wildcard
 * too, where the HSS lets it be registered by itself; a web identity is not (p NULL). */
static int take_profile(struct user *u, struct str xml, struct str impu, const char **why)
{
	struct arena a = {0};
	struct profile *p = arena_alloc(&a, sizeof *p);
	struct buf associated = {0};
	bool found = !impu.p;
	int err = profile_parse(xml, p, &a, why);

	for (size_t i = 0; !err && i < p->n; i++)
		found |= str_eq(p->identities[i].identity, impu);
	if (!err && !found) {
		*why = "the profile does not hold the identity that is registered";
		err = -EBADMSG;
	}
	if (!err) {
		for (size_t i = 0; i < p->n; i++)
			user_add_identity(u, p->identities[i].identity);
		profile_associated(p, &associated);
		free(u->associated);
		u->associated = str_dup(buf_str(&associated));
	}
	buf_free(&associated);
	arena_free(&a);
	return err;
}

/* A value that would end the quoted string, or the field, is left out. */
static void put_address(struct buf *out, const char *name, struct str uri)
{
	for (size_t i = 0; i < uri.n; i++)
		if ((unsigned char)uri.p[i] <= ' ' || uri.p[i] == '"' || uri.p[i] == '\\' ||
			uri.p[i] == 0x7f)
			return;
	if (uri.n)
		buf_fmt(out, "%s%s=\"" STR_FMT "\"", out->n ? ";" : "", name, STR_ARG(uri));
}

/* Charging-Information as RFC 7315 4.5 writes it: collection functions, then event ones,
 * the primary of each first. */
static void take_charging(struct user *u, const struct cx_msg *saa)
{
	struct buf all = {0};
	for (int i = 0; i < 2; i++)
		put_address(&all, "ccf", saa->ccf[i]);
	for (int i = 0; i < 2; i++)
		put_address(&all, "ecf", saa->ecf[i]);
	free(u->charging);
	u->charging = all.n ? str_dup(buf_str(&all)) : NULL;
	buf_free(&all);
}

static void store(struct sip_req *req, const struct sip_register *reg, struct user *u)
{
	const struct sip_msg *m = sip_req_msg(req);
	struct str call_id = sip_value(m, SIP_H_CALL_ID), element;
	struct sip_iter it = {0};
	struct buf path = {0};

	while (sip_list_next(m, SIP_H_PATH, &it, &element))
		buf_fmt(&path, "%s" STR_FMT, path.n ? ", " : "", STR_ARG(element));
	struct entities *who = scscf_vouchers(req, reg);
	for (size_t i = 0; i < reg->n_contacts; i++) {
		const struct sip_contact *c = &reg->contacts[i];
		struct binding *b = c->expires ? NULL : binding_find(u, c);
		int64_t ms = c->expires * INT64_C(1000);
		if (ms > scscf.conf->max_expires_ms)
			ms = scscf.conf->max_expires_ms;
		if (c->expires) {
			b = binding_set(u, c, call_id, m->cseq, buf_str(&path), ms,
				scscf_binding_expired);
			b->trusted = sip_register_auth_done(reg);
			b->aka = scscf_aka_wanted(reg) != AKA_NONE;
			b->vouchers = entities_hold(who);
		} else if (b) {
			binding_remove(b);
		}
	}
	entities_drop(who);
	buf_free(&path);
}

/* The HSS holds the user as registered, yet the REGISTER fails: undone by type 8, as type
 * 9 would leave him registered (TS 29.228 6.1.2). While another one is under way, what
 * becomes of that decides. */
void scscf_undo(struct user *u)
{
	if (u->saves)
		return;
	scscf_notify_hss(u, CX_ADMINISTRATIVE_DEREGISTRATION);
	user_free(u);
}

static void on_saa(int err, const struct cx_msg *saa, void *arg)
{
	const char *why = "no profile in the SAA";
	struct scscf_wait w;
	struct user *u;
	struct sip_req *req = scscf_wait_end(arg, &u, &w);
	bool good = !err && cx_is_success(saa->result);

	if (u) {
		u->waits--;
		u->saves--;
	}
	if (!good) {
		if (req)
			scscf_refuse_cx(req, SCSCF_SAA, err, saa);
		if (u)
			scscf_save_failed(u);
		return;
	}
	if (!u) {
		if (req)
			scscf_refuse(req, 500, NULL, "the registration was ended meanwhile");
		return;
	}
	user_hss(u, saa->origin_host);
	bool first = !u->registered;
	u->registered = true;
	if (!req) {
		/* Nobody to answer: the UE tries again; without a binding the HSS is told. */
		if (!u->bindings)
			scscf_undo(u);
		return;
	}
	struct str impu = scscf_web(req, w.reg).p ? STR_NONE : w.reg->impu;
	if (saa->user_data.n ? take_profile(u, saa->user_data, impu, &why) : !u->associated) {
		scscf_undo(u);
		scscf_refuse(req, 500, NULL, why);
		return;
	}
	if (saa->user_data.n)
		take_charging(u, saa);
	user_absorb(u);
	scscf_take_list(u, saa);
	if (!scscf_vouched(req, w.reg, u))
		return;
	if (first)
		registered.value++;
	else
		refreshed.value++;
	if (!u->route[0])
		chance_hex(&scscf.host->chance, u->route, 8);
	store(req, w.reg, u);
	scscf_accept(req, w.reg, u, w.proof);
}

/* ---- SAR ---- */

/* False: answered. */
static bool storable(struct sip_req *req, const struct sip_register *reg, struct user *u)
{
	const struct sip_msg *m = sip_req_msg(req);
	bool bound = str_ends(reg->auth.integrity_protected, STR("-yes"));
	size_t more = 0;

	for (size_t i = 0; i < reg->n_contacts; i++) {
		const struct sip_contact *c = &reg->contacts[i];
		const struct binding *b = binding_find(u, c);
		more += !b && c->expires;
		if (!b && bound && !c->reg_id) {
			scscf_refuse(req, 403, NULL, "a new contact without reg-id in a refresh");
			return false;
		}
		if (b && binding_is_newer(b, sip_value(m, SIP_H_CALL_ID), m->cseq)) {
			scscf_refuse_order(req);
			return false;
		}
	}
	if ((int64_t)(binding_count(u) + more) > scscf.conf->max_flows) {
		scscf_refuse(req, 403, NULL, "more flows than one user may have");
		return false;
	}
	return true;
}

void scscf_save(struct sip_req *req, struct sip_register *reg, struct user *u, struct str proof)
{
	struct cx_msg sar = {
		.command = CX_SA,
		.request = true,
		.user_name = reg->impi,
		.public_identity = {reg->impu},
		.n_public_identity = 1,
		.server_name = str_of(scscf.conf->name),
		.has_assignment = true,
		.assignment = u->registered ? CX_RE_REGISTRATION : CX_ASSIGN_REGISTRATION,
		.has_data_available = true,
		.data_available = u->associated != NULL,
	};
	if (!storable(req, reg, u)) {
		user_drop_if_idle(u);
		return;
	}
	if (u->hss)
		sar.destination_host = str_of(u->hss);
	struct scscf_wait *w = scscf_wait_new(req, reg, u, proof);
	int err = cx_send(scscf.cx, &sar, on_saa, w);
	if (err) {
		free(w);
		scscf_refuse_cx(req, SCSCF_SAA, err, NULL);
		user_drop_if_idle(u);
		return;
	}
	u->waits++;
	u->saves++;
}
