/* Commits once a turn.
 * SPDX-License-Identifier: Apache-2.0 */
#include "common/db/db.h"

#include <errno.h>
#include <stdlib.h>

#include "common/net/turn.h"

struct db {
	sqlite3 *db;
	struct db_conf conf;
	struct turn *turn;
	struct task task;              /* the commit at the end of this turn */
	bool begun;
	sqlite3_stmt *sql[];
};

int db_open(struct host *host, const struct db_conf *conf, struct db **out, char why[512])
{
	const struct sql_conf file = {.path = conf->path, .schema = conf->schema,
		.version = conf->version, .cache_kib = conf->cache_kib};
	struct db *d = mem_zalloc(sizeof *d + (size_t)conf->n_sql * sizeof *d->sql);

	d->conf = *conf;
	d->turn = turn_get(host->loop);
	int err = sql_open(&file, &d->db, why);
	if (!err)
		err = sql_prepare(d->db, conf->sql, (size_t)conf->n_sql, d->sql, why);
	if (err)
		db_close(d);
	else
		*out = d;
	return err;
}

static int commit(struct db *d)
{
	int err = d->begun ? sql_run(d->db, "COMMIT") : 0;
	if (err)
		sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
	d->begun = false;
	return err;
}

void db_close(struct db *d)
{
	if (!d)
		return;
	task_drop(&d->task);
	commit(d);
	sql_finalize(d->sql, (size_t)d->conf.n_sql);
	sqlite3_close(d->db);
	turn_put(d->turn);
	free(d);
}

sqlite3_stmt *db_sql(struct db *d, int which)
{
	sqlite3_reset(d->sql[which]);
	return d->sql[which];
}

/* ---- the changes of a turn ---- */

static void on_turn_end(struct task *k)
{
	struct db *d = (struct db *)((char *)k - offsetof(struct db, task));
	int err = commit(d);
	d->conf.committed(err, d->conf.arg);
}

int db_change(struct db *d, sqlite3_stmt *q)
{
	task_add(d->turn, &d->task, on_turn_end);
	if (!d->begun && sql_run(d->db, "BEGIN IMMEDIATE"))
		return -EIO;
	d->begun = true;
	return sql_done(q);
}

bool db_open_changes(const struct db *d)
{
	return d->task.next != NULL;
}
