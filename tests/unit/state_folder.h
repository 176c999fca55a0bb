/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  nothing.
 * Out: an open state in a folder of its own, revisions in it, and another program that meddles with the file.
 * Never: on a disk where there is memory: hundreds of synced writes take their time there, and no test cuts the power.
 */
#ifndef CORDON_TESTS_STATE_FOLDER_H
#define CORDON_TESTS_STATE_FOLDER_H

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "state/state.h"

static char folder[64];
static struct state *state;

static inline char *database(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/state/cordon.db", folder);
	return path;
}

static inline int open_state(char **ret_damaged)
{
	_cleanup_free_ char *dir = format_text("%s/state", folder), *reason = NULL;
	int r = state_open(dir, &state, ret_damaged, &reason);

	cr_expect_eq(r != 0, reason != NULL, "errors have a reason, successes none");
	if (reason)
		cr_expect_not_null(strstr(reason, dir), "'%s' names no file", reason);
	return r;
}

static inline void setup(void)
{
	char *damaged = NULL;

	strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/cordon-state-XXXXXX" : "/dev/shm/cordon-state-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(open_state(&damaged), 0);
	cr_assert_null(damaged);
}

static inline void teardown(void)
{
	_cleanup_free_ char *command = format_text("rm -rf %s", folder);

	state_close(state);
	cr_assert_eq(system(command), 0);
}

static inline void reopen(void)
{
	char *damaged = NULL;

	state_close(state);
	cr_assert_eq(open_state(&damaged), 0);
	cr_assert_null(damaged);
}

static inline uint64_t prepare(uint32_t generation, const char *hash)
{
	struct state_source sources[] = { { (char *)"site.yaml", (char *)"version: 1\0more", 15 }, { (char *)"empty.yaml", (char *)"", 0 } };
	struct state_revision r = { .generation = generation, .time = 1000 + generation, .who = (char *)"root", .sources = sources, .n_sources = 2 };
	uint64_t rev = 0;

	snprintf(r.hash, sizeof(r.hash), "%s", hash);
	cr_assert_eq(state_revision_prepare(state, &r, &rev), 0);
	return rev;
}

static inline uint64_t apply(uint32_t generation, const char *hash)
{
	uint64_t rev = prepare(generation, hash);

	cr_assert_eq(state_revision_activate(state, rev), 0);
	return rev;
}

/* By another program, with a transaction over everything. */
static inline sqlite3 *outsider(const char *sql)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(database(), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	return db;
}

#define WITHOUT_TRIGGERS \
	"DROP TRIGGER audit_unchanged; DROP TRIGGER audit_kept; DROP TRIGGER anchor_kept; DROP TRIGGER anchor_forward;"
/* As versions 1 and 2 had it. */
#define WITHOUT_CHAIN WITHOUT_TRIGGERS \
	"DROP TABLE audit_anchor; ALTER TABLE audit DROP COLUMN hash; ALTER TABLE audit DROP COLUMN boot;"

#endif
