/* The ladder as text.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/ladder.h"

#include "common/cx/cx.h"

enum { WORDS_MAX = 100 };

/* ---- a message in a few words ---- */

static void put_safe(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n && i < WORDS_MAX; i++) {
		unsigned char c = (unsigned char)s.p[i];
		buf_byte(out, c < ' ' || c > '~' ? '.' : (char)c);
	}
}

static void sip_words(struct buf *out, const struct message *m)
{
	if (!m->sip.n_fields) {
		buf_fmt(out, "SIP (unreadable, %zu octets)", m->record->bytes.n);
		return;
	}
	if (m->request) {
		buf_fmt(out, "SIP ");
		put_safe(out, m->what);
		buf_byte(out, ' ');
		put_safe(out, m->sip.uri);
	} else {
		buf_fmt(out, "SIP %d ", m->status);
		put_safe(out, m->sip.reason);
	}
	buf_fmt(out, "  (CSeq %u ", m->sip.cseq);
	put_safe(out, m->sip.method_text);
	buf_byte(out, ')');
}

static void cx_words(struct buf *out, const struct message *m)
{
	struct str experimental = message_field(m, STR("Experimental-Result"));
	struct str code =
		experimental.p ? experimental : message_field(m, STR("Result-Code"));
	struct str user = message_field(m, STR("Public-Identity"));
	uint32_t n;

	buf_fmt(out, "Cx ");
	put_safe(out, m->what);
	if (!m->request && !str_u32(code, &n)) {
		struct cx_result r = {experimental.p != NULL, n};
		buf_fmt(out, " %u (%s)", n, cx_result_name(r));
	} else if (user.p) {
		buf_byte(out, ' ');
		put_safe(out, user);
	}
}

/* Without the query, which may hold a token. */
static void http_words(struct buf *out, const struct message *m)
{
	struct str target = m->target;
	buf_fmt(out, "HTTP ");
	if (m->request) {
		put_safe(out, m->what);
		buf_byte(out, ' ');
		put_safe(out, str_cut(&target, '?'));
		if (target.p)
			buf_fmt(out, "?...");
		return;
	}
	struct str line = m->record->bytes;
	ptrdiff_t end = str_chr(line, '\r');
	line.n = end < 0 ? line.n : (size_t)end;
	str_cut(&line, ' ');
	put_safe(out, line);
}

void ladder_words(struct buf *out, const struct message *m)
{
	switch (m->proto) {
	case PATTERN_SIP:
		sip_words(out, m);
		break;
	case PATTERN_CX:
		cx_words(out, m);
		break;
	case PATTERN_HTTP:
		http_words(out, m);
		break;
	default:
		buf_fmt(out, "WS ");
		put_safe(out, m->what);
	}
}

/* ---- the page ---- */

struct page {
	struct buf *out;
	const struct variant *v;
	const struct ladder_style *style;
	ladder_traced_h *traced;
	void *arg;
	int from_width, to_width, next_step;
	uint64_t begin_ns;
	int64_t begin_offset_ms;
};

enum colour { PLAIN, BOLD, DIM, RED, CYAN };
static const char *const codes[] = {"0", "1", "2", "31", "36"};

static void paint(struct page *p, enum colour c)
{
	if (p->style->colour)
		buf_fmt(p->out, "\033[%sm", codes[c]);
}

static void put_steps(struct page *p, int until)
{
	for (; p->next_step <= until && p->next_step < (int)p->v->n_steps;
		p->next_step++) {
		const struct step *s = &p->v->steps[p->next_step];
		buf_byte(p->out, '\n');
		paint(p, BOLD);
		buf_fmt(p->out, "  %-4s", s->name);
		paint(p, PLAIN);
		buf_fmt(p->out, " %s", s->text ? s->text : "");
		for (size_t i = 0; i < s->n_actions; i++) {
			paint(p, CYAN);
			buf_fmt(p->out, "%s%s%s",
				i	  ? ", "
				: s->text ? "  ["
					  : "[",
				s->actions[i].text, i + 1 == s->n_actions ? "]" : "");
			paint(p, PLAIN);
		}
		buf_byte(p->out, '\n');
	}
}

static const char *line_end(const struct page *p, const struct record *r)
{
	if (!r->received_ns && (!p->traced || p->traced(r->to, p->arg)))
		return "-x";
	return "->";
}

static void put_arrow(struct page *p, const struct arrow *a)
{
	const struct record *r = a->record;
	double s = (double)(int64_t)(arrow_ns(a) - p->begin_ns) / 1e9;
	int64_t offset_s = (r->offset_ms - p->begin_offset_ms) / 1000;

	if (a->step >= 0)
		put_steps(p, a->step);
	paint(p, a->wrong ? RED : a->outside ? DIM : PLAIN);
	buf_fmt(p->out, "  %c %9.3f ", a->wrong ? '!' : a->outside ? '.' : ' ', s);
	if (offset_s)
		buf_fmt(p->out, "+%llds ", (long long)offset_s);
	buf_fmt(p->out, "%*s %s %-*s  ", p->from_width, r->from, line_end(p, r),
		p->to_width, r->to);
	ladder_words(p->out, &a->message);
	paint(p, PLAIN);
	buf_byte(p->out, '\n');
}

static void widen(int *width, const char *name)
{
	int n = (int)strlen(name);
	if (n > *width)
		*width = n < 24 ? n : 24;
}

void ladder_put(struct buf *out, const struct variant *v, struct judge *j,
	const struct ladder_style *style, ladder_traced_h *traced, void *arg)
{
	struct page p = {
		.out = out, .v = v, .style = style, .traced = traced, .arg = arg};
	const struct script *s = v->script;
	struct arrow *const *arrows;
	size_t n = judge_arrows(j, &arrows);

	paint(&p, BOLD);
	buf_fmt(out, "%s/%s", s->id, v->id);
	paint(&p, PLAIN);
	buf_fmt(out, "  %s\n", s->title);
	if (s->doc_name)
		buf_fmt(out, "  %s%s%s%s%s\n", s->doc_name, s->doc_clause ? " " : "",
			s->doc_clause ? s->doc_clause : "",
			s->doc_figure ? ", figure " : "",
			s->doc_figure ? s->doc_figure : "");
	if (v->text)
		buf_fmt(out, "  variant: %s\n", v->text);
	for (size_t i = 0; i < n; i++) {
		if (arrows[i]->outside && !style->all)
			continue;
		widen(&p.from_width, arrows[i]->record->from);
		widen(&p.to_width, arrows[i]->record->to);
	}
	if (n) {
		p.begin_ns = arrow_ns(arrows[0]);
		p.begin_offset_ms = arrows[0]->record->offset_ms;
	}
	for (size_t i = 0; i < n; i++)
		if (style->all || !arrows[i]->outside)
			put_arrow(&p, arrows[i]);
}
