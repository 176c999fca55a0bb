/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/failpoint.h"
#include "sql.h"

static const struct {
	int code;
	int error;
} errors[] = {
	{ SQLITE_BUSY, EBUSY },      { SQLITE_LOCKED, EBUSY },   { SQLITE_NOMEM, ENOMEM },     { SQLITE_FULL, ENOSPC },
	{ SQLITE_READONLY, EROFS },  { SQLITE_CANTOPEN, EACCES }, { SQLITE_PERM, EACCES },     { SQLITE_CORRUPT, EUCLEAN },
	{ SQLITE_NOTADB, EUCLEAN },  { SQLITE_CONSTRAINT, EEXIST }, { SQLITE_TOOBIG, EFBIG },
};

int sql_errno(int code)
{
	if (code == SQLITE_OK || code == SQLITE_DONE)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].code == (code & 0xff))
			return -errors[i].error;
	return -EIO;
}

void sql_done(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

static int bind_all(sqlite3_stmt *statement, const char *types, va_list ap)
{
	int code = SQLITE_OK;

	for (int i = 1; *types && code == SQLITE_OK; types++, i++) {
		if (*types == 'i') {
			code = sqlite3_bind_int64(statement, i, va_arg(ap, int64_t));
		} else if (*types == 't') {
			code = sqlite3_bind_text(statement, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
		} else {
			const void *data = va_arg(ap, const void *);
			size_t size = va_arg(ap, size_t);

			code = sqlite3_bind_blob64(statement, i, size ? data : "", size, SQLITE_STATIC);
		}
	}
	return sql_errno(code);
}

static int prepare(struct state *s, sqlite3_stmt **ret, const char *sql, const char *types, va_list ap)
{
	_cleanup_stmt_ sqlite3_stmt *statement = NULL;
	int r = failpoint("sql");

	if (!r)
		r = sql_errno(sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL));
	if (!r)
		r = bind_all(statement, types, ap);
	if (!r)
		*ret = take_ptr(statement);
	return r;
}

int sql_prepare(struct state *s, sqlite3_stmt **ret, const char *sql, const char *types, ...)
{
	va_list ap;
	int r;

	va_start(ap, types);
	r = prepare(s, ret, sql, types, ap);
	va_end(ap);
	return r;
}

int sql_step(sqlite3_stmt *statement)
{
	int r = failpoint("sql"), code;

	if (r)
		return r;
	code = sqlite3_step(statement);
	return code == SQLITE_ROW ? 1 : sql_errno(code);
}

int sql_run(struct state *s, const char *sql, const char *types, ...)
{
	_cleanup_stmt_ sqlite3_stmt *statement = NULL;
	va_list ap;
	int r;

	va_start(ap, types);
	r = prepare(s, &statement, sql, types, ap);
	va_end(ap);
	if (r)
		return r;
	do
		r = sql_step(statement);
	while (r == 1);
	return r;
}

int sql_number(struct state *s, int64_t *ret, const char *sql, const char *types, ...)
{
	_cleanup_stmt_ sqlite3_stmt *statement = NULL;
	va_list ap;
	int r;

	va_start(ap, types);
	r = prepare(s, &statement, sql, types, ap);
	va_end(ap);
	if (!r)
		r = sql_step(statement);
	if (r < 0)
		return r;
	if (!r || sqlite3_column_type(statement, 0) == SQLITE_NULL)
		return -ENOENT;
	*ret = sqlite3_column_int64(statement, 0);
	return 0;
}

int sql_text(sqlite3_stmt *statement, int column, char **ret)
{
	const char *text;
	char *copy;

	if (sqlite3_column_type(statement, column) == SQLITE_NULL) {
		*ret = NULL;
		return 0;
	}
	text = (const char *)sqlite3_column_text(statement, column);
	copy = text ? strdup(text) : NULL;
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

int sql_begin(struct state *s)
{
	return sql_run(s, "BEGIN IMMEDIATE", "");
}

int sql_end(struct state *s, int r)
{
	if (!r)
		r = sql_run(s, "COMMIT", "");
	if (r)
		sql_run(s, "ROLLBACK", "");
	return r;
}
