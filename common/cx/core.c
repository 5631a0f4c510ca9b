/* libfdcore's hooks and callbacks: all that runs in its threads is here; it leaves events
 * in a queue and nothing else.
 *
 * The way of a request through libfdcore, each arrow a hand-over between threads:
 *
 *	receiver -> peer -> routing in -> dispatch -> (our queue) loop
 *	loop -> routing out -> sender
 *
 * An answer ends at "routing in": it was given to the loop by the peer's thread.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/cx/core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "common/base/mem.h"
#include "common/cx/guard.h"
#include "common/cx/slot.h"

/* libfdcore's queue of messages to route. fd_msg_send would wait while it is full, and
 * the loop may not wait for a peer; what we put there is bounded by our own limits. */
extern struct fifo *fd_g_outgoing;
enum { MOST_OUTGOING = 20000 };

atomic_int core_outstanding;
atomic_long core_busy;
struct core core;

void rx_free(struct rx *r)
{
	if (r && r->query)
		fd_msg_free(r->query);
	free(r);
}

int core_closing(void)
{
	int n = 0;
	pthread_rwlock_rdlock(&fd_g_peers_rw);
	for (struct fd_list *li = fd_g_peers.next; li != &fd_g_peers; li = li->next) {
		int state = fd_peer_get_state((struct peer_hdr *)li->o);
		n += state == STATE_CLOSING || state == STATE_CLOSING_GRACE;
	}
	pthread_rwlock_unlock(&fd_g_peers_rw);
	return n;
}

/* ---- messages in libfdcore's hands ---- */

static struct rx *take(struct msg *msg)
{
	struct msg_hdr *h;
	return fd_msg_hdr(msg, &h) || h->msg_appl != CX_APPLICATION ? NULL :
		slot_take(h->msg_eteid);
}

/* Only a received message may be a carrier: ours have end-to-end identifiers of their
 * own. */
static bool is_received(struct msg *msg)
{
	DiamId_t from = NULL;
	return fd_msg_source_get(msg, &from, NULL) == 0 && from;
}

/* ---- notes for the loop ---- */

