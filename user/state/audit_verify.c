/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "sql.h"

#define BUSY_TIMEOUT_MS 1000

struct reader {
	struct state state;
	const struct state_audit_head *known;
	struct audit_link last;
	uint64_t began; /* the chain began behind this one */
	struct state_audit_report report;
};

static int fault(struct reader *r, enum state_audit_fault fault, uint64_t from, uint64_t to)
{
	r->report.fault = fault;
	r->report.from = from;
	r->report.to = to;
	return 0;
}

/* 1: there is an anchor. */
static int read_anchor(struct reader *r)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int result = sql_prepare(&r->state, &row, "SELECT id, hash, began FROM audit_anchor", "");

	if (!result)
		result = sql_step(row);
	if (result < 0)
		return result;
	if (!result || sqlite3_column_bytes(row, 1) != DIGEST_SIZE)
		return fault(r, STATE_AUDIT_ANCHOR, 0, 0);
	r->last.seq = (uint64_t)sqlite3_column_int64(row, 0);
	memcpy(r->last.hash, sqlite3_column_blob(row, 1), DIGEST_SIZE);
	r->began = (uint64_t)sqlite3_column_int64(row, 2);
	r->report.first = r->last.seq + 1;
	return 1;
}

/* 1: it is the next of the chain. */
static int read_record(struct reader *r, sqlite3_stmt *row)
{
	struct state_audit_record record = audit_record_of_row(row);
	uint8_t hash[DIGEST_SIZE];
	int result;

	if (record.seq != r->last.seq + 1)
		return fault(r, STATE_AUDIT_MISSING, r->last.seq + 1, record.seq - 1);
	result = audit_record_hash(r->last.hash, &record, hash);
	if (result < 0)
		return result;
	if (sqlite3_column_bytes(row, 6) != DIGEST_SIZE || memcmp(sqlite3_column_blob(row, 6), hash, DIGEST_SIZE))
		return fault(r, STATE_AUDIT_CHANGED, record.seq, record.seq);
	r->last.seq = record.seq;
	memcpy(r->last.hash, hash, DIGEST_SIZE);
	r->report.head.seq = record.seq;
	digest_format(hash, r->report.head.hash);
	r->report.time = record.time;
	r->report.records++;
	if (r->known && r->known->seq == record.seq && strcmp(r->known->hash, r->report.head.hash))
		return fault(r, STATE_AUDIT_OTHER, record.seq, record.seq);
	return 1;
}

/* 1: to the end. */
static int read_chain(struct reader *r)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	int result = sql_prepare(&r->state, &row, "SELECT " AUDIT_COLUMNS ", hash FROM audit WHERE id > ? ORDER BY id", "i", (int64_t)r->last.seq);

	if (result)
		return result;
	do {
		result = sql_step(row);
		if (result <= 0)
			return result < 0 ? result : 1;
		result = read_record(r, row);
	} while (result == 1);
	return result;
}

/* What is there hangs together. Is it all? */
static int look_at_ends(struct reader *r)
{
	uint64_t anchor = r->report.first - 1, last = r->last.seq;

	if (anchor > r->began && last - anchor < STATE_AUDIT_KEEP)
		return fault(r, STATE_AUDIT_TRIMMED, r->began + 1, anchor);
	if (r->known && r->known->seq > last)
		return fault(r, STATE_AUDIT_CUT, last + 1, r->known->seq);
	return 0;
}

static int read_all(struct reader *r)
{
	int64_t version = 0, unchained = 0;
	int result = sql_number(&r->state, &version, "PRAGMA user_version", "");

	if (result || version != SCHEMA_VERSION)
		return result ? result : -ENOTSUP;
	result = read_anchor(r);
	if (result == 1)
		result = read_chain(r);
	if (result == 1)
		result = look_at_ends(r);
	if (!result)
		result = sql_number(&r->state, &unchained, "SELECT count(*) FROM audit WHERE id <= ? AND hash IS NULL", "i", (int64_t)r->began);
	r->report.unchained = (uint64_t)unchained;
	return result;
}

static int open_to_read(struct reader *r, const char *path)
{
	int result = sql_errno(sqlite3_open_v2(path, &r->state.db, SQLITE_OPEN_READONLY, NULL));

	if (!result)
		result = sql_errno(sqlite3_busy_timeout(r->state.db, BUSY_TIMEOUT_MS));
	return result ? result : sql_run(&r->state, "BEGIN", "");
}

static int say_why_not(char **ret_why, int r, const char *path)
{
	if (r == -ENOTSUP)
		return why(ret_why, r, "%s was written by another version of cordon: its log has no chain that this one could follow", path);
	if (r == -EUCLEAN)
		return why(ret_why, r, "%s is no database, or a damaged one", path);
	return why(ret_why, r, "%s cannot be read: %s", path, strerror(-r));
}

int state_audit_verify(const char *path, const struct state_audit_head *known, struct state_audit_report *ret, char **ret_why)
{
	struct reader reader = { .known = known };
	int r = access(path, R_OK) < 0 ? -errno : open_to_read(&reader, path);

	if (!r)
		r = read_all(&reader);
	sqlite3_close(reader.state.db);
	if (r)
		return say_why_not(ret_why, r, path);
	*ret = reader.report;
	return 0;
}
