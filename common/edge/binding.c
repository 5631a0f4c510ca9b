/* Bindings: the book.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/edge/binding.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"

METRIC_IDLE(bindings, "imsrig_edge_bindings", "registrations bound to a flow");

enum { SET_MOST = 64, JSON_MOST = 100, EXPIRES_DEFAULT = 3600 };

struct str edge_binding_text(const struct edge_binding *b, enum edge_text which)
{
	size_t from = which ? b->end[which - 1] : 0;
	return (struct str){b->text + from, b->end[which] - from};
}

/* ---- the identities of one binding in the book's index ---- */

static void index_set(struct edge_binding *b,
	void (*put)(struct edge_index *, uint64_t, struct edge_binding *))
{
	struct str impu = edge_binding_text(b, EDGE_IMPU),
		   set = edge_binding_text(b, EDGE_SET);
	put(&b->book->by_impi, str_hash(edge_binding_text(b, EDGE_IMPI)), b);
	put(&b->book->by_impu, str_hash(impu), b);
	while (set.p) {
		struct str s = str_cut(&set, '\n');
		if (s.n && !str_eq(s, impu))
			put(&b->book->by_impu, str_hash(s), b);
	}
}

static void put_in(struct edge_index *x, uint64_t hash, struct edge_binding *b)
{
	edge_index_add(x, hash, b);
}

static void take_out(struct edge_index *x, uint64_t hash, struct edge_binding *b)
{
	edge_index_remove(x, hash, b);
}

static bool has_impu(const struct edge_binding *b, struct str impu)
{
	struct str set = edge_binding_text(b, EDGE_SET);
	if (str_eq(edge_binding_text(b, EDGE_IMPU), impu))
		return true;
	while (set.p)
		if (str_eq(str_cut(&set, '\n'), impu))
			return true;
	return false;
}

struct edge_binding *edge_book_impi(
	const struct edge_book *k, struct str impi, size_t *it)
{
	struct edge_binding *b;
	uint64_t hash = str_hash(impi);
	while ((b = edge_index_next(&k->by_impi, hash, it)))
		if (str_eq(edge_binding_text(b, EDGE_IMPI), impi))
			return b;
	return NULL;
}

struct edge_binding *edge_book_impu(
	const struct edge_book *k, struct str impu, size_t *it)
{
	struct edge_binding *b;
	uint64_t hash = str_hash(impu);
	while ((b = edge_index_next(&k->by_impu, hash, it)))
		if (has_impu(b, impu))
			return b;
	return NULL;
}

struct edge_binding *edge_book_flow(
	const struct edge_book *k, struct str impi, struct str impu, uint64_t conn)
{
	struct edge_binding *b;
	size_t it = 0;
	while ((b = edge_book_impi(k, impi, &it)))
		if (b->kind == EDGE_WIC && b->conn == conn && has_impu(b, impu))
			return b;
	return NULL;
}

struct edge_binding *edge_book_plain(const struct edge_book *k, struct str impi,
	const struct addr *source, uint64_t sent_by)
{
	struct edge_binding *b;
	size_t it = 0;
	while ((b = edge_book_impi(k, impi, &it)))
		if (b->kind == EDGE_PLAIN && b->sent_by == sent_by &&
			addr_host_eq(&b->source, source))
			return b;
	return NULL;
}

/* ---- life ---- */

void edge_book_init(
	struct edge_book *k, struct clock *clock, edge_binding_gone_h *gone, void *arg)
{
	*k = (struct edge_book){.clock = clock, .gone = gone, .arg = arg};
}

void edge_binding_end(struct edge_binding *b)
{
	timer_stop(&b->expiry);
	index_set(b, take_out);
	bindings.value--;
	free(b);
}

static void end_announced(struct edge_binding *b, enum edge_end why)
{
	struct edge_book *k = b->book;
	timer_stop(&b->expiry);
	index_set(b, take_out);
	bindings.value--;
	if (k->gone)
		k->gone(b, why, k->arg);
	free(b);
}

void edge_binding_drop(struct edge_binding *b)
{
	end_announced(b, EDGE_ENDED);
}

static void on_expiry(struct timer *t, void *arg)
{
	end_announced(arg, EDGE_EXPIRED);
}

void edge_book_clear(struct edge_book *k)
{
	for (size_t i = 0; i < k->by_impi.cap; i++)
		while (k->by_impi.slots[i]
				.entry) /* the gap may be closed by the next one */
			edge_binding_end(k->by_impi.slots[i].entry);
	edge_index_free(&k->by_impi);
	edge_index_free(&k->by_impu);
}

