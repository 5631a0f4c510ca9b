/* What an operator asks and tells the edge over the admin socket.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/edge/inner.h"

/* ---- the block list ---- */

static void blocked_add(struct edge *ed, struct str name)
{
	struct edge_names *b = &ed->blocked;
	b->names = mem_realloc(b->names, (b->n + 1) * sizeof *b->names);
	b->names[b->n++] = str_dup(name);
}

static void blocked_remove(struct edge *ed, struct str name)
{
	struct edge_names *b = &ed->blocked;
	for (size_t i = 0; i < b->n;) {
		if (!str_host_eq(str_of(b->names[i]), name)) {
			i++;
			continue;
		}
		free(b->names[i]);
		b->names[i] = b->names[--b->n];
	}
}

void edge_blocked_free(struct edge *ed)
{
	for (size_t i = 0; i < ed->blocked.n; i++)
		free(ed->blocked.names[i]);
	free(ed->blocked.names);
	ed->blocked = (struct edge_names){0};
}

void edge_blocked_init(struct edge *ed)
{
	const struct conf_list *conf = &ed->setup.conf->tokens.blocked;
	char *const *names = conf->items;
	edge_blocked_free(ed);
	for (size_t i = 0; i < conf->n; i++)
		blocked_add(ed, str_of(names[i]));
}

bool edge_blocked_has(const struct edge *ed, struct str name)
{
	for (size_t i = 0; i < ed->blocked.n; i++)
		if (str_host_eq(str_of(ed->blocked.names[i]), name))
			return true;
	return false;
}

static json_t *blocked_json(const struct edge *ed)
{
	json_t *all = json_array();
	for (size_t i = 0; i < ed->blocked.n; i++)
		json_array_append_new(all, json_string(ed->blocked.names[i]));
	return all;
}

json_t *edge_block(struct edge *ed, const json_t *args, bool on)
{
	struct str name = str_of(json_string_value(json_object_get(args, "name")));
	if (!name.n)
		return json_pack("{s:b, s:s}", "ok", 0, "why",
			"\"name\" of a WWSF or WAF is missing");
	blocked_remove(ed, name);
	if (on)
		blocked_add(ed, name);
	log_info("edge", "%s is %s", log_text(name), on ? "blocked" : "no longer blocked");
	edge_blocks_changed(ed);
	return json_pack("{s:b, s:o}", "ok", 1, "blocked", blocked_json(ed));
}

/* ---- state ---- */

json_t *edge_state(struct edge *ed, const json_t *args)
{
	const char *impi = json_string_value(json_object_get(args, "impi"));
	return json_pack("{s:b, s:o, s:o, s:I, s:o}", "ok", 1, "bindings",
		edge_book_json(&ed->book, str_of(impi)), "blocked", blocked_json(ed),
		"tokens", (json_int_t)ed->tokens.n, "issuers",
		edge_issuers_json(ed->issuers));
}
