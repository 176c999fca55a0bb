/* SPDX-License-Identifier: Apache-2.0 */
/* The file itself: whose it is, locked, damaged, of another version, and writers that are killed. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "state_folder.h"

TestSuite(state_file, .init = setup, .fini = teardown);

Test(state_file, files_are_for_the_owner_alone)
{
	_cleanup_free_ char *dir = format_text("%s/state", folder), *log = format_text("%s-wal", database());
	struct stat st;

	apply(1, "aa");
	cr_assert_eq(stat(dir, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0700);
	cr_assert_eq(stat(database(), &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(stat(log, &st), 0, "not in WAL mode");
	cr_expect_eq(st.st_mode & 0777, 0600);
}

Test(state_file, a_locked_database_is_busy_after_a_second)
{
	sqlite3 *db = outsider("BEGIN IMMEDIATE");
	uint64_t start = clock_boot_ns(), took;
	struct state_revision r = { .generation = 1, .hash = "aa" };
	uint64_t rev = 77;

	cr_expect_eq(state_revision_prepare(state, &r, &rev), -EBUSY);
	took = clock_boot_ns() - start;
	cr_expect_eq(rev, 77);
	cr_expect_gt(took, NS_PER_S / 2);
	cr_expect_lt(took, 3 * NS_PER_S, "%llu ms", (unsigned long long)(took / 1000000));
	cr_expect_eq(state_revision_active(state, &r), -ENOENT, "reading goes on");
	sqlite3_close(db);
	prepare(1, "aa");
}

Test(state_file, a_lock_at_open_is_busy_and_no_damage)
{
	char *damaged = NULL;
	sqlite3 *db;

	apply(1, "aa");
	state_close(take_ptr(state));
	db = outsider("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");
	cr_expect_eq(open_state(&damaged), -EBUSY);
	cr_expect_null(damaged);
	sqlite3_close(db);
	cr_assert_eq(open_state(&damaged), 0);
	cr_expect_null(damaged);
	cr_expect_eq(apply(2, "bb"), 2);
}

static void write_at(off_t offset, const void *data, size_t size)
{
	_cleanup_close_ int fd = open(database(), O_WRONLY);

	cr_assert_eq(pwrite(fd, data, size, offset), (ssize_t)size);
}

/* Returns what the damaged file is called now. */
static char *expect_set_aside(void)
{
	char *damaged = NULL;
	struct state_revision r;

	cr_assert_eq(open_state(&damaged), 0);
	cr_assert_not_null(damaged, "nobody noticed");
	cr_expect_eq(access(damaged, F_OK), 0);
	cr_expect_not_null(strstr(damaged, "/cordon.db.damaged-"));
	cr_expect_eq(state_revision_active(state, &r), -ENOENT, "the new one is empty");
	cr_expect_eq(apply(1, "aa"), 1);
	return damaged;
}

Test(state_file, garbage_is_set_aside)
{
	_cleanup_free_ char *damaged = NULL, *text = NULL;
	char garbage[5000];
	size_t size;

	memset(garbage, 'g', sizeof(garbage));
	state_close(take_ptr(state));
	cr_assert_eq(file_write(database(), garbage, sizeof(garbage), 0600), 0);
	damaged = expect_set_aside();
	cr_assert_eq(file_read(damaged, 10000, &text, &size), 0);
	cr_expect_eq(size, sizeof(garbage));
	cr_expect_arr_eq(text, garbage, sizeof(garbage), "it was not kept as it was");
}

