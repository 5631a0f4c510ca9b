/* The ranges of WWSFs: whose, live or not.
 * SPDX-License-Identifier: Apache-2.0 */
#include "waaf/range.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/metric.h"
#include "waaf/waaf.h"

METRIC_IDLE(live, "imsrig_waaf_registrations", "WWSFs whose blocks are registered");
METRIC_COUNTER(made, "imsrig_waaf_registrations_total", "registrations of blocks, refreshes too");
METRIC_COUNTER(over, "imsrig_waaf_registrations_ended_total", "... of them withdrawn or expired");

struct ranges ranges;

static int64_t now_ms(void)
{
	return clock_wall_ms(ranges.host->clock);
}

static int64_t rest_ms(int64_t ends_ms)
{
	int64_t rest = ends_ms - now_ms();
	return rest > 0 ? rest : 0;
}

/* ---- whose ---- */

struct range *range_of(struct str wwsf)
{
	for (size_t i = 0; i < ranges.n; i++)
		if (str_host_eq(str_of(ranges.all[i].conf->wwsf), wwsf))
			return &ranges.all[i];
	return NULL;
}

struct range *range_by_id(struct str id, bool *ended)
{
	*ended = false;
	for (size_t i = 0; i < ranges.n; i++)
		if (id.n && str_eq(id, str_of(ranges.all[i].reg.id)))
			return &ranges.all[i];
	*ended = true;
	for (size_t i = 0; i < ranges.n; i++)
		for (unsigned k = 0; k < RANGE_ENDED; k++)
			if (id.n && str_eq(id, str_of(ranges.all[i].ended[k])))
				return &ranges.all[i];
	return NULL;
}

static uint32_t all_blocks(const struct range *r)
{
	return r->n_blocks == RANGE_BLOCKS_MAX ? UINT32_MAX : (UINT32_C(1) << r->n_blocks) - 1;
}

uint32_t range_live(const struct range *r)
{
	return r->conf->mode == RANGE_STATIC ? all_blocks(r) : r->reg.id[0] ? r->reg.blocks : 0;
}

int range_block(const struct range *r, uint32_t among, struct str impu)
{
	for (size_t i = 0; i < r->n_blocks; i++)
		if (among & UINT32_C(1) << i && sip_wildcard_match(r->blocks[i], impu))
			return (int)i;
	return -1;
}

bool range_excludes(const struct range *r, struct str impu)
{
	for (size_t i = 0; i < r->n_exclude; i++)
		if (str_eq(r->exclude[i], impu))
			return true;
	return str_eq(r->pilot, impu);
}

bool range_blocked(const struct range *r)
{
	struct str name = str_of(r->conf->wwsf);
	const struct waf_wwsf *w = waf.conf ? waf_wwsf_find(name) : NULL;
	return (w && w->blocked) || edge_blocks(waaf.edge, name);
}

static bool share(const struct range *a, uint32_t of_a, const struct range *b, uint32_t of_b)
{
	for (size_t i = 0; i < a->n_blocks; i++)
		for (size_t k = 0; k < b->n_blocks; k++)
			if (of_a & UINT32_C(1) << i && of_b & UINT32_C(1) << k &&
				sip_wildcard_overlap(a->blocks[i], b->blocks[k]))
				return true;
	return false;
}

bool range_overlaps(const struct range *r, uint32_t blocks)
{
	for (size_t i = 0; i < ranges.n; i++) {
		const struct range *o = &ranges.all[i];
		if (o != r && share(r, blocks, o, range_live(o) | registration_wants(o)))
			return true;
	}
	return false;
}

/* ---- registrations ---- */

static struct str blocks_text(const struct range *r, uint32_t blocks, struct buf *b)
{
	for (size_t i = 0; i < r->n_blocks; i++)
		if (blocks & UINT32_C(1) << i)
			buf_fmt(b, "%s" STR_FMT, b->n ? " " : "",
				STR_ARG(sip_wildcard_text(r->blocks[i])));
	return buf_str(b);
}

static void on_expiry(struct timer *t, void *arg)
{
	range_ended(arg, "the registration of its block has expired", false);
}

static void set(struct range *r, struct str id, uint32_t blocks, int64_t ends_ms)
{
	live.value += !r->reg.id[0];
	str_copy(id, r->reg.id, sizeof r->reg.id);
	r->reg.blocks = blocks;
	r->reg.ends_ms = ends_ms;
	r->asked = true;
	timer_start(ranges.host->clock, &r->reg.expiry, rest_ms(ends_ms), on_expiry, r);
}

static void unset(struct range *r)
{
	timer_stop(&r->reg.expiry);
	live.value -= r->reg.id[0] != '\0';
	r->reg = (struct registration){.id = ""};
}

void range_registered(struct range *r, uint32_t blocks, uint32_t seconds)
{
	char id[RANGE_ID_SIZE];
	struct buf text = {0};

	if (r->reg.id[0])
		memcpy(id, r->reg.id, sizeof id);
	else
		chance_hex(&ranges.host->chance, id, 16);
	set(r, str_of(id), blocks, now_ms() + seconds * INT64_C(1000));
	made.value++;
	range_store_put(&(const struct range_row){str_of(r->conf->wwsf), str_of(r->reg.id),
		blocks_text(r, blocks, &text), r->reg.ends_ms});
	log_info("range", "%s has %s registered for %u s", r->conf->wwsf,
		log_text(buf_str(&text)), seconds);
	buf_free(&text);
	members_drop(r, range_live(r), EDGE_NORMAL, "its block is not registered any more");
}

/* In static mode the end of the WWSF's request takes nothing from its members: they stand by
 * configuration, and end when it withdraws. */
