/* An element's state in SQLite.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "common/db/db.h"
#include "tests/unit/rig.h"

enum { ADD, COUNT, ADD_ORPHAN, STATEMENTS };
static const char *const sql[STATEMENTS] = {
	"INSERT INTO item VALUES (?1)",
	"SELECT count(*), max(name) FROM item",
	"INSERT INTO part VALUES (?1)",
};
/* The deferred check makes a commit fail, and no statement. */
static const char schema[] =
	"CREATE TABLE item (name TEXT PRIMARY KEY) WITHOUT ROWID;"
	"CREATE TABLE part (item TEXT REFERENCES item DEFERRABLE INITIALLY DEFERRED);";

static struct rig rig;
static struct db *db;
static char why[512];
static int commits, err;
static bool once_more;

static int add(int which, const char *name)
{
	sqlite3_stmt *q = db_sql(db, which);
	sql_bind(q, 1, str_of(name));
	return db_change(db, q);
}

static void on_committed(int e, void *arg)
{
	commits++;
	err = e;
	if (once_more)
		add(ADD, "later");
	once_more = false;
}

static int open_db(const char *name, int version, struct db **out)
{
	const struct db_conf conf = {.path = rig_file(&rig, name),
		.schema = schema,
		.version = version,
		.sql = sql,
		.n_sql = STATEMENTS,
		.cache_kib = 256,
		.committed = on_committed};
	static char path[200];
	struct db_conf mine = conf;
	snprintf(path, sizeof path, "%s", conf.path);
	mine.path = path;
	return db_open(&rig.host, &mine, out, why);
}

static int count(void)
{
	sqlite3_stmt *q = db_sql(db, COUNT);
	assert_int_equal(sql_row(q), 1);
	int n = sqlite3_column_int(q, 0);
	assert_int_equal(sql_row(q), 0);
	return n;
}

static int begin(void **state)
{
	rig_open(&rig, "db");
	rig_ca(&rig);
	commits = err = 0;
	return open_db("state.db", 1, &db);
}

static int end(void **state)
{
	db_close(db);
	rig_close(&rig);
	return 0;
}

/* What changes in one turn is one commit; the answers of it may change more. */
static void test_turn(void **state)
{
	once_more = true;
	assert_false(db_open_changes(db));
	assert_int_equal(add(ADD, "a") | add(ADD, "b"), 0);
	assert_true(db_open_changes(db));
	assert_int_equal(commits, 0);
	rig_until_count(&rig, &commits, 2);
	rig_run(&rig, 2);
	assert_int_equal(commits, 2);
	assert_int_equal(err, 0);
	assert_int_equal(count(), 3);
	db_close(db);
	assert_int_equal(open_db("state.db", 1, &db), 0);
	assert_int_equal(count(), 3);
}

/* A close in the middle of a turn loses nothing. */
static void test_close(void **state)
{
	add(ADD, "a");
	db_close(db);
	rig_run(&rig, 2);
	assert_int_equal(commits, 0);
	assert_int_equal(open_db("state.db", 1, &db), 0);
	assert_int_equal(count(), 1);
}

static void test_failures(void **state)
{
	assert_int_equal(add(ADD, "a"), 0);
	assert_int_equal(add(ADD, "a"), -EIO); /* itself alone */
	rig_until_count(&rig, &commits, 1);
	assert_int_equal(err, 0);
	assert_int_equal(count(), 1);
	assert_int_equal(add(ADD, "b") | add(ADD_ORPHAN, "nobody"), 0);
	rig_until_count(&rig, &commits, 2);
	assert_int_equal(err, -EIO);
	assert_int_equal(count(), 1); /* all of the turn */
	assert_int_equal(add(ADD, "c"), 0);
	rig_until_count(&rig, &commits, 3);
	assert_int_equal(err, 0);
}

static void test_open(void **state)
{
	struct db *other;
	assert_int_equal(open_db("state.db", 1, &other), -EBUSY);
	assert_non_null(strstr(why, "in use by another process"));
	db_close(db);
	assert_int_equal(open_db("state.db", 2, &other), -EINVAL);
	assert_non_null(strstr(why, "has version 1, this program needs version 2"));
	assert_int_equal(open_db("nowhere/state.db", 1, &other), -EIO);
	FILE *f = fopen(rig_file(&rig, "text.db"), "w");
	for (int i = 0; i < 100; i++)
		fputs("this is no database at all\n", f);
	fclose(f);
	assert_int_equal(open_db("text.db", 1, &other), -EINVAL);
	assert_non_null(strstr(why, "is not a database"));
	assert_int_equal(open_db("state.db", 1, &db), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_turn), T(test_close), T(test_failures), T(test_open)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
