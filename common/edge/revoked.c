/* What an issuer has taken back: its block list and revocations.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/crypto/json.h"
#include "common/edge/issuer_inner.h"

void edge_revoked_free(struct edge_revoked *r)
{
	edge_index_free(&r->jtis);
	arena_free(&r->arena);
	*r = (struct edge_revoked){0};
}

static struct edge_unfit *unfit_of(struct edge_revoked *r, struct str wwsf)
{
	for (size_t i = 0; i < r->n_unfit; i++)
		if (str_host_eq(r->unfit[i].wwsf, wwsf))
			return &r->unfit[i];
	return NULL;
}

static struct edge_unfit *unfit_add(struct edge_revoked *r, const char *name)
{
	struct edge_unfit *u = unfit_of(r, str_of(name));
	if (!u) {
		u = &r->unfit[r->n_unfit++];
		*u = (struct edge_unfit){.wwsf = arena_str(&r->arena, str_of(name))};
	}
	return u;
}

static int fill(struct edge_revoked *r, const json_t *blocked, json_t *times, const json_t *jtis)
{
	size_t most = json_array_size(blocked) + json_object_size(times), i;
	const char *name;
	json_t *v;

	r->unfit = arena_zalloc(&r->arena, (most + 1) * sizeof *r->unfit);
	json_array_foreach(blocked, i, v) {
		if (!json_is_string(v))
			return -EBADMSG;
		unfit_add(r, json_string_value(v))->blocked = true;
	}
	json_object_foreach(times, name, v) {
		if (!json_is_integer(v))
			return -EBADMSG;
		unfit_add(r, name)->not_before = json_integer_value(v);
	}
	json_array_foreach(jtis, i, v) {
		if (!json_is_string(v))
			return -EBADMSG;
		struct str jti = arena_str(&r->arena, str_of(json_string_value(v)));
		edge_index_add(&r->jtis, str_hash(jti), (char *)(uintptr_t)jti.p);
	}
	return 0;
}

int edge_revoked_read(struct edge_revoked *r, struct str text, const char **why)
{
	static const struct json_limits limits = {
		.size = 4 * 1024 * 1024, .depth = 3, .members = 200 * 1000};
	struct edge_revoked fresh = {0};
	json_t *all = json_read(text, &limits, why), *blocked, *times, *jtis;

	if (!all)
		return -EBADMSG;
	blocked = json_object_get(all, "blocked");
	times = json_object_get(all, "not_before");
	jtis = json_object_get(all, "jti");
	if (!json_is_object(all) || (blocked && !json_is_array(blocked)) ||
		(times && !json_is_object(times)) || (jtis && !json_is_array(jtis)) ||
		fill(&fresh, blocked, times, jtis)) {
		*why = "no list of revocations";
		edge_revoked_free(&fresh);
		json_decref(all);
		return -EBADMSG;
	}
	json_decref(all);
	edge_revoked_free(r);
	*r = fresh;
	return 0;
}
