/* A record read as the message it carries, and held against a pattern.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/match.h"

#include "common/ws/ws.h"
#include "common/cx/cx.h"
#include "common/http/http.h"
#include "common/sip/field.h"
#include "scenarios/player/secret.h"

/* ---- reading ---- */

static const char *const proto_names[] = {"", "SIP", "Cx", "HTTP", "WS"};

/* Method, or status, of the start line of SIP or HTTP. */
static void read_start_line(struct message *m, struct str bytes, const char *version)
{
	ptrdiff_t end = str_chr(bytes, '\r');
	struct str line = {bytes.p, end < 0 ? bytes.n : (size_t)end};
	struct str first = str_cut(&line, ' ');

	m->request = !str_starts(first, str_of(version));
	if (m->request) {
		m->what = first;
		m->target = str_cut(&line, ' ');
	} else {
		uint32_t status = 0;
		str_u32(str_cut(&line, ' '), &status);
		m->status = (int)status;
	}
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	return (h ^ v) * 1099511628211ull;
}

static void read_sip(struct message *m)
{
	struct sip_fault fault;

	m->readable = !sip_msg_parse(&m->sip, m->record->bytes, m->arena, &fault);
	read_start_line(m, m->record->bytes, "SIP/");
	if (m->readable) {
		uint64_t id = str_hash(sip_value(&m->sip, SIP_H_CALL_ID));
		m->transaction =
			mix(mix(id, m->sip.cseq), str_hash(m->sip.method_text)) | 1;
	}
}

static void read_cx(struct message *m)
{
	struct cx_header h;
	struct str avps;

	if (cx_header_parse(m->record->bytes, &h, &avps)) {
		m->what = STR("?");
		return;
	}
	const char *name = cx_command_name(h.command, h.request);
	m->request = h.request;
	m->what = name ? str_of(name) : arena_fmt(m->arena, "%u", h.command);
	struct str session =
		cx_script_field(m->record->bytes, STR("Session-Id"), m->arena);
	m->transaction = session.p ? str_hash(session) | 1 : 0;
}

/* A control frame as it stood on the wire: opcode in the first octet, perhaps a mask. */
/* Control frames are traced as text (common/ws/ws.h): "CLOSE 1000 reason". */
static void read_ws(struct message *m)
{
	struct str rest = m->record->bytes;

	m->request = true;
	m->what = str_cut(&rest, ' ');
}

void message_read(struct message *m, const struct record *r, struct arena *a)
{
	*m = (struct message){.record = r, .arena = a, .hash = str_hash(r->bytes)};
	switch (r->proto) {
	case TRACE_SIP:
		m->proto = PATTERN_SIP;
		read_sip(m);
		break;
	case TRACE_DIAMETER:
		m->proto = PATTERN_CX;
		read_cx(m);
		break;
	case TRACE_HTTP:
		m->proto = PATTERN_HTTP;
		read_start_line(m, r->bytes, "HTTP/");
		break;
	case TRACE_WS:
		m->proto = PATTERN_WS;
		read_ws(m);
		break;
	}
}

struct str message_field(const struct message *m, struct str name)
{
	switch (m->proto) {
	case PATTERN_SIP:
		return m->sip.n_fields ? sip_script_field(&m->sip, name) : STR_NONE;
	case PATTERN_CX:
		return cx_script_field(m->record->bytes, name, m->arena);
	case PATTERN_HTTP:
		return http_script_field(m->record->bytes, name, m->arena);
	case PATTERN_WS:
		return ws_script_field(m->record->bytes, name);
	case PATTERN_ANY:
		break;
	}
	return STR_NONE;
}

static struct str path_of(struct str target)
{
	return str_cut(&target, '?');
}

void message_put(struct buf *out, const struct message *m)
{
	buf_fmt(out, "%s -> %s: %s ", m->record->from, m->record->to,
		proto_names[m->proto]);
	if (m->status)
		buf_fmt(out, "%d", m->status);
	else
		buf_add(out, m->what);
	if (m->target.n && m->proto == PATTERN_HTTP)
		buf_fmt(out, " %.*s", STR_ARG(path_of(m->target)));
}

/* ---- outside the ladder ---- */

static const char *const file_ends[] = {
	".js", ".css", ".map", ".ico", ".png", ".svg", ".woff2", ".webmanifest", NULL};
/* Key, metadata, introspection and revocation polls between the elements. */
static const char *const poll_paths[] = {
	"/.well-known/", "/jwks", "/introspect", "/revoked", NULL};

static enum outside http_outside(struct str path)
{
	for (int i = 0; file_ends[i]; i++)
		if (str_ends(path, str_of(file_ends[i])))
			return OUTSIDE_FILE;
	for (int i = 0; poll_paths[i]; i++)
		if (str_starts(path, str_of(poll_paths[i])))
			return OUTSIDE_POLL;
	return OUTSIDE_NOT;
}

