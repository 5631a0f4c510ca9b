/* What a run leaves behind.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/player/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "scenarios/player/pcapng.h"

struct evidence {
	char *dir;
	int lock; /* on a directory of the user's choice; -1: none */
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
		t->pass, "fail", t->fail, "inconc", t->inconc, "error", t->error,
		"notrun", t->notrun, "seconds", rounded(t->seconds));
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

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

/* What elements keep secrets in: databases, keys. */
static int remove_secret(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	static const char *const names[] = {"*.db", "*.db-*", "*.key", "*-key.pem", "*-keys.json"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (type == FTW_F && !fnmatch(names[i], path + ftw->base, 0))
			return remove(path);
	return 0;
}

typedef int(walk_h)(const char *path, const struct stat *st, int type, struct FTW *ftw);

static void walk_rigs(const char *dir, walk_h *h)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, NULL);

	for (int i = 0; i < n; i++) {
		struct str name = str_of(list[i]->d_name);
		uint32_t number;
		if (str_starts(name, STR("rig-")) &&
			!str_u32(str_skip(name, 4), &number)) {
			struct buf path = {0};
			buf_fmt(&path, "%s/%s", dir, name.p);
			nftw(buf_z(&path), h, 16, FTW_DEPTH | FTW_PHYS);
			buf_free(&path);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static const char *inside(struct evidence *e, const char *name)
{
	return arena_fmt(&e->arena, "%s/%s", e->dir, name).p;
}

/* What a former run left goes, its verdicts first: cut short, this run must not seem to have
 * come to them. Not while that run still writes there. */
static int take_over_dir(struct evidence *e)
{
	e->lock = open(e->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->lock < 0)
		return -errno;
	if (flock(e->lock, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return -EBUSY;
	unlink(inside(e, "verdicts.json"));
	walk_rigs(e->dir, remove_one); /* an HSS must not find the database of another */
	return 0;
}

static void let_go(struct evidence *e)
{
	if (e->lock >= 0)
		close(e->lock);
	arena_free(&e->arena);
	free(e->dir);
	free(e);
}

int evidence_open(const char *dir, uint64_t seed, struct evidence **out, char why[256])
{
	struct evidence *e = MEM_NEW(struct evidence);
	int err;

	e->seed = seed;
	e->lock = -1;
	e->started = time(NULL);
	if (dir) {
		e->dir = str_dup(str_of(dir));
		err = make_dir(dir);
		if (!err)
			err = take_over_dir(e);
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
			err == -EBUSY ? "another run is writing there" : strerror(-err));
		if (e->pcapng)
			pcapng_close(e->pcapng);
		let_go(e);
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

struct page {
	struct arena arena;
	struct result result;
	json_t *description;
	struct buf ladder, packets;
	uint32_t n_packets;
};

static void page_records(struct page *p, const struct evidence *e, struct judge *j)
{
	const struct result *r = &p->result;
	struct arrow *const *arrows;

	p->n_packets = (uint32_t)judge_arrows(j, &arrows);
	for (size_t i = 0; i < p->n_packets; i++) {
		const struct arrow *a = arrows[i];
		char comment[512];
		snprintf(comment, sizeof comment, "%s/%s%s%s: %s -> %s%s",
			r->variant->script->id, r->variant->id,
			a->step >= 0 ? " step " : "",
			a->step >= 0 ? r->variant->steps[a->step].name : "",
			a->record->from, a->record->to,
			a->wrong     ? " (differs)"
			: a->outside ? " (outside the ladder)"
				     : "");
		pcapng_format(e->pcapng, a->record, comment, &p->packets);
	}
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

struct page *page_new(const struct evidence *e, const struct result *r, struct judge *j,
	ladder_traced_h *traced, void *arg)
{
	static const struct ladder_style style = {.all = true};
	struct page *p = MEM_NEW(struct page);

	p->result = *r;
	p->result.why = arena_str(&p->arena, str_of(r->why)).p;
	p->result.step = arena_str(&p->arena, str_of(r->step)).p;
	p->description = describe(r);
	if (j) {
		page_records(p, e, j);
		ladder_put(&p->ladder, r->variant, j, &style, traced, arg);
	} else if (r->verdict) {
		buf_fmt(&p->ladder, "%s/%s\n", r->variant->script->id, r->variant->id);
	}
	if (r->verdict)
		buf_fmt(&p->ladder, "\n  %s%s%s\n\n\n", verdict_name(r->verdict),
			r->why[0] ? ": " : "", r->why);
	return p;
}

const struct result *page_result(const struct page *p)
{
	return &p->result;
}

void page_free(struct page *p)
{
	if (!p)
		return;
	json_decref(p->description);
	buf_free(&p->ladder);
	buf_free(&p->packets);
	arena_free(&p->arena);
	free(p);
}

void evidence_put(struct evidence *e, const struct page *p)
{
	json_object_set_new(p->description, "first_packet",
		json_integer(e->records + (p->n_packets > 0)));
	e->records += p->n_packets;
	json_object_set_new(p->description, "last_packet", json_integer(e->records));
	json_array_append(e->results, p->description);
	pcapng_write(e->pcapng, buf_str(&p->packets));
	if (p->ladder.n &&
		fwrite(p->ladder.p, 1, p->ladder.n, e->ladder) != p->ladder.n && !e->err)
		e->err = -EIO;
}

static json_t *verdicts(struct evidence *e, const struct totals *t)
{
	char stamp[32];
	struct tm tm;
	json_t *summary = totals_json(t);

	json_object_del(summary, "type");
	gmtime_r(&e->started, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_pack("{s:s, s:s, s:I, s:O, s:o}", "version", IMSRIG_VERSION,
		"started", stamp, "seed", (json_int_t)e->seed, "results", e->results,
		"summary", summary);
}

int evidence_close(struct evidence *e, const struct totals *t, bool keep_secrets)
{
	json_t *all = verdicts(e, t);
	int err = e->err;

	if (json_dump_file(all, inside(e, "verdicts.json"),
		    JSON_INDENT(1) | JSON_REAL_PRECISION(6)) &&
		!err)
		err = -EIO;
	json_decref(all);
	if (fclose(e->ladder) && !err)
		err = -errno;
	int pcap_err = pcapng_close(e->pcapng);
	json_decref(e->results);
	if (!keep_secrets)
		walk_rigs(e->dir, remove_secret);
	let_go(e);
	return err ? err : pcap_err;
}
