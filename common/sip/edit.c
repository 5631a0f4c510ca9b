/* The edit list of a message that goes on: patches over the received bytes (RFC 3261 16.6).
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/sip/msg.h"
#include "common/sip/syntax.h"
#include "common/sip/value.h"

enum patch_kind {
	PATCH_URI,     /* at most one */
	PATCH_FIELD,   /* replaces or removes in field `key`; at most one a field */
	PATCH_ADD_TOP, /* a line of header `key` above the others of its id */
	PATCH_ADD,     /* a line at the end of the head */
	PATCH_ADD_SET, /* likewise, by sip_edit_set; at most one an id */
	PATCH_BODY,    /* at most one */
};

/* [at, end) of the message gives way to `text`. The list is kept in the order of `at`. */
struct sip_patch {
	enum patch_kind kind;
	unsigned key;
	size_t at, end;
	struct str text;
};

void sip_edit_begin(struct sip_edit *e, const struct sip_msg *m, struct arena *a)
{
	*e = (struct sip_edit){.m = m, .a = a};
}

static void patch_insert(struct sip_edit *e, size_t place, struct sip_patch patch)
{
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 8;
		struct sip_patch *more = arena_alloc(e->a, cap * sizeof *more);
		if (e->n)
			memcpy(more, e->patches, e->n * sizeof *more);
		e->patches = more;
		e->cap = cap;
	}
	memmove(e->patches + place + 1, e->patches + place,
		(e->n - place) * sizeof *e->patches);
	e->patches[place] = patch;
	e->n++;
}

/* Behind all that stand at the same place. What is inserted at a field's first byte must
 * come before what removes the field. */
static size_t patch_place(const struct sip_edit *e, const struct sip_patch *patch)
{
	size_t i = e->n;
	bool inserts = patch->at == patch->end;
	while (i && (e->patches[i - 1].at > patch->at ||
			    (inserts && e->patches[i - 1].at == patch->at &&
				    e->patches[i - 1].end > patch->at)))
		i--;
	return i;
}

static void patch_add(struct sip_edit *e, struct sip_patch patch)
{
	patch_insert(e, patch_place(e, &patch), patch);
}

/* Takes the place of an earlier one of its kind and key. */
static void patch_put(struct sip_edit *e, struct sip_patch patch)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->patches[i].kind == patch.kind && e->patches[i].key == patch.key) {
			memmove(e->patches + i, e->patches + i + 1,
				(e->n - i - 1) * sizeof *e->patches);
			e->n--;
			break;
		}
	patch_add(e, patch);
}

static size_t head_end(const struct sip_msg *m)
{
	return m->head_n >= 2 ? m->head_n - 2 : m->head_n;
}

static struct str line_text(struct arena *a, struct str name, struct str value)
{
	struct str safe = sip_value_safe(a, value);
	size_t n = name.n + 2 + safe.n + 2;
	char *p = arena_alloc(a, n), *at = p;
	at = mempcpy(at, name.p, name.n);
	at = mempcpy(at, ": ", 2);
	if (safe.n)
		at = mempcpy(at, safe.p, safe.n);
	memcpy(at, "\r\n", 2);
	return (struct str){p, n};
}

void sip_edit_uri(struct sip_edit *e, struct str uri)
{
	const struct sip_msg *m = e->m;
	if (!m->request)
		return;
	size_t at = (size_t)(m->uri.p - m->bytes.p);
	patch_put(e, (struct sip_patch){.kind = PATCH_URI,
			     .at = at,
			     .end = at + m->uri.n,
			     .text = arena_str(e->a, uri)});
}

void sip_edit_add_top(struct sip_edit *e, enum sip_header id, struct str value)
{
	const struct sip_field *f = sip_first(e->m, id);
	struct str text = line_text(e->a, sip_header_name(id), value);
	size_t at = f ? f->at : head_end(e->m);
	struct sip_patch patch = {
		.kind = PATCH_ADD_TOP, .key = id, .at = at, .end = at, .text = text};
	for (size_t i = 0; i < e->n; i++)
		if (e->patches[i].kind == PATCH_ADD_TOP && e->patches[i].key == id) {
			patch_insert(e, i, patch);
			return;
		}
	patch_add(e, patch);
}

