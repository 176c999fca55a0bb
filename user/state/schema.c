/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "../lib/cleanup.h"
#include "sql.h"

#define CONFIRMATIONS \
	"CREATE TABLE confirmations (rev INTEGER PRIMARY KEY REFERENCES revisions (rev) ON DELETE CASCADE, fallback INTEGER NOT NULL," \
	" deadline INTEGER NOT NULL, outcome INTEGER NOT NULL, decided INTEGER NOT NULL)"

/*
 * One row: the last record that the chain of the audit log no longer has, and the one it began behind. Random at first, so that
 * no two logs have a record in common. The triggers keep mistakes away; what gets round them shows in the chain.
 */
#define AUDIT_CHAIN(behind) \
	"CREATE TABLE audit_anchor (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL, hash BLOB NOT NULL, began INTEGER NOT NULL)", \
	"INSERT INTO audit_anchor (one, id, hash, began) SELECT 1, last, randomblob(32), last FROM (SELECT " behind " AS last)", \
	"CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END", \
	"CREATE TRIGGER audit_kept BEFORE DELETE ON audit WHEN OLD.id > (SELECT id FROM audit_anchor)" \
	" BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END", \
	"CREATE TRIGGER anchor_kept BEFORE DELETE ON audit_anchor BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END", \
	"CREATE TRIGGER anchor_forward BEFORE UPDATE ON audit_anchor WHEN NEW.began <> OLD.began OR NOT EXISTS" \
	" (SELECT 1 FROM audit WHERE id = NEW.id AND hash = NEW.hash)" \
	" BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END"

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
	" detail TEXT, boot INTEGER NOT NULL DEFAULT 0, hash BLOB)",
	AUDIT_CHAIN("0"),
	"PRAGMA user_version = 3",
};

/* What version 1 lacks. */
static const char *const from_1[] = {
	"ALTER TABLE quarantines ADD COLUMN until INTEGER NOT NULL DEFAULT 0",
	CONFIRMATIONS,
	"PRAGMA user_version = 2",
};

/* What version 2 lacks. Its records stay, in front of the chain. */
static const char *const from_2[] = {
	"ALTER TABLE audit ADD COLUMN boot INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE audit ADD COLUMN hash BLOB",
	AUDIT_CHAIN("coalesce((SELECT max(id) FROM audit), 0)"),
	"PRAGMA user_version = 3",
};

static int run_all(struct state *s, const char *const *statements, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = sql_run(s, statements[i], "");
	return r;
}

/* Not ours, or not whole: to be set aside like any damage. */
static int schema_check(struct state *s, int64_t version)
{
	int64_t tables, wanted = version < 3 ? 6 : 7;
	int r;

	r = sql_number(s, &tables,
		       "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN"
		       " ('revisions', 'sources', 'devices', 'quarantines', 'ports', 'audit', 'audit_anchor')", "");
	if (r)
		return r;
	return tables == wanted ? 0 : -EUCLEAN;
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
		r = schema_check(s, version);
	if (!r && version == 1)
		r = run_all(s, from_1, ARRAY_SIZE(from_1));
	if (!r && version && version <= 2)
		r = run_all(s, from_2, ARRAY_SIZE(from_2));
	return sql_end(s, r);
}
