/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include <cordon/types.h>

#include "sql.h"

/* MACs cost nothing to invent: of those seen, the ones not heard of for longest make room. */
#define KEEP_DEVICES 100000

static int device_put(struct state *s, const struct state_device *d)
{
	int r = sql_run(s,
			"INSERT INTO devices (key, port, first_seen, last_seen) VALUES (?, ?, ?, ?) ON CONFLICT (key)"
			" DO UPDATE SET port = excluded.port, last_seen = max(last_seen, excluded.last_seen)",
			"itii", (int64_t)d->key, d->port, (int64_t)d->first_seen, (int64_t)d->last_seen);

	if (r)
		return r;
	return sql_run(s, "DELETE FROM devices WHERE key IN (SELECT key FROM devices ORDER BY last_seen DESC LIMIT -1 OFFSET ?)", "i",
		       (int64_t)KEEP_DEVICES);
}

int state_device_put(struct state *s, const struct state_device *d)
{
	int r = sql_begin(s);

	return r ? r : sql_end(s, device_put(s, d));
}

int state_devices_each(struct state *s, int (*each)(void *ctx, const struct state_device *d), void *ctx)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row, "SELECT key, port, first_seen, last_seen FROM devices ORDER BY key", "");

	if (r)
		return r;
	while ((r = sql_step(row)) == 1) {
		struct state_device d = {
			.key = (uint64_t)sqlite3_column_int64(row, 0),
			.first_seen = (uint64_t)sqlite3_column_int64(row, 2),
			.last_seen = (uint64_t)sqlite3_column_int64(row, 3),
		};

		snprintf(d.port, sizeof(d.port), "%s", (const char *)sqlite3_column_text(row, 1));
		r = each(ctx, &d);
		if (r)
			return r;
	}
	return r;
}

/* The lowest number that no name has. */
static int port_give(struct state *s, const char *name, int64_t *ret)
{
	int64_t number;
	int r;

	r = sql_number(s, ret, "SELECT number FROM ports WHERE name = ?", "t", name);
	if (r != -ENOENT)
		return r;
	r = sql_number(s, &number,
		       "SELECT min(candidate) FROM (SELECT 1 AS candidate UNION ALL SELECT number + 1 FROM ports)"
		       " WHERE candidate NOT IN (SELECT number FROM ports)", "");
	if (r)
		return r;
	if (number >= CORDON_MAX_PORTS)
		return -ENOSPC;
	r = sql_run(s, "INSERT INTO ports (number, name) VALUES (?, ?)", "it", number, name);
	if (!r)
		*ret = number;
	return r;
}

int state_port_number(struct state *s, const char *name, uint32_t *ret)
{
	int64_t number;
	int r;

	r = sql_number(s, &number, "SELECT number FROM ports WHERE name = ?", "t", name);
	if (r == -ENOENT) {
		r = sql_begin(s);
		if (!r)
			r = sql_end(s, port_give(s, name, &number));
	}
	if (!r)
		*ret = (uint32_t)number;
	return r;
}

int state_port_forget(struct state *s, const char *name)
{
	return sql_run(s, "DELETE FROM ports WHERE name = ?", "t", name);
}