enum outside message_outside(const struct message *m)
{
	static const char base[][4] = {"CER", "CEA", "DWR", "DWA", "DPR", "DPA"};

	switch (m->proto) {
	case PATTERN_SIP:
		if (!str_trim(m->record->bytes).n)
			return OUTSIDE_ALWAYS;
		return m->status == 100 ? OUTSIDE_TRYING : OUTSIDE_NOT;
	case PATTERN_CX:
		for (size_t i = 0; i < sizeof base / sizeof *base; i++)
			if (str_eq(m->what, str_of(base[i])))
				return OUTSIDE_DIAMETER;
		return OUTSIDE_NOT;
	case PATTERN_HTTP:
		return m->request ? http_outside(path_of(m->target)) : OUTSIDE_NOT;
	case PATTERN_WS:
		return OUTSIDE_CONTROL;
	case PATTERN_ANY:
		break;
	}
	return OUTSIDE_NOT;
}

static bool wants_retransmission(const struct pattern *p)
{
	for (size_t i = 0; i < p->n_fields; i++)
		if (!strcmp(p->fields[i].name, "retransmission"))
			return true;
	return false;
}

bool pattern_names(const struct pattern *p, const struct message *m, enum outside o)
{
	switch (o) {
	case OUTSIDE_NOT:
		return true;
	case OUTSIDE_DIAMETER:
		return p->proto == PATTERN_CX && p->what;
	case OUTSIDE_TRYING:
		return p->status == 100;
	case OUTSIDE_CONTROL:
		return p->proto == PATTERN_WS;
	case OUTSIDE_ALWAYS:
		return false;
	case OUTSIDE_FILE:
	case OUTSIDE_POLL:
		return p->path != NULL;
	case OUTSIDE_RETRANSMISSION:
		return wants_retransmission(p);
	case OUTSIDE_ANSWER:
		return p->status != 0;
	}
	return false;
}

/* ---- matching ---- */

static bool end_is(const char *want, const char *got)
{
	return !want || !strcmp(want, got);
}

static bool ends_are(const struct pattern *p, const char *from, const char *to)
{
	return end_is(p->from, from) && end_is(p->to, to);
}

bool pattern_wild(const struct pattern *p)
{
	return !p->from || !p->to;
}

bool pattern_on_link(const struct pattern *p, const char *from, const char *to)
{
	return ends_are(p, from, to) || ends_are(p, to, from);
}

/* A path without '?' is any query. */
static bool path_is(const char *want, struct str target)
{
	return str_eq(str_of(want), strchr(want, '?') ? target : path_of(target));
}

static bool kind_is(const struct pattern *p, const struct message *m)
{
	if (!p->proto)
		return true;
	if (p->proto != m->proto)
		return false;
	if (p->what_regex)
		return value_holds(&(struct value){.kind = VALUE_REGEX,
					   .regex = p->what_regex},
			       m->status ? arena_fmt(m->arena, "%d", m->status) : m->what,
			       NULL) == HOLDS;
	if (p->status)
		return m->status &&
		       (p->status_class ? m->status / 100 : m->status) == p->status;
	if (!p->what)
		return true;
	return !m->status && str_eq(m->what, str_of(p->what)) &&
	       (!p->path || path_is(p->path, m->target));
}

void match_differs(
	struct buf *out, const char *name, struct str got, const struct value *want)
{
	buf_fmt(out, "%s is ", name);
	secret_put(out, str_of(name), got);
	if (want->kind == VALUE_EQUAL && !want->negate && secret_name(str_of(name)))
		buf_fmt(out, ", not what was expected");
	else
		buf_fmt(out, want->negate ? ", expected %s" : ", not %s", want->text);
}

static struct str field_value(
	const struct message *m, const char *name, bool retransmission)
{
	if (!strcmp(name, "retransmission"))
		return retransmission ? STR("true") : STR_NONE;
	return message_field(m, str_of(name));
}

struct match match_message(const struct pattern *p, const struct message *m,
	const struct capture *vars, bool retransmission, struct arena *a)
{
	struct match out = {0};
	const struct capture *known = vars;

	if (!ends_are(p, m->record->from, m->record->to) || !kind_is(p, m))
		return out;
	for (size_t i = 0; i < p->n_fields; i++) {
		const struct field_test *f = &p->fields[i];
		struct str got = field_value(m, f->name, retransmission);
		enum holds h = value_holds(&f->value, got, known);
		if (h == HOLDS_NOT) {
			struct buf why = {0};
			match_differs(&why, f->name, got, &f->value);
			out.near = true;
			out.why = arena_str(a, buf_str(&why));
			buf_free(&why);
			return out;
		}
		if (h == HOLDS_BINDS) {
			struct capture *c = ARENA_NEW(a, struct capture);
			*c = (struct capture){
				out.binds, f->value.name, arena_str(a, got)};
			out.binds = c;
		}
		if (h == HOLDS_LATER) {
			out.later = f;
			out.later_value = got;
		}
	}
	out.holds = true;
	return out;
}
