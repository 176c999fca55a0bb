/* SPDX-License-Identifier: Apache-2.0 */
#include "../lib/clock.h"
#include "sql.h"

int state_quarantine_set(struct state *s, uint64_t key, bool on)
{
	if (!on)
		return sql_run(s, "DELETE FROM quarantines WHERE key = ?", "i", (int64_t)key);
	return sql_run(s, "INSERT INTO quarantines (key, since) VALUES (?, ?) ON CONFLICT (key) DO NOTHING", "ii", (int64_t)key,
		       (int64_t)clock_wall_ns());
}

int state_quarantines_each(struct state *s, int (*each)(void *ctx, uint64_t key, uint64_t since), void *ctx)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row, "SELECT key, since FROM quarantines ORDER BY key", "");

	if (r)
		return r;
	while ((r = sql_step(row)) == 1) {
		r = each(ctx, (uint64_t)sqlite3_column_int64(row, 0), (uint64_t)sqlite3_column_int64(row, 1));
		if (r)
			return r;
	}
	return r;
}