void sip_edit_add(struct sip_edit *e, struct str name, struct str value)
{
	size_t at = head_end(e->m);
	patch_add(e, (struct sip_patch){.kind = PATCH_ADD,
			     .at = at,
			     .end = at,
			     .text = line_text(e->a, name, value)});
}

static unsigned field_index(const struct sip_edit *e, const struct sip_field *f)
{
	return (unsigned)(f - e->m->fields);
}

void sip_edit_value(struct sip_edit *e, const struct sip_field *f, struct str value)
{
	if (!f)
		return;
	patch_put(e, (struct sip_patch){.kind = PATCH_FIELD,
			     .key = field_index(e, f),
			     .at = f->value_at,
			     .end = (size_t)f->value_at + f->value_n,
			     .text = arena_str(e->a, sip_value_safe(e->a, value))});
}

void sip_edit_remove(struct sip_edit *e, const struct sip_field *f)
{
	if (!f)
		return;
	patch_put(e, (struct sip_patch){.kind = PATCH_FIELD,
			     .key = field_index(e, f),
			     .at = f->at,
			     .end = f->end});
}

void sip_edit_remove_all(struct sip_edit *e, enum sip_header id)
{
	for (const struct sip_field *f = sip_first(e->m, id); f; f = sip_next(e->m, f))
		sip_edit_remove(e, f);
}

void sip_edit_set(struct sip_edit *e, enum sip_header id, struct str value)
{
	const struct sip_field *f = sip_first(e->m, id);
	if (f) {
		sip_edit_value(e, f, value);
		while ((f = sip_next(e->m, f)))
			sip_edit_remove(e, f);
		return;
	}
	size_t at = head_end(e->m);
	patch_put(e, (struct sip_patch){.kind = PATCH_ADD_SET,
			     .key = id,
			     .at = at,
			     .end = at,
			     .text = line_text(e->a, sip_header_name(id), value)});
}

void sip_edit_remove_top(struct sip_edit *e, enum sip_header id)
{
	const struct sip_field *f = sip_first(e->m, id);
	while (f && !f->value_n)
		f = sip_next(e->m, f);
	if (!f)
		return;
	struct str rest = sip_field_value(e->m, f);
	if (sip_header_flags(id) & SIP_HF_COMMA)
		sip_cut(&rest, ',');
	else
		rest = STR_NONE;
	rest = sip_skip_lws(rest);
	if (!rest.n) {
		sip_edit_remove(e, f);
		return;
	}
	patch_put(e, (struct sip_patch){.kind = PATCH_FIELD,
			     .key = field_index(e, f),
			     .at = f->value_at,
			     .end = (size_t)(rest.p - e->m->bytes.p)});
}

void sip_edit_body(struct sip_edit *e, struct str type, struct str body)
{
	const struct sip_msg *m = e->m;
	if (type.n)
		sip_edit_set(e, SIP_H_CONTENT_TYPE, type);
	else
		sip_edit_remove_all(e, SIP_H_CONTENT_TYPE);
	sip_edit_set(e, SIP_H_CONTENT_LENGTH, arena_fmt(e->a, "%zu", body.n));
	patch_put(e, (struct sip_patch){.kind = PATCH_BODY,
			     .at = m->head_n,
			     .end = m->bytes.n,
			     .text = arena_str(e->a, body)});
}

void sip_edit_write(const struct sip_edit *e, struct buf *out)
{
	const struct sip_msg *m = e->m;
	size_t at = 0, room = m->bytes.n;
	for (size_t i = 0; i < e->n; i++)
		room += e->patches[i].text.n;
	buf_reserve(out, room);
	for (size_t i = 0; i < e->n; i++) {
		const struct sip_patch *patch = &e->patches[i];
		buf_put(out, m->bytes.p + at, patch->at - at);
		buf_add(out, patch->text);
		at = patch->end;
	}
	buf_put(out, m->bytes.p + at, m->bytes.n - at);
}
