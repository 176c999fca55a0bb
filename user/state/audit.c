/* SPDX-License-Identifier: Apache-2.0 */
#include "../lib/clock.h"
#include "sql.h"

#define KEEP_AUDIT 100000

static int audit_add(struct state *s, const char *who, const char *action, const char *detail)
{
	int r = sql_run(s, "INSERT INTO audit (time, who, action, detail) VALUES (?, ?, ?, ?)", "ittt", (int64_t)clock_wall_ns(), who,
			action, detail);

	return r ? r : sql_run(s, "DELETE FROM audit WHERE id <= ?", "i", (int64_t)sqlite3_last_insert_rowid(s->db) - KEEP_AUDIT);
}

int state_audit(struct state *s, const char *who, const char *action, const char *detail)
{
	int r = sql_begin(s);

	return r ? r : sql_end(s, audit_add(s, who, action, detail));
}

int state_audit_each(struct state *s, int (*each)(void *ctx, uint64_t time, const char *who, const char *action, const char *detail), void *ctx)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row, "SELECT time, who, action, detail FROM audit ORDER BY id", "");

	if (r)
		return r;
	while ((r = sql_step(row)) == 1) {
		r = each(ctx, (uint64_t)sqlite3_column_int64(row, 0), (const char *)sqlite3_column_text(row, 1),
			 (const char *)sqlite3_column_text(row, 2), (const char *)sqlite3_column_text(row, 3));
		if (r)
			return r;
	}
	return r;
}
