/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/file.h"
#include "sql.h"

#define BUSY_TIMEOUT_MS 1000

/* SQLite would make it with the umask's rights; its -wal and -shm take over the rights of this file. */
static int database_touch(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || fchmod(fd, 0600) < 0)
		return -errno;
	return 0;
}

static int database_check(struct state *s)
{
	_cleanup_stmt_ sqlite3_stmt *statement = NULL;
	const char *verdict;
	int r;

	r = sql_prepare(s, &statement, "PRAGMA quick_check(1)", "");
	if (!r)
		r = sql_step(statement);
	if (r < 0)
		return r;
	verdict = r ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	return verdict && !strcmp(verdict, "ok") ? 0 : -EUCLEAN;
}

static int database_prepare(struct state *s)
{
	static const char *const settings[] = {
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL",
		"PRAGMA foreign_keys = ON",
		"PRAGMA journal_size_limit = 16777216",
		"PRAGMA trusted_schema = OFF",
	};
	int r;

	r = sql_errno(sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS));
	for (size_t i = 0; i < ARRAY_SIZE(settings) && !r; i++)
		r = sql_run(s, settings[i], "");
	if (!r)
		r = database_check(s);
	if (!r)
		r = schema_ensure(s);
	return r ? r : audit_open(s);
}

static int database_open(const char *path, struct state **ret)
{
	struct state *s;
	int r;

	r = database_touch(path);
	if (r)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	r = sql_errno(sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE, NULL));
	if (!r)
		r = database_prepare(s);
	if (r) {
		state_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* The log and its index go with the file: a new database must not replay them. */
static int database_set_aside(const char *path, char **ret_aside)
{
	static const char *const parts[] = { "-wal", "-shm", "" };
	_cleanup_free_ char *aside = NULL;
	char time_text[20];
	time_t now = (time_t)(clock_wall_ns() / NS_PER_S);
	struct tm tm;

	strftime(time_text, sizeof(time_text), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	aside = format_text("%s.damaged-%s", path, time_text);
	if (!aside)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_free_ char *from = format_text("%s%s", path, parts[i]);
		_cleanup_free_ char *to = format_text("%s%s", aside, parts[i]);

		if (!from || !to)
			return -ENOMEM;
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	*ret_aside = take_ptr(aside);
	return 0;
}

static int why_not_open(char **ret_why, int r, const char *path)
{
	if (r == -EBUSY)
		return why(ret_why, r, "%s: another process holds the database; is a second cordond running?", path);
	if (r == -ENOTSUP)
		return why(ret_why, r, "%s: written by a newer version of cordon; start that version, or move the file away", path);
	return why(ret_why, r, "%s: %s", path, strerror(-r));
}

int state_open(const char *dir, struct state **ret, char **ret_damaged, char **ret_why)
{
	_cleanup_free_ char *path = format_text("%s/cordon.db", dir), *aside = NULL;
	int r;

	if (!path)
		return -ENOMEM;
	r = dir_make(dir, 0700);
	if (r)
		return why(ret_why, r, "%s: %s", dir, strerror(-r));

	r = database_open(path, ret);
	if (r == -EUCLEAN) {
		r = database_set_aside(path, &aside);
		if (!r)
			r = database_open(path, ret);
	}
	if (r)
		return why_not_open(ret_why, r, path);
	*ret_damaged = take_ptr(aside);
	return 0;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	sqlite3_close(s->db);
	free(s);
}
