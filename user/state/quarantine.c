/* SPDX-License-Identifier: Apache-2.0 */
#include "../lib/clock.h"
#include "sql.h"

int state_quarantine_set(struct state *s, uint64_t key, uint64_t until)
{
	return sql_run(s, "INSERT INTO quarantines (key, since, until) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET until = excluded.until",
		       "iii", (int64_t)key, (int64_t)clock_wall_ns(), (int64_t)until);
}

int state_quarantine_end(struct state *s, uint64_t key)
{
	return sql_run(s, "DELETE FROM quarantines WHERE key = ?", "i", (int64_t)key);
}

int state_quarantines_each(struct state *s, int (*each)(void *ctx, uint64_t key, uint64_t since, uint64_t until), void *ctx)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row, "SELECT key, since, until FROM quarantines ORDER BY key", "");

	if (r)
		return r;
	while ((r = sql_step(row)) == 1) {
		r = each(ctx, (uint64_t)sqlite3_column_int64(row, 0), (uint64_t)sqlite3_column_int64(row, 1),
			 (uint64_t)sqlite3_column_int64(row, 2));
		if (r)
			return r;
	}
	return r;
}