static bool same_flow(const struct edge_binding *b, const struct edge_bind *what)
{
	if (b->session != what->session)
		return false;
	return what->kind != EDGE_PLAIN ||
	       (b->sent_by == what->sent_by && addr_host_eq(&b->source, &what->source));
}

struct edge_binding *edge_book_find(
	const struct edge_book *k, const struct edge_bind *what)
{
	struct edge_binding *b;
	size_t it = 0;
	while ((b = edge_book_impi(k, what->text[EDGE_IMPI], &it)))
		if (b->kind == what->kind && same_flow(b, what) &&
			has_impu(b, what->text[EDGE_IMPU]))
			return b;
	return NULL;
}

/* A plain user's first flow goes when he comes by too many; NULL: room enough. */
static struct edge_binding *surplus(
	const struct edge_book *k, const struct edge_bind *what)
{
	struct edge_binding *b, *first = NULL;
	size_t it = 0;
	int n = 0;
	while (what->kind == EDGE_PLAIN &&
		(b = edge_book_impi(k, what->text[EDGE_IMPI], &it)))
		if (b->kind == EDGE_PLAIN && !n++)
			first = b;
	return n >= EDGE_PLAIN_MOST ? first : NULL;
}

struct edge_binding *edge_book_bind(
	struct edge_book *k, const struct edge_bind *what, int64_t seconds)
{
	struct edge_binding *old = edge_book_find(k, what), *b;
	size_t n = 0, end[EDGE_TEXTS];

	if (!old)
		old = surplus(k, what);

	/* All comes from two heads of 16 KiB each, so the bound is a safeguard. */
	for (int i = 0; i < EDGE_TEXTS; i++) {
		n += what->text[i].n;
		end[i] = n = n < UINT16_MAX ? n : UINT16_MAX;
	}
	b = mem_alloc(sizeof *b + n);
	*b = (struct edge_binding){
		.book = k,
		.conn = what->conn,
		.sent_by = what->sent_by,
		.session = what->session,
		.source = what->source,
		.kind = what->kind,
		.trusted = what->trusted,
		.owner = what->owner,
	};
	for (int i = 0; i < EDGE_TEXTS; i++) {
		size_t from = i ? end[i - 1] : 0;
		if (end[i] > from)
			memcpy(b->text + from, what->text[i].p, end[i] - from);
		b->end[i] = (uint16_t)end[i];
	}
	if (old)
		end_announced(old, EDGE_REPLACED);
	index_set(b, put_in);
	bindings.value++;
	timer_start(k->clock, &b->expiry, seconds * 1000, on_expiry, b);
	return b;
}

static void log_settled(const struct edge_bind *what, int64_t seconds)
{
	struct str impi = what->text[EDGE_IMPI], impu = what->text[EDGE_IMPU];
	if (seconds)
		log_debug("edge", "%s registered by %s for %lld s", log_text(impu),
			log_text(impi), (long long)seconds);
	else
		log_debug("edge", "%s no longer registered by %s", log_text(impu),
			log_text(impi));
}

struct edge_binding *edge_book_settle(
	struct edge_book *k, const struct edge_bind *what, int64_t seconds)
{
	struct edge_binding *old = seconds ? NULL : edge_book_find(k, what), *made = NULL;
	if (seconds)
		made = edge_book_bind(k, what, seconds);
	else if (old)
		end_announced(old, EDGE_ENDED);
	log_settled(what, seconds);
	return made;
}

/* ---- from the 200 to a REGISTER ---- */

/* A contact of the asking device: by its URI, or by its instance under another URI. */
static bool is_asked(const struct sip_register *asked, const struct sip_name_addr *na)
{
	struct str instance = STR_NONE;
	sip_param(na->params, STR("+sip.instance"), &instance);
	for (size_t i = 0; i < asked->n_contacts; i++) {
		const struct sip_contact *c = &asked->contacts[i];
		if (sip_uri_equal(&c->uri, &na->uri) ||
			(instance.n && str_eq(instance, c->instance)))
			return true;
	}
	return false;
}