static void note(enum event_kind kind, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void note(enum event_kind kind, enum log_level level, const char *fmt, ...)
{
	struct noted *e = mem_zalloc(sizeof *e);
	va_list ap;
	e->event.kind = kind;
	e->level = level;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	queue_push(core.q, &e->event);
}

/* libfdcore's own log. Its errors are mostly a peer's faults, which we report ourselves. The
 * calls that failed are told always, should it end by them; the rest may quote a message. */
void core_on_log(int level, const char *format, va_list args)
{
	bool call = strncmp(format, "ERROR: in", 9) == 0;
	if (level < FD_LOG_ERROR || (level < FD_LOG_FATAL && !call && !log_wants(LOG_DEBUG)))
		return;
	struct noted *e = mem_zalloc(sizeof *e);
	e->event.kind = EVENT_LOG;
	e->level = LOG_DEBUG;
	int n = snprintf(e->text, sizeof e->text, "libfdcore: ");
	vsnprintf(e->text + n, sizeof e->text - (size_t)n, format, args);
	queue_push(core.q, &e->event);
}

static void trace(enum trace_dir dir, struct str octets, const char *peer)
{
	struct traced *e = mem_alloc(sizeof *e + octets.n);
	e->event.kind = EVENT_TRACE;
	e->dir = dir;
	e->at_ns = clock_real_ns();
	e->n = octets.n;
	str_copy(str_of(peer), e->peer, sizeof e->peer);
	memcpy(e->octets, octets.p, octets.n);
	queue_push(core.q, &e->event);
}

/* ---- receiving ---- */

/* libfdcore leaves what a peer has sent where it lies when it is stopped just then. */
static void left_at_stop(const void *octets)
{
#ifdef __SANITIZE_ADDRESS__
	__lsan_ignore_object(octets);
#endif
}

/* A base message in order is libfdcore's; of all others it gets a carrier. */
static void on_data(enum fd_hook_type type, struct msg *msg, struct peer_hdr *peer,
	void *other, struct fd_hook_permsgdata *pmd, void *arg)
{
	struct fd_cnx_rcvdata *rcv = other;
	struct str octets = {(char *)rcv->buffer, rcv->length}, avps;
	struct cx_header h;

	left_at_stop(rcv->buffer);
	if (cx_header_parse(octets, &h, &avps) || h.length != octets.n)
		return; /* libfdcore closes the link */
	slot_wait();
	if (core.conf.traced)
		trace(TRACE_RECEIVED, octets, "");
	struct rx *r = rx_new(octets);
	bool base = !h.application && !(h.flags & CX_HEADER_P);
	if (base && !r->err && cx_is_sound(avps)) {
		rx_free(r);
		return;
	}
	if (!r->err && base) {
		r->err = -EBADMSG;
		r->fault = (struct cx_fault){.code = DIAMETER_INVALID_AVP_LENGTH,
			.why = "malformed AVP"};
	}
	if (base)
		note(EVENT_REFUSED, LOG_WARN, "malformed %s: %s",
			cx_command_name(h.command, h.request) ?: "base message", r->fault.why);
	cx_carrier((char *)rcv->buffer, rcv->length, slot_put(r));
}

static void refuse_avp(struct rx *r, int avp, struct str value, const char *why)
{
	const struct cx_avp_row *row = &cx_avp_rows[avp];
	r->err = -EBADMSG;
	r->fault = (struct cx_fault){.code = DIAMETER_INVALID_AVP_VALUE, .has_avp = true,
		.avp = {row->code, row->vendor, row->flags, value}, .why = why};
}

/* The Origin-Host must be the peer's own: the HSS binds an S-CSCF's name to it. */
static void check_origin(struct rx *r, const struct peer_info *peer)
{
	struct str host = {peer->pi_diamid, peer->pi_diamidlen};
	if (!r->err && !str_ieq(r->m.origin_host, host))
		refuse_avp(r, CX_A_Origin_Host, r->m.origin_host, "Origin-Host is not the peer's");
	if (!r->err && !str_ieq(r->m.origin_realm, str_of(core.conf.realm)))
		refuse_avp(r, CX_A_Origin_Realm, r->m.origin_realm, "Origin-Realm is not ours");
}

static void add_realm(struct msg *msg)
{
	struct avp *avp;
	union avp_value v = {.os = {(uint8_t *)core.conf.realm, strlen(core.conf.realm)}};
	if (fd_msg_avp_new(core.realm, 0, &avp) == 0) {
		fd_msg_avp_setvalue(avp, &v);
		fd_msg_avp_add(msg, MSG_BRW_LAST_CHILD, avp);
	}
}

static bool is_link_message(struct msg *msg)
{
	struct msg_hdr *h;
	return fd_msg_hdr(msg, &h) == 0 && h->msg_appl == 0;
}

/* libfdcore turns a stranger's first message away when it is no CER. An answer it holds against
 * its rules before, and leaks the AVP that it misses. */
static void make_request(struct msg *msg)
{
	struct msg_hdr *h;
	if (fd_msg_hdr(msg, &h) || h->msg_flags & CMD_FLAG_REQUEST)
		return;
	h->msg_flags = CMD_FLAG_REQUEST | CMD_FLAG_PROXIABLE;
	h->msg_code = CX_CARRIER_COMMAND;
	h->msg_appl = CX_APPLICATION;
}

/* In the peer's thread, after libfdcore matched an answer with its request. */
static void on_received(enum fd_hook_type type, struct msg *msg, struct peer_hdr *peer,
	void *other, struct fd_hook_permsgdata *pmd, void *arg)
{
	struct rx *r = take(msg);
	if (!peer) {
		rx_free(r); /* a stranger's first message: a carrier is no CER, so it is refused */
		make_request(msg);
	} else if (!r) {
		if (is_link_message(msg))
			note(EVENT_PEERS, LOG_DEBUG, "link message");
	} else if (r->header.request) {
		check_origin(r, &peer->info);
		add_realm(msg);
		slot_return(r);
	} else {
		r->event.kind = EVENT_ANSWER;
		queue_push(core.q, &r->event);
	}
}

static struct msg *parse(struct buf *octets)
{
	struct msg *msg = NULL;
	unsigned char *p = (unsigned char *)octets->p;
	if (fd_msg_parse_buffer(&p, octets->n, &msg))
		free(p);
	*octets = (struct buf){0};
	return msg;
}

bool core_congested(void)
{
	return fd_fifo_length(fd_g_outgoing) > MOST_OUTGOING;
}

/* Answers that a peer does not fetch hold up its next requests. */
static void wait_for_room(void)
{
	while (core_congested() && !atomic_load(&core.stopping))
		usleep(1000);
}

static struct msg *busy_answer(const struct rx *r, struct msg *query)
{
	static const struct cx_fault busy = {.code = DIAMETER_TOO_BUSY,
		.why = "too many requests under way"};
	struct buf b = {0};
	cx_encode_error((struct str){r->octets, r->n}, &busy, str_of(core.conf.identity),
		str_of(core.conf.realm), &b);
	struct msg *answer = parse(&b);
	if (answer)
		fd_msg_answ_associate(answer, query);
	return answer;
}

static int on_request(struct msg **msg, struct avp *avp, struct session *session, void *arg,
	enum disp_action *action)
{
	struct rx *r = take(*msg);
	if (!r) {
		fd_msg_free(*msg);
		*msg = NULL;
		return 0;
	}
	wait_for_room();
	if (atomic_fetch_add(&core_outstanding, 1) >= core.conf.max_outstanding) {
		atomic_fetch_sub(&core_outstanding, 1);
		atomic_fetch_add(&core_busy, 1);
		*msg = busy_answer(r, *msg);
		*action = DISP_ACT_SEND;
		free(r);
		return 0;
	}
	r->query = *msg;
	*msg = NULL;
	r->event.kind = EVENT_REQUEST;
	queue_push(core.q, &r->event);
	return 0;
}

/* Answers in "routing in": carriers, whose content the loop has, and libfdcore's own
 * answers to requests that no peer took. */
static int on_answer(void *arg, struct msg **msg)
{
	DiamId_t from = NULL;
	struct msg_hdr *h;
	if (fd_msg_source_get(*msg, &from, NULL) == 0 && !from && fd_msg_hdr(*msg, &h) == 0) {
		struct lost *e = mem_zalloc(sizeof *e);
		e->event.kind = EVENT_LOST;
		e->end_to_end = h->msg_eteid;
		queue_push(core.q, &e->event);
	}
	fd_msg_free(*msg);
	*msg = NULL;
	return 0;
}

/* ---- sending ---- */

static void on_sent(enum fd_hook_type type, struct msg *msg, struct peer_hdr *peer,
	void *other, struct fd_hook_permsgdata *pmd, void *arg)
{
	uint8_t *octets;
	size_t n;
	if (core.conf.traced && fd_msg_bufferize(msg, &octets, &n) == 0) {
		trace(TRACE_SENT, (struct str){(char *)octets, n},
			peer ? peer->info.pi_diamid : "");
		free(octets);
	}
	if (is_link_message(msg))
		note(EVENT_PEERS, LOG_DEBUG, "link message");
}

/* libfdcore forgets a request that stays unanswered this long; our own timer is shorter
 * and on the rig's clock. */
enum { FORGET_S = 120 };

static void on_forgotten(void *arg, DiamId_t peer, size_t n, struct msg **msg)
{
	fd_msg_free(*msg);
	*msg = NULL;
}

void core_send_request(struct buf *octets)
{
	struct timespec until;
	struct msg *msg = parse(octets);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FORGET_S;
	if (msg && fd_msg_anscb_associate(msg, NULL, NULL, on_forgotten, &until) == 0)
		fd_fifo_post_noblock(fd_g_outgoing, (void *)&msg);
}

void core_send_answer(struct buf *octets, struct msg *query)
{
	struct msg *msg = parse(octets);
	if (!msg) {
		fd_msg_free(query);
		return;
	}
	fd_msg_answ_associate(msg, query);
	fd_fifo_post_noblock(fd_g_outgoing, (void *)&msg);
}

void core_forget(struct msg *query)
{
	fd_msg_free(query);
}

struct msg *core_query(struct str peer, uint32_t hop_by_hop)
{
	struct buf b = {0};
	buf_u32(&b, 1u << 24 | 20);
	buf_u32(&b, (uint32_t)(CX_HEADER_R | CX_HEADER_P) << 24 | CX_CARRIER_COMMAND);
	buf_u32(&b, CX_APPLICATION);
	buf_u32(&b, hop_by_hop);
	buf_u32(&b, 0);
	struct msg *query = parse(&b);
	if (query)
		fd_msg_source_set(query, (DiamId_t)peer.p, peer.n);
	return query;
}

/* ---- peers ---- */

static const struct cx_peer_state *peer_named(struct str host)
{
	for (size_t i = 0; i < core.conf.n_peers; i++)
		if (str_ieq(str_of(core.conf.peers[i].host), host))
			return &core.conf.peers[i];
	return NULL;
}

static int on_validate(struct peer_info *info, int *auth, int (**second)(struct peer_info *))
{
	struct str host = {info->pi_diamid, info->pi_diamidlen};
	info->config.pic_flags.sec = PI_SEC_NONE;
	info->config.pic_flags.exp = PI_EXP_NONE;
	*auth = peer_named(host) ? 1 : -1;
	if (*auth < 0)
		note(EVENT_REFUSED, LOG_WARN, "CER from %s refused with %d: not a listed peer",
			log_text(host), ER_DIAMETER_UNKNOWN_PEER);
	return 0;
}

static void on_peer(enum fd_hook_type type, struct msg *msg, struct peer_hdr *peer,
	void *other, struct fd_hook_permsgdata *pmd, void *arg)
{
	note(EVENT_PEERS, LOG_DEBUG, "%s: %s", peer ? peer->info.pi_diamid : "a client",
		type == HOOK_PEER_CONNECT_SUCCESS ? "connected" : (const char *)other);
}

static void on_fault(enum fd_hook_type type, struct msg *msg, struct peer_hdr *peer,
	void *other, struct fd_hook_permsgdata *pmd, void *arg)
{
	if (type == HOOK_MESSAGE_DROPPED && msg && is_received(msg))
		rx_free(take(msg));
	const char *what = type == HOOK_MESSAGE_PARSING_ERROR ? "not understood" :
		type == HOOK_MESSAGE_ROUTING_ERROR ? "not routed" : "dropped";
	bool has_text = msg && type != HOOK_MESSAGE_PARSING_ERROR2 && other;
	note(EVENT_LOG, LOG_DEBUG, "a message was %s%s%s", what, has_text ? ": " : "",
		has_text ? (const char *)other : "");
}

/* Without a hook of ours libfdcore prints each message in full. */
static void on_nothing(enum fd_hook_type type, struct msg *msg, struct peer_hdr *peer,
	void *other, struct fd_hook_permsgdata *pmd, void *arg)
{
}

/* ---- registration ---- */

static const struct {
	uint32_t types;
	void (*h)(enum fd_hook_type, struct msg *, struct peer_hdr *, void *,
		struct fd_hook_permsgdata *, void *);
} hooks[] = {
	{1u << HOOK_DATA_RECEIVED, on_data},
	{1u << HOOK_MESSAGE_RECEIVED, on_received},
	{1u << HOOK_MESSAGE_SENT, on_sent},
	{1u << HOOK_MESSAGE_LOCAL | 1u << HOOK_MESSAGE_SENDING |
		1u << HOOK_MESSAGE_ROUTING_FORWARD | 1u << HOOK_MESSAGE_ROUTING_LOCAL |
		1u << HOOK_MESSAGE_FAILOVER, on_nothing},
	{1u << HOOK_MESSAGE_PARSING_ERROR | 1u << HOOK_MESSAGE_PARSING_ERROR2 |
		1u << HOOK_MESSAGE_ROUTING_ERROR | 1u << HOOK_MESSAGE_DROPPED, on_fault},
	{1u << HOOK_PEER_CONNECT_FAILED | 1u << HOOK_PEER_CONNECT_SUCCESS, on_peer},
};

int core_add_hooks(void)
{
	int err = 0;
	for (size_t i = 0; !err && i < sizeof hooks / sizeof *hooks; i++) {
		struct fd_hook_hdl *handle;
		err = fd_hook_register(hooks[i].types, hooks[i].h, NULL, NULL, &handle);
	}
	return -err;
}

int core_add_callbacks(struct dict_object *application, struct dict_object *vendor)
{
	struct disp_when when = {.app = application};
	struct fd_rt_fwd_hdl *forward;
	avp_code_t realm = AC_DESTINATION_REALM;
	int err = fd_dict_search(fd_g_config->cnf_dict, DICT_AVP, AVP_BY_CODE, &realm,
		&core.realm, ENOENT);
	if (!err)
		err = fd_disp_app_support(application, vendor, 1, 0);
	if (!err)
		err = fd_disp_register(on_request, DISP_HOW_APPID, &when, NULL, NULL);
	if (!err)
		err = fd_rt_fwd_register(on_answer, NULL, RT_FWD_ANS, &forward);
	if (!err)
		err = fd_peer_validate_register(on_validate);
	return -err;
}
