/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  SQL with typed values.
 * Out: statements that close themselves, errnos instead of SQLite's codes.
 * Never: included outside this room.
 */
#ifndef CORDON_STATE_SQL_H
#define CORDON_STATE_SQL_H

#include <sqlite3.h>

#include "../lib/digest.h"
#include "state.h"

/* A record of the audit log, or what the first one hangs on. */
struct audit_link {
	uint64_t seq;
	uint8_t hash[DIGEST_SIZE];
};

struct state {
	sqlite3 *db;
	struct audit_link audit; /* the last one that was written */
};

#define _cleanup_stmt_ __attribute__((cleanup(sql_done)))
void sql_done(sqlite3_stmt **statement);

/* -EBUSY, -ENOSPC, -EUCLEAN (the file is damaged) … */
int sql_errno(int code);

/*
 * Prepares a statement and binds `types`: i int64_t, t text (NULL allowed), b const void * and size_t. Texts and bytes must
 * stay until the statement is done.
 */
int sql_prepare(struct state *s, sqlite3_stmt **ret, const char *sql, const char *types, ...);
/* 1: a row, 0: no more, or an errno. */
int sql_step(sqlite3_stmt *statement);
/* Prepares and runs to the end; rows are ignored. */
int sql_run(struct state *s, const char *sql, const char *types, ...);
/* The first column of the first row; -ENOENT without one. */
int sql_number(struct state *s, int64_t *ret, const char *sql, const char *types, ...);
/* A copy of a text column, NULL for NULL. */
int sql_text(sqlite3_stmt *statement, int column, char **ret);

/* Takes the writer's lock at once, so that what follows cannot be refused half way. */
int sql_begin(struct state *s);
/* Commits if r is 0, else rolls back; returns r or why the commit failed. */
int sql_end(struct state *s, int r);

#define SCHEMA_VERSION 3
/* Fails unless the file is new or has this version's tables. -ENOTSUP: made by a newer version. */
int schema_ensure(struct state *s);

/* Where the audit log goes on. Whatever was done to it, it goes on: verifying it is another's business. */
int audit_open(struct state *s);
#define AUDIT_COLUMNS "id, time, boot, who, action, detail"
/* A row of those columns; texts are the statement's. */
struct state_audit_record audit_record_of_row(sqlite3_stmt *row);
int audit_record_hash(const uint8_t before[DIGEST_SIZE], const struct state_audit_record *r, uint8_t ret[DIGEST_SIZE]);

#endif