Test(state_file, rights_that_somebody_widened_are_narrowed)
{
	char *damaged = NULL;
	struct stat st;

	cr_assert_eq(chmod(database(), 0644), 0);
	state_close(take_ptr(state));
	cr_assert_eq(open_state(&damaged), 0);
	cr_assert_eq(stat(database(), &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
}

Test(state_file, a_page_gone_bad_is_set_aside)
{
	char garbage[4096];
	struct stat st;

	memset(garbage, 0x5a, sizeof(garbage));
	for (uint32_t i = 1; i < 40; i++)
		apply(i, "aa");
	state_close(take_ptr(state));
	cr_assert_eq(stat(database(), &st), 0);
	cr_assert_gt(st.st_size, 4 * 4096);
	write_at(4096, garbage, sizeof(garbage));
	write_at(8192, garbage, sizeof(garbage));
	free(expect_set_aside());
}

Test(state_file, a_file_cut_short_is_set_aside)
{
	for (uint32_t i = 1; i < 40; i++)
		apply(i, "aa");
	state_close(take_ptr(state));
	cr_assert_eq(truncate(database(), 4096 + 100), 0);
	free(expect_set_aside());
}

Test(state_file, another_programs_database_is_set_aside)
{
	state_close(take_ptr(state));
	unlink(database());
	sqlite3_close(outsider("CREATE TABLE somebody (x)"));
	free(expect_set_aside());
}

Test(state_file, a_table_that_is_missing_is_damage)
{
	state_close(take_ptr(state));
	sqlite3_close(outsider("DROP TABLE audit"));
	free(expect_set_aside());
}

Test(state_file, an_empty_file_is_new)
{
	char *damaged = NULL;

	apply(1, "aa");
	state_close(take_ptr(state));
	cr_assert_eq(truncate(database(), 0), 0);
	cr_assert_eq(open_state(&damaged), 0);
	cr_expect_null(damaged);
	cr_expect_eq(apply(1, "aa"), 1);
}

Test(state_file, a_newer_version_is_refused_and_left_alone)
{
	char *damaged = NULL;

	apply(1, "aa");
	state_close(take_ptr(state));
	sqlite3_close(outsider("PRAGMA user_version = 1000"));
	cr_expect_eq(open_state(&damaged), -ENOTSUP);
	cr_expect_null(damaged);
	sqlite3_close(outsider("PRAGMA user_version = 3"));
	cr_assert_eq(open_state(&damaged), 0);
	cr_expect_eq(apply(2, "bb"), 2);
}

Test(state_file, the_first_schema_is_carried_over)
{
	struct state_confirmation last;
	char *damaged = NULL;

	apply(1, "aa");
	state_close(take_ptr(state));
	sqlite3_close(outsider(WITHOUT_CHAIN "DROP TABLE confirmations; ALTER TABLE quarantines DROP COLUMN until;"
			       "INSERT INTO quarantines (key, since) VALUES (7, 1); PRAGMA user_version = 1"));
	cr_assert_eq(open_state(&damaged), 0);
	cr_expect_null(damaged);
	cr_expect_eq(apply(2, "bb"), 2);
	cr_expect_eq(state_quarantine_set(state, 7, 99), 0);
	cr_expect_eq(state_confirmation_last(state, &last), -ENOENT);
}

Test(state_file, a_folder_that_cannot_be_made_has_a_reason)
{
	struct state *other = NULL;
	char *damaged = NULL, *reason = NULL;
	_cleanup_free_ char *dir = format_text("%s/cordon.db/below", folder);

	cr_assert_eq(file_write(database(), "", 0, 0600), 0);
	free(take_ptr(dir));
	dir = format_text("%s/below", database());
	cr_expect_eq(state_open(dir, &other, &damaged, &reason), -ENOTDIR);
	cr_expect_null(other);
	cr_assert_not_null(reason);
	cr_expect_not_null(strstr(reason, dir));
	free(reason);
}

/* Killed in the middle of writing, again and again: what was acknowledged is there, the file is whole. */
Test(state_file, survives_kills)
{
	for (int round = 0; round < 10; round++) {
		uint64_t acknowledged = 0, rev;
		char *damaged = NULL;
		struct state_revision r;
		pid_t child;
		int ends[2], status;

		state_close(take_ptr(state));
		cr_assert_eq(pipe(ends), 0);
		child = fork();
		if (!child) {
			if (open_state(&damaged))
				_exit(1);
			for (uint32_t i = 1;; i++) {
				rev = apply(1000U * (uint32_t)round + i, "aa");
				if (write(ends[1], &rev, sizeof(rev)) != sizeof(rev))
					_exit(2);
			}
		}
		close(ends[1]);
		for (int i = 0; i < 5 + round; i++)
			cr_assert_eq(read(ends[0], &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
		kill(child, SIGKILL);
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(WIFSIGNALED(status));
		while (read(ends[0], &rev, sizeof(rev)) == sizeof(rev))
			acknowledged = rev;
		close(ends[0]);

		cr_assert_eq(open_state(&damaged), 0);
		cr_assert_null(damaged, "a kill damaged the file");
		cr_assert_eq(state_revision_active(state, &r), 0);
		cr_expect_geq(r.rev, acknowledged);
		cr_expect_eq(r.n_sources, 2);
		state_revision_done(&r);
	}
}
