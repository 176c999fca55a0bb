/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "sql.h"

/* What history keeps; the active revision is kept whole whatever its age. */
#define KEEP_REVISIONS 10000
#define KEEP_SOURCES 100
#define KEEP_GENERATIONS 10000
#define KEEP_SOURCE_BYTES (512LL << 20)

#define REVISION_COLUMNS "rev, generation, hash, time, who, why, state = 'active'"

static void sources_free(struct state_source *sources, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(sources[i].name);
		free(sources[i].text);
	}
	free(sources);
}

void state_revision_done(struct state_revision *r)
{
	free(r->who);
	free(r->why);
	sources_free(r->sources, r->n_sources);
	*r = (struct state_revision){ 0 };
}

/*
 * Generations only grow while the kernel keeps its tables, so a revision prepared for this one or a later one never came into
 * force: the engine died before the flip.
 */
static int forget_unborn(struct state *s, uint32_t generation)
{
	return sql_run(s, "DELETE FROM revisions WHERE state = 'prepared' AND generation >= ?", "i", (int64_t)generation);
}

/* A number comes again only after a boot, when nothing names the old one any more. */
static int generation_insert(struct state *s, uint32_t generation, int64_t rev)
{
	int r = sql_run(s, "INSERT OR REPLACE INTO generations (generation, rev) VALUES (?, ?)", "ii", (int64_t)generation, rev);

	if (r)
		return r;
	return sql_run(s, "DELETE FROM generations WHERE generation <= ?", "i", (int64_t)generation - KEEP_GENERATIONS);
}

static int sources_insert(struct state *s, int64_t rev, const struct state_revision *r)
{
	int result = 0;

	for (size_t i = 0; i < r->n_sources && !result; i++)
		result = sql_run(s, "INSERT INTO sources (rev, position, name, text) VALUES (?, ?, ?, ?)", "iitb", rev, (int64_t)i,
				 r->sources[i].name, r->sources[i].text, r->sources[i].size);
	return result;
}

static int revision_insert(struct state *s, const struct state_revision *r, uint64_t *ret_rev)
{
	int64_t rev;
	int result;

	result = forget_unborn(s, r->generation);
	if (!result)
		result = sql_run(s, "INSERT INTO revisions (generation, hash, time, who, why, state) VALUES (?, ?, ?, ?, ?, 'prepared')",
				 "ititt", (int64_t)r->generation, r->hash, (int64_t)r->time, r->who ? r->who : "", r->why);
	if (result)
		return result;
	rev = sqlite3_last_insert_rowid(s->db);
	result = generation_insert(s, r->generation, rev);
	if (!result)
		result = sources_insert(s, rev, r);
	if (!result && r->confirm_by)
		result = sql_run(s, "INSERT INTO confirmations (rev, fallback, deadline, outcome, decided) VALUES (?, ?, ?, ?, 0)", "iiii", rev,
				 (int64_t)r->fallback, (int64_t)r->confirm_by, (int64_t)STATE_OUTCOME_OPEN);
	if (!result)
		*ret_rev = (uint64_t)rev;
	return result;
}

int state_revision_prepare(struct state *s, const struct state_revision *r, uint64_t *ret_rev)
{
	uint64_t rev = 0;
	int result;

	result = sql_begin(s);
	if (result)
		return result;
	result = sql_end(s, revision_insert(s, r, &rev));
	if (!result)
		*ret_rev = rev;
	return result;
}

/* The two newest keep their sources however large they are, so that one step back is always there. */
static int history_trim(struct state *s)
{
	int r;

	r = sql_run(s,
		    "DELETE FROM sources WHERE rev NOT IN (SELECT rev FROM revisions WHERE state = 'active') AND rev IN"
		    " (SELECT rev FROM (SELECT rev, row_number() OVER newest AS place, sum(bytes) OVER newest AS total"
		    "   FROM (SELECT rev, sum(length(text)) AS bytes FROM sources GROUP BY rev) WINDOW newest AS (ORDER BY rev DESC))"
		    "  WHERE place > ? OR (place > 2 AND total > ?))",
		    "ii", (int64_t)KEEP_SOURCES, (int64_t)KEEP_SOURCE_BYTES);
	if (r)
		return r;
	return sql_run(s, "DELETE FROM revisions WHERE state <> 'active' AND rev <= (SELECT max(rev) FROM revisions) - ?", "i",
		       (int64_t)KEEP_REVISIONS);
}

static int revision_make_active(struct state *s, uint64_t rev)
{
	int r;

	r = sql_run(s, "UPDATE revisions SET state = 'past' WHERE state = 'active'", "");
	if (!r)
		r = sql_run(s, "UPDATE revisions SET state = 'active' WHERE rev = ?", "i", (int64_t)rev);
	if (!r && !sqlite3_changes(s->db))
		r = -ENOENT;
	return r ? r : history_trim(s);
}

