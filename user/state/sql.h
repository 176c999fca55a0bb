/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  SQL with typed values.
 * Out: statements that close themselves, errnos instead of SQLite's codes.
 * Never: included outside this room.
 */
#ifndef CORDON_STATE_SQL_H
#define CORDON_STATE_SQL_H

#include <sqlite3.h>

#include "state.h"

struct state {
	sqlite3 *db;
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

/* Fails unless the file is new or has this version's tables. -ENOTSUP: made by a newer version. */
int schema_ensure(struct state *s);

#endif
