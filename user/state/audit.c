/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log is a chain: each record has the hash of what it says and of the record before, so that nothing in it can be
 * changed, taken out or put in without a trace in all that comes after. The chain hangs on the anchor: the number and hash of the
 * last record that was trimmed away, at first a random one. What is cut off at the end shows only to who remembers the end: the
 * engine does while it runs, and its log does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "sql.h"

#define TRIM_EVERY 64

/* With its length and one more in front, 0 for none: no two records have the same bytes. */
static void text_add(struct digest_part parts[2], uint8_t length[8], const char *text)
{
	size_t size = text ? strlen(text) : 0;

	digest_number(text ? size + 1 : 0, length);
	parts[0] = (struct digest_part){ length, 8 };
	parts[1] = (struct digest_part){ text ? text : "", size };
}

int audit_record_hash(const uint8_t before[DIGEST_SIZE], const struct state_audit_record *r, uint8_t ret[DIGEST_SIZE])
{
	uint8_t numbers[3][8], lengths[3][8];
	struct digest_part parts[8] = { { before, DIGEST_SIZE }, { numbers, sizeof(numbers) } };

	digest_number(r->seq, numbers[0]);
	digest_number(r->time, numbers[1]);
	digest_number(r->boot, numbers[2]);
	text_add(&parts[2], lengths[0], r->who);
	text_add(&parts[4], lengths[1], r->action);
	text_add(&parts[6], lengths[2], r->detail);
	return digest_sha256(parts, ARRAY_SIZE(parts), ret);
}

int audit_open(struct state *s)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row,
			    "SELECT id, hash FROM (SELECT * FROM (SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1)"
			    " UNION ALL SELECT id, hash FROM audit_anchor) ORDER BY id DESC, hash IS NULL LIMIT 1", "");

	if (!r)
		r = sql_step(row);
	if (r <= 0)
		return r;
	s->audit.seq = (uint64_t)sqlite3_column_int64(row, 0);
	if (sqlite3_column_bytes(row, 1) == DIGEST_SIZE)
		memcpy(s->audit.hash, sqlite3_column_blob(row, 1), DIGEST_SIZE);
	return 0;
}

/* The anchor goes first: only what it leaves behind may be deleted. Records from before there was a chain have no hash. */
static int trim(struct state *s, int64_t last)
{
	int r = sql_run(s,
			"UPDATE audit_anchor SET (id, hash) = (SELECT id, hash FROM audit WHERE id = ?)"
			" WHERE id < ? AND EXISTS (SELECT 1 FROM audit WHERE id = ? AND hash IS NOT NULL)", "iii", last, last, last);

	return r ? r : sql_run(s, "DELETE FROM audit WHERE id <= ?", "i", last);
}

/* What somebody forged into the log may be in the way; then it stays longer than it would. */
static void audit_trim(struct state *s)
{
	if (s->audit.seq % TRIM_EVERY || s->audit.seq <= STATE_AUDIT_KEEP || sql_begin(s))
		return;
	sql_end(s, trim(s, (int64_t)(s->audit.seq - STATE_AUDIT_KEEP)));
}

/* Chained to what this process wrote last, whatever the file has by now: what was cut off or put in meanwhile breaks the chain. */
static int audit_add(struct state *s, struct state_audit_record *record, struct audit_link *ret)
{
	struct audit_link link;
	int64_t last;
	int r = sql_number(s, &last, "SELECT coalesce(max(id), 0) FROM audit", "");

	if (r)
		return r;
	link.seq = record->seq = ((uint64_t)last > s->audit.seq ? (uint64_t)last : s->audit.seq) + 1;
	r = audit_record_hash(s->audit.hash, record, link.hash);
	if (!r)
		r = sql_run(s, "INSERT INTO audit (" AUDIT_COLUMNS ", hash) VALUES (?, ?, ?, ?, ?, ?, ?)", "iiitttb", (int64_t)record->seq,
			    (int64_t)record->time, (int64_t)record->boot, record->who, record->action, record->detail, link.hash,
			    (size_t)DIGEST_SIZE);
	if (!r)
		*ret = link;
	return r;
}

int state_audit(struct state *s, const char *who, const char *action, const char *detail)
{
	struct state_audit_record record = {
		.time = clock_wall_ns(), .boot = clock_boot_ns(), .who = who, .action = action, .detail = detail
	};
	struct audit_link link;
	int r = sql_begin(s);

	if (r)
		return r;
	r = sql_end(s, audit_add(s, &record, &link));
	if (r)
		return r;
	s->audit = link;
	audit_trim(s);
	return 0;
}

void state_audit_head(const struct state *s, struct state_audit_head *ret)
{
	ret->seq = s->audit.seq;
	digest_format(s->audit.hash, ret->hash);
}

struct state_audit_record audit_record_of_row(sqlite3_stmt *row)
{
	return (struct state_audit_record){
		.seq = (uint64_t)sqlite3_column_int64(row, 0),
		.time = (uint64_t)sqlite3_column_int64(row, 1),
		.boot = (uint64_t)sqlite3_column_int64(row, 2),
		.who = (const char *)sqlite3_column_text(row, 3),
		.action = (const char *)sqlite3_column_text(row, 4),
		.detail = (const char *)sqlite3_column_text(row, 5),
	};
}

int state_audit_each(struct state *s, int (*each)(void *ctx, const struct state_audit_record *record), void *ctx)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int r = sql_prepare(s, &row, "SELECT " AUDIT_COLUMNS " FROM audit ORDER BY id", "");

	if (r)
		return r;
	while ((r = sql_step(row)) == 1) {
		struct state_audit_record record = audit_record_of_row(row);

		r = each(ctx, &record);
		if (r)
			return r;
	}
	return r;
}