void range_ended(struct range *r, const char *why, bool withdrawn)
{
	if (!r->reg.id[0])
		return;
	memcpy(r->ended[r->n_ended++ % RANGE_ENDED], r->reg.id, RANGE_ID_SIZE);
	unset(r);
	over.value++;
	range_store_forget(str_of(r->conf->wwsf));
	log_info("range", "%s: %s", r->conf->wwsf, why);
	members_drop(r, withdrawn ? 0 : range_live(r), EDGE_NORMAL, why);
}

/* ---- start ---- */

static int open_range(struct range *r, const struct range_wwsf_conf *conf, char why[512])
{
	char *const *blocks = conf->blocks.items, *const *exclude = conf->exclude.items;
	struct sip_uri u;
	int err = conf->mode == RANGE_STATIC ? range_ha1(conf, r->ha1, why) : 0;

	r->conf = conf;
	if (!sip_uri_parse(&u, str_of(conf->pilot.impu)))
		r->pilot = sip_uri_canonical(&u, &ranges.arena);
	r->exclude = arena_zalloc(&ranges.arena, (conf->exclude.n + 1) * sizeof *r->exclude);
	for (size_t i = 0; i < conf->exclude.n; i++)
		if (!sip_uri_parse(&u, str_of(exclude[i])))
			r->exclude[r->n_exclude++] = sip_uri_canonical(&u, &ranges.arena);
	for (size_t i = 0; !err && i < conf->blocks.n; i++)
		if (!(err = sip_wildcard_new(str_of(blocks[i]), &r->blocks[i], why)))
			r->n_blocks++;
	return err;
}

/* The blocks of an earlier configuration that are still in it. */
static uint32_t blocks_of(const struct range *r, struct str texts)
{
	uint32_t bits = 0;
	while (texts.p) {
		struct str one = str_cut(&texts, ' ');
		for (size_t i = 0; i < r->n_blocks; i++)
			if (str_eq(one, sip_wildcard_text(r->blocks[i])))
				bits |= UINT32_C(1) << i;
	}
	return bits;
}

static void load_registration(const struct range_row *row)
{
	struct range *r = range_of(row->wwsf);
	uint32_t blocks = r ? blocks_of(r, row->blocks) : 0;

	if (!r)
		return;
	r->asked = true;
	if (blocks && row->ends_ms > now_ms())
		set(r, row->id, blocks, row->ends_ms);
}

int ranges_start(struct host *host, const struct range_conf *conf, char why[512])
{
	const struct range_wwsf_conf *rows = conf->wwsfs.items;
	int err;

	if (!conf->database)
		return 0;
	ranges = (struct ranges){.conf = conf, .host = host};
	ranges.all = mem_zalloc((conf->wwsfs.n + 1) * sizeof *ranges.all);
	for (; ranges.n < conf->wwsfs.n; ranges.n++)
		if ((err = open_range(&ranges.all[ranges.n], &rows[ranges.n], why)))
			return err;
	if ((err = range_store_open(why)) ||
		(err = range_store_load(load_registration, member_load, why)))
		return err;
	range_store_tidy(now_ms());
	log_info("range", "%zu ranges, %lld blocks registered and %lld members as before", ranges.n,
		(long long)live.value, (long long)ranges.n_members);
	return 0;
}

/* ---- stop and reset ---- */

static void forget(struct range *r)
{
	registration_drop(r);
	members_forget(r);
	unset(r);
}

void ranges_stop(void)
{
	if (!ranges.conf)
		return;
	if (ranges.db)
		range_store_close();
	for (size_t i = 0; i < ranges.n; i++)
		forget(&ranges.all[i]);
	for (size_t i = 0; i < ranges.n; i++)
		for (size_t k = 0; k < ranges.all[i].n_blocks; k++)
			sip_wildcard_free(ranges.all[i].blocks[k]);
	explicit_bzero(ranges.all, ranges.n * sizeof *ranges.all);
	free(ranges.all);
	arena_free(&ranges.arena);
	ranges = (struct ranges){0};
}

void ranges_reset(void)
{
	if (!ranges.conf)
		return;
	for (size_t i = 0; i < ranges.n; i++) {
		struct range *r = &ranges.all[i];
		forget(r);
		r->asked = false;
		memset(r->ended, 0, sizeof r->ended);
		r->posts = (struct edge_window){0};
		r->call_id[0] = '\0';
	}
	range_store_clear();
}

int ranges_open(void)
{
	return ranges.conf && db_open_changes(ranges.db);
}

/* ---- state ---- */

static json_t *range_json(const struct range *r)
{
	json_t *blocks = json_array();
	uint32_t bits = r->reg.id[0] ? r->reg.blocks : range_live(r);
	const char *state = registration_state(r);

	for (size_t i = 0; i < r->n_blocks; i++)
		if (bits & UINT32_C(1) << i) {
			struct str text = sip_wildcard_text(r->blocks[i]);
			json_array_append_new(blocks, json_stringn(text.p, text.n));
		}
	return json_pack("{s:s?, s:s, s:s, s:o, s:s, s:I, s:I}", "id",
		r->reg.id[0] ? r->reg.id : NULL, "wwsf", r->conf->wwsf, "mode",
		r->conf->mode == RANGE_STATIC ? "static" : "registration", "block", blocks, "state",
		state ? state : r->reg.id[0] ? "registered" : r->asked ? "ended" : "none", "expires",
		(json_int_t)((rest_ms(r->reg.ends_ms) + 999) / 1000), "members",
		(json_int_t)r->n_members);
}

json_t *ranges_json(void)
{
	json_t *all = json_array();
	for (size_t i = 0; i < ranges.n; i++)
		json_array_append_new(all, range_json(&ranges.all[i]));
	return all;
}