uint32_t edge_granted(const struct sip_msg *ok, const struct sip_register *asked)
{
	uint32_t dflt = EXPIRES_DEFAULT, most = 0;
	struct str v = sip_value(ok, SIP_H_EXPIRES), e;
	struct sip_iter it = {0};
	struct sip_name_addr na;

	if (v.p && sip_seconds_parse(v, &dflt))
		dflt = EXPIRES_DEFAULT;
	while (sip_list_next(ok, SIP_H_CONTACT, &it, &e)) {
		uint32_t s = dflt;
		if (sip_name_addr_parse(&na, e) || na.star || !is_asked(asked, &na))
			continue;
		if (sip_param(na.params, STR("expires"), &v) && v.p &&
			sip_seconds_parse(v, &s))
			s = 0;
		most = s > most ? s : most;
	}
	return most;
}

static struct str service_route(const struct sip_msg *ok, struct arena *a)
{
	const struct sip_field *f = sip_first(ok, SIP_H_SERVICE_ROUTE);
	struct str all = f ? sip_field_value(ok, f) : STR_NONE;
	while (f && (f = sip_next(ok, f)))
		all = arena_fmt(a, STR_FMT ", " STR_FMT, STR_ARG(all),
			STR_ARG(sip_field_value(ok, f)));
	return all;
}

static struct str associated(const struct sip_msg *ok, struct arena *a)
{
	struct sip_iter it = {0};
	struct sip_name_addr na;
	struct str e, all = STR_NONE;
	for (int n = 0;
		n < SET_MOST && sip_list_next(ok, SIP_H_P_ASSOCIATED_URI, &it, &e);) {
		struct str id;
		if (sip_name_addr_parse(&na, e) || na.star ||
			!(id = sip_uri_canonical(&na.uri, a)).p)
			continue;
		all = n++ ? arena_fmt(a, STR_FMT "\n" STR_FMT, STR_ARG(all), STR_ARG(id))
			  : id;
	}
	return all;
}

void edge_bind_asked(struct edge_bind *what, const struct sip_register *asked)
{
	what->text[EDGE_IMPI] = asked->impi;
	what->text[EDGE_IMPU] = asked->impu;
	if (asked->n_contacts)
		what->text[EDGE_INSTANCE] = asked->contacts[0].instance;
}

void edge_bind_read(struct edge_bind *what, const struct sip_msg *ok,
	const struct sip_register *asked, struct arena *a)
{
	edge_bind_asked(what, asked);
	what->text[EDGE_ROUTE] = service_route(ok, a);
	what->text[EDGE_SET] = associated(ok, a);
}

/* ---- for the admin socket ---- */

static json_t *text_json(struct str s)
{
	return json_stringn(s.p ? s.p : "", s.n);
}

static json_t *binding_json(const struct edge_binding *b)
{
	static const char *const kinds[] = {"wic", "waaf", "plain"};
	json_t *o = json_object(), *set = json_array();
	struct str ids = edge_binding_text(b, EDGE_SET);

	json_object_set_new(o, "kind", json_string(kinds[b->kind]));
	json_object_set_new(o, "impi", text_json(edge_binding_text(b, EDGE_IMPI)));
	json_object_set_new(o, "impu", text_json(edge_binding_text(b, EDGE_IMPU)));
	json_object_set_new(
		o, "service-route", text_json(edge_binding_text(b, EDGE_ROUTE)));
	while (ids.p && ids.n)
		json_array_append_new(set, text_json(str_cut(&ids, '\n')));
	json_object_set_new(o, "associated", set);
	if (b->kind == EDGE_WIC) {
		json_object_set_new(o, "flow", json_string(b->conn ? "open" : "lost"));
		json_object_set_new(o, "by", json_string(b->session ? "session" : b->trusted ? "token" : "digest"));
	}
	if (b->kind == EDGE_WAAF)
		json_object_set_new(
			o, "path", text_json(edge_binding_text(b, EDGE_ENTRY)));
	if (b->kind == EDGE_PLAIN)
		json_object_set_new(o, "source", json_string(addr_text(&b->source)));
	json_object_set_new(o, "expires",
		json_integer((b->expiry.due_ms - clock_ms(b->book->clock) + 999) / 1000));
	return o;
}

json_t *edge_book_json(const struct edge_book *k, struct str impi)
{
	json_t *all = json_array();
	struct edge_binding *b;
	size_t it = 0;

	if (impi.p) {
		while ((b = edge_book_impi(k, impi, &it)))
			json_array_append_new(all, binding_json(b));
		return all;
	}
	for (size_t i = 0; i < k->by_impi.cap && json_array_size(all) < JSON_MOST; i++)
		if (k->by_impi.slots[i].entry)
			json_array_append_new(
				all, binding_json(k->by_impi.slots[i].entry));
	return all;
}
