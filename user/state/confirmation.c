/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "sql.h"

int state_confirmation_last(struct state *s, struct state_confirmation *ret)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row, "SELECT rev, fallback, deadline, outcome, decided FROM confirmations ORDER BY rev DESC LIMIT 1", "");

	if (!r)
		r = sql_step(row);
	if (r <= 0)
		return r ? r : -ENOENT;
	*ret = (struct state_confirmation){
		.rev = (uint64_t)sqlite3_column_int64(row, 0),
		.fallback = (uint64_t)sqlite3_column_int64(row, 1),
		.deadline = (uint64_t)sqlite3_column_int64(row, 2),
		.outcome = (enum state_outcome)sqlite3_column_int(row, 3),
		.decided = (uint64_t)sqlite3_column_int64(row, 4),
	};
	return 0;
}

int state_confirmation_decide(struct state *s, uint64_t rev, enum state_outcome outcome, uint64_t time)
{
	return sql_run(s, "UPDATE confirmations SET outcome = ?, decided = ? WHERE rev = ?", "iii", (int64_t)outcome, (int64_t)time, (int64_t)rev);
}
