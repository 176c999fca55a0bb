/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "../lib/cleanup.h"
#include "sql.h"

#define SCHEMA_VERSION 2

#define CONFIRMATIONS \
	"CREATE TABLE confirmations (rev INTEGER PRIMARY KEY REFERENCES revisions (rev) ON DELETE CASCADE, fallback INTEGER NOT NULL," \
	" deadline INTEGER NOT NULL, outcome INTEGER NOT NULL, decided INTEGER NOT NULL)"

/* Which revisions were in force is told by `state`; a prepared one may be in force if the engine died at the flip. */
static const char *const schema[] = {
	"CREATE TABLE revisions (rev INTEGER PRIMARY KEY AUTOINCREMENT, generation INTEGER NOT NULL, hash TEXT NOT NULL,"
	" time INTEGER NOT NULL, who TEXT NOT NULL, why TEXT, state TEXT NOT NULL CHECK (state IN ('prepared', 'active', 'past')))",
	/* All generations that a revision had: a start gives it a new one, and flows judged before still name the old. */
	"CREATE TABLE generations (generation INTEGER PRIMARY KEY, rev INTEGER NOT NULL)",
	"CREATE UNIQUE INDEX revisions_active ON revisions (state) WHERE state = 'active'",
	"CREATE TABLE sources (rev INTEGER NOT NULL REFERENCES revisions (rev) ON DELETE CASCADE, position INTEGER NOT NULL,"
	" name TEXT NOT NULL, text BLOB NOT NULL, PRIMARY KEY (rev, position))",
	/* key is DEVICE_KEY, its 64 bits as a signed number */
	"CREATE TABLE devices (key INTEGER PRIMARY KEY, port TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL)",
	"CREATE INDEX devices_last_seen ON devices (last_seen)",
	"CREATE TABLE quarantines (key INTEGER PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL DEFAULT 0)",
	CONFIRMATIONS,
	"CREATE TABLE ports (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
	"CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL,"
	" detail TEXT)",
	"PRAGMA user_version = 2",
};

/* What version 1 lacks. */
static const char *const from_1[] = {
	"ALTER TABLE quarantines ADD COLUMN until INTEGER NOT NULL DEFAULT 0",
	CONFIRMATIONS,
	"PRAGMA user_version = 2",
};

static int run_all(struct state *s, const char *const *statements, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = sql_run(s, statements[i], "");
	return r;
}

/* Not ours, or not whole: to be set aside like any damage. */
static int schema_check(struct state *s)
{
	int64_t tables;
	int r;

	r = sql_number(s, &tables,
		       "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN"
		       " ('revisions', 'sources', 'devices', 'quarantines', 'ports', 'audit')", "");
	if (r)
		return r;
	return tables == 6 ? 0 : -EUCLEAN;
}

int schema_ensure(struct state *s)
{
	int64_t version, objects;
	int r;

	r = sql_begin(s);
	if (r)
		return r;
	r = sql_number(s, &version, "PRAGMA user_version", "");
	if (!r)
		r = sql_number(s, &objects, "SELECT count(*) FROM sqlite_master", "");
	if (!r && version > SCHEMA_VERSION)
		r = -ENOTSUP;
	else if (!r && !version && !objects)
		r = run_all(s, schema, ARRAY_SIZE(schema));
	else if (!r)
		r = schema_check(s);
	if (!r && version == 1)
		r = run_all(s, from_1, ARRAY_SIZE(from_1));
	return sql_end(s, r);
}