int state_revision_activate(struct state *s, uint64_t rev)
{
	int r = sql_begin(s);

	return r ? r : sql_end(s, revision_make_active(s, rev));
}

int state_revision_forget(struct state *s, uint64_t rev)
{
	return sql_run(s, "DELETE FROM revisions WHERE rev = ? AND state = 'prepared'", "i", (int64_t)rev);
}

static int revision_move(struct state *s, uint64_t rev, uint32_t generation)
{
	int r = forget_unborn(s, generation);

	if (!r)
		r = sql_run(s, "UPDATE revisions SET generation = ? WHERE rev = ?", "ii", (int64_t)generation, (int64_t)rev);
	if (!r && !sqlite3_changes(s->db))
		r = -ENOENT;
	return r ? r : generation_insert(s, generation, (int64_t)rev);
}

int state_revision_regenerate(struct state *s, uint64_t rev, uint32_t generation)
{
	int r = sql_begin(s);

	return r ? r : sql_end(s, revision_move(s, rev, generation));
}

static int revision_of_row(sqlite3_stmt *row, struct state_revision *ret)
{
	int r;

	ret->rev = (uint64_t)sqlite3_column_int64(row, 0);
	ret->generation = (uint32_t)sqlite3_column_int64(row, 1);
	snprintf(ret->hash, sizeof(ret->hash), "%s", (const char *)sqlite3_column_text(row, 2));
	ret->time = (uint64_t)sqlite3_column_int64(row, 3);
	r = sql_text(row, 4, &ret->who);
	if (!r)
		r = sql_text(row, 5, &ret->why);
	ret->active = sqlite3_column_int(row, 6);
	return r;
}

static int source_of_row(sqlite3_stmt *row, struct state_source *ret)
{
	const void *text = sqlite3_column_blob(row, 1);
	size_t size = (size_t)sqlite3_column_bytes(row, 1);
	int r = sql_text(row, 0, &ret->name);

	if (r)
		return r;
	ret->text = malloc(size + 1);
	if (!ret->text)
		return -ENOMEM;
	if (size)
		memcpy(ret->text, text, size);
	ret->text[size] = '\0';
	ret->size = size;
	return 0;
}

static int revision_load_sources(struct state *s, struct state_revision *revision)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int64_t n;
	int r;

	r = sql_number(s, &n, "SELECT count(*) FROM sources WHERE rev = ?", "i", (int64_t)revision->rev);
	if (r || !n)
		return r;
	revision->sources = calloc((size_t)n, sizeof(*revision->sources));
	if (!revision->sources)
		return -ENOMEM;
	r = sql_prepare(s, &row, "SELECT name, text FROM sources WHERE rev = ? ORDER BY position LIMIT ?", "ii",
			(int64_t)revision->rev, n);
	if (r)
		return r;
	while ((r = sql_step(row)) == 1) {
		r = source_of_row(row, &revision->sources[revision->n_sources++]);
		if (r)
			return r;
	}
	return r;
}

static int revision_find(struct state *s, sqlite3_stmt *row, struct state_revision *ret)
{
	__attribute__((cleanup(state_revision_done))) struct state_revision found = { 0 };
	int r = sql_step(row);

	if (r < 0)
		return r;
	if (!r)
		return -ENOENT;
	r = revision_of_row(row, &found);
	if (!r)
		r = revision_load_sources(s, &found);
	if (r)
		return r;
	*ret = found;
	found = (struct state_revision){ 0 };
	return 0;
}

int state_revision_active(struct state *s, struct state_revision *ret)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row, "SELECT " REVISION_COLUMNS " FROM revisions WHERE state = 'active'", "");

	return r ? r : revision_find(s, row, ret);
}

int state_revision_by_generation(struct state *s, uint32_t generation, struct state_revision *ret)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row, "SELECT " REVISION_COLUMNS " FROM revisions WHERE rev = (SELECT rev FROM generations WHERE generation = ?)",
			    "i", (int64_t)generation);

	return r ? r : revision_find(s, row, ret);
}

int state_revision_by_number(struct state *s, uint64_t rev, struct state_revision *ret)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row, "SELECT " REVISION_COLUMNS " FROM revisions WHERE rev = ?", "i", (int64_t)rev);

	return r ? r : revision_find(s, row, ret);
}

int state_revisions_each(struct state *s, int (*each)(void *ctx, const struct state_revision *r), void *ctx)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row, "SELECT " REVISION_COLUMNS " FROM revisions WHERE state <> 'prepared' ORDER BY rev DESC", "");

	if (r)
		return r;
	while ((r = sql_step(row)) == 1) {
		__attribute__((cleanup(state_revision_done))) struct state_revision revision = { 0 };

		r = revision_of_row(row, &revision);
		if (!r)
			r = each(ctx, &revision);
		if (r)
			return r;
	}
	return r;
}
