/* What a run leaves behind.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/evidence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "scenarios/player/pcapng.h"

struct evidence {
	char *dir;
	struct arena arena;
	struct pcapng *pcapng;
	FILE *ladder;
	json_t *results;
	uint64_t seed;
	time_t started;
	uint32_t records;
	int err;
};

/* ---- results as JSON ---- */

void totals_add(struct totals *t, enum verdict v)
{
	int *const counts[] = {
		[VERDICT_NONE] = &t->notrun,
		[VERDICT_PASS] = &t->pass,
		[VERDICT_INCONC] = &t->inconc,
		[VERDICT_FAIL] = &t->fail,
		[VERDICT_ERROR] = &t->error,
	};
	++*counts[v];
}

static json_t *rounded(double seconds)
{
	return json_real((double)(int64_t)(seconds * 1000 + 0.5) / 1000);
}

json_t *result_json(const struct result *r)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "type", "result",
		"scenario", r->variant->script->id, "variant", r->variant->id, "verdict",
		r->verdict ? verdict_name(r->verdict) : "notrun", "why", r->why, "step",
		r->step, "messages", r->messages, "seconds", rounded(r->seconds));
}

json_t *totals_json(const struct totals *t)
{
	return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:o}", "type", "summary", "pass",
		t->pass, "fail", t->fail, "inconc", t->inconc, "error", t->error, "notrun",
		t->notrun, "seconds", rounded(t->seconds));
}

/* ---- the directory ---- */

static int make_dir(const char *path)
{
	char part[4096];
	if (!str_copy(str_of(path), part, sizeof part))
		return -ENAMETOOLONG;
	for (char *p = part + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			if (mkdir(part, 0755) && errno != EEXIST)
				return -errno;
			*p = '/';
		}
	return mkdir(part, 0755) && errno != EEXIST ? -errno : 0;
}

/* runs/<time>, and a number behind it when two runs begin in one second. */
static int make_own_dir(struct evidence *e)
{
	char stamp[32], path[64];
	struct tm tm;

	localtime_r(&e->started, &tm);
	strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
	int err = make_dir("runs");
	if (err)
		return err;
	for (int n = 1;; n++) {
		snprintf(path, sizeof path, n > 1 ? "runs/%s-%d" : "runs/%s", stamp, n);
		if (!mkdir(path, 0755))
			break;
		if (errno != EEXIST || n > 1000)
			return -errno;
	}
	e->dir = str_dup(str_of(path));
	snprintf(stamp, sizeof stamp, "runs/.latest-%d", (int)getpid());
	if (!symlink(path + strlen("runs/"), stamp) && rename(stamp, "runs/latest"))
		unlink(stamp);
	return 0;
}

static const char *inside(struct evidence *e, const char *name)
{
	return arena_fmt(&e->arena, "%s/%s", e->dir, name).p;
}

int evidence_open(const char *dir, uint64_t seed, struct evidence **out, char why[256])
{
	struct evidence *e = MEM_NEW(struct evidence);
	int err;

	e->seed = seed;
	e->started = time(NULL);
	if (dir) {
		e->dir = str_dup(str_of(dir));
		err = make_dir(dir);
	} else {
		err = make_own_dir(e);
	}
	if (!err)
		err = pcapng_open(inside(e, "trace.pcapng"), &e->pcapng);
	if (!err) {
		e->ladder = fopen(inside(e, "ladder.txt"), "we");
		err = e->ladder ? 0 : -errno;
	}
	if (err) {
		snprintf(why, 256, "can't write to %s: %s", e->dir ? e->dir : "runs",
			strerror(-err));
		if (e->pcapng)
			pcapng_close(e->pcapng);
		arena_free(&e->arena);
		free(e->dir);
		free(e);
		return err;
	}
	e->results = json_array();
	*out = e;
	return 0;
}

const char *evidence_dir(const struct evidence *e)
{
	return e->dir;
}

const char *evidence_rig(struct evidence *e, int n, const char **name)
{
	*name = arena_fmt(&e->arena, "rig-%d", n).p;
	const char *path = inside(e, *name);
	int err = make_dir(path);
	if (err && !e->err)
		e->err = err;
	return path;
}

/* ---- a variant ---- */

static void put_records(struct evidence *e, const struct result *r, struct judge *j, json_t *o)
{
	struct arrow *const *arrows;
	size_t n = judge_arrows(j, &arrows);

	json_object_set_new(o, "first_packet", json_integer(e->records + (n > 0)));
	for (size_t i = 0; i < n; i++) {
		const struct arrow *a = arrows[i];
		char comment[512];
		snprintf(comment, sizeof comment, "%s/%s%s%s: %s -> %s%s",
			r->variant->script->id, r->variant->id, a->step >= 0 ? " step " : "",
			a->step >= 0 ? r->variant->steps[a->step].name : "",
			a->record->from, a->record->to,
			a->wrong     ? " (differs)"
			: a->outside ? " (outside the ladder)"
				     : "");
		pcapng_put(e->pcapng, a->record, comment);
		e->records++;
	}
	json_object_set_new(o, "last_packet", json_integer(e->records));
}

static json_t *describe(const struct result *r)
{
	const struct script *s = r->variant->script;
	json_t *o = result_json(r);

	json_object_del(o, "type");
	json_object_set_new(o, "title", json_string(s->title));
	if (r->variant->text)
		json_object_set_new(o, "text", json_string(r->variant->text));
	if (s->doc_name)
		json_object_set_new(o, "document", json_string(s->doc_name));
	if (s->doc_clause)
		json_object_set_new(o, "clause", json_string(s->doc_clause));
	json_object_set_new(o, "file", json_string(s->file));
	json_object_set_new(o, "logs", json_string(r->rig_dir ? r->rig_dir : ""));
	return o;
}

void evidence_add(struct evidence *e, const struct result *r, struct judge *j,
	ladder_traced_h *traced, void *arg)
{
	static const struct ladder_style style = {.all = true};
	json_t *o = describe(r);
	struct buf text = {0};

	if (j) {
		put_records(e, r, j, o);
		ladder_put(&text, r->variant, j, &style, traced, arg);
	} else if (r->verdict) {
		buf_fmt(&text, "%s/%s\n", r->variant->script->id, r->variant->id);
	}
	if (r->verdict)
		buf_fmt(&text, "\n  %s%s%s\n\n\n", verdict_name(r->verdict),
			r->why[0] ? ": " : "", r->why);
	if (text.n && fwrite(text.p, 1, text.n, e->ladder) != text.n && !e->err)
		e->err = -EIO;
	buf_free(&text);
	json_array_append_new(e->results, o);
}

static json_t *verdicts(struct evidence *e, const struct totals *t)
{
	char stamp[32];
	struct tm tm;
	json_t *summary = totals_json(t);

	json_object_del(summary, "type");
	gmtime_r(&e->started, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_pack("{s:s, s:s, s:I, s:O, s:o}", "version", IMSRIG_VERSION, "started",
		stamp, "seed", (json_int_t)e->seed, "results", e->results, "summary", summary);
}

int evidence_close(struct evidence *e, const struct totals *t)
{
	json_t *all = verdicts(e, t);
	int err = e->err;

	if (json_dump_file(all, inside(e, "verdicts.json"), JSON_INDENT(1)) && !err)
		err = -EIO;
	json_decref(all);
	if (fclose(e->ladder) && !err)
		err = -errno;
	int pcap_err = pcapng_close(e->pcapng);
	json_decref(e->results);
	arena_free(&e->arena);
	free(e->dir);
	free(e);
	return err ? err : pcap_err;
}
