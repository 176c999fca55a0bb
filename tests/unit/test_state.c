/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "state/state.h"

static char folder[64];
static struct state *state;

static char *database(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/state/cordon.db", folder);
	return path;
}

static int open_state(char **ret_damaged)
{
	_cleanup_free_ char *dir = format_text("%s/state", folder), *reason = NULL;
	int r = state_open(dir, &state, ret_damaged, &reason);

	cr_expect_eq(r != 0, reason != NULL, "errors have a reason, successes none");
	if (reason)
		cr_expect_not_null(strstr(reason, dir), "'%s' names no file", reason);
	return r;
}

static void setup(void)
{
	char *damaged = NULL;

	/* In memory where there is one: hundreds of synced writes take their time on a disk, and no test here cuts the power. */
	strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/cordon-state-XXXXXX" : "/dev/shm/cordon-state-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(open_state(&damaged), 0);
	cr_assert_null(damaged);
}

static void teardown(void)
{
	_cleanup_free_ char *command = format_text("rm -rf %s", folder);

	state_close(state);
	cr_assert_eq(system(command), 0);
}

static void reopen(void)
{
	char *damaged = NULL;

	state_close(state);
	cr_assert_eq(open_state(&damaged), 0);
	cr_assert_null(damaged);
}

static uint64_t prepare(uint32_t generation, const char *hash)
{
	struct state_source sources[] = { { (char *)"site.yaml", (char *)"version: 1\0more", 15 }, { (char *)"empty.yaml", (char *)"", 0 } };
	struct state_revision r = { .generation = generation, .time = 1000 + generation, .who = (char *)"root", .sources = sources, .n_sources = 2 };
	uint64_t rev = 0;

	snprintf(r.hash, sizeof(r.hash), "%s", hash);
	cr_assert_eq(state_revision_prepare(state, &r, &rev), 0);
	return rev;
}

static uint64_t apply(uint32_t generation, const char *hash)
{
	uint64_t rev = prepare(generation, hash);

	cr_assert_eq(state_revision_activate(state, rev), 0);
	return rev;
}

TestSuite(state, .init = setup, .fini = teardown);

Test(state, files_are_for_the_owner_alone)
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

Test(state, nothing_is_active_at_first)
{
	struct state_revision r = { .rev = 77 };

	cr_expect_eq(state_revision_active(state, &r), -ENOENT);
	cr_expect_eq(r.rev, 77, "the result was touched");
	prepare(1, "aa");
	cr_expect_eq(state_revision_active(state, &r), -ENOENT, "prepared is not active");
}

Test(state, a_revision_survives_whole)
{
	struct state_source sources[] = { { (char *)"site.yaml", (char *)"version: 1\0more", 15 }, { (char *)"empty.yaml", (char *)"", 0 } };
	struct state_revision in = { .generation = 4000000000U, .time = 1795347603120999999ULL, .who = (char *)"uid 1000",
				     .why = (char *)"cordon apply", .sources = sources, .n_sources = 2 }, out;
	uint64_t rev;

	memset(in.hash, 'f', 64);
	cr_assert_eq(state_revision_prepare(state, &in, &rev), 0);
	cr_assert_eq(state_revision_activate(state, rev), 0);
	reopen();
	cr_assert_eq(state_revision_active(state, &out), 0);
	cr_expect_eq(out.rev, rev);
	cr_expect_eq(out.generation, 4000000000U);
	cr_expect_eq(out.time, in.time);
	cr_expect_str_eq(out.hash, in.hash);
	cr_expect_str_eq(out.who, "uid 1000");
	cr_expect_str_eq(out.why, "cordon apply");
	cr_expect(out.active);
	cr_assert_eq(out.n_sources, 2);
	cr_expect_str_eq(out.sources[0].name, "site.yaml");
	cr_assert_eq(out.sources[0].size, 15);
	cr_expect_arr_eq(out.sources[0].text, "version: 1\0more", 16);
	cr_expect_str_eq(out.sources[1].name, "empty.yaml");
	cr_expect_eq(out.sources[1].size, 0);
	cr_expect_str_eq(out.sources[1].text, "");
	state_revision_done(&out);
}

Test(state, one_is_active_and_the_numbers_never_come_again)
{
	uint64_t first = apply(1, "aa"), second = apply(2, "bb"), third;
	struct state_revision r;

	cr_expect_eq(first, 1);
	cr_expect_eq(second, 2);
	cr_assert_eq(state_revision_active(state, &r), 0);
	cr_expect_eq(r.rev, second);
	state_revision_done(&r);
	cr_assert_eq(state_revision_by_number(state, first, &r), 0);
	cr_expect_not(r.active);
	state_revision_done(&r);

	third = prepare(3, "cc");
	cr_assert_eq(state_revision_forget(state, third), 0);
	cr_expect_eq(state_revision_by_number(state, third, &r), -ENOENT);
	reopen();
	cr_expect_gt(prepare(3, "dd"), third, "a forgotten number was given again");
	cr_expect_eq(state_revision_activate(state, 99), -ENOENT);
	cr_assert_eq(state_revision_active(state, &r), 0, "a failed activate took the active one away");
	cr_expect_eq(r.rev, second);
	state_revision_done(&r);
}

Test(state, forget_takes_only_what_never_was_active)
{
	uint64_t first = apply(1, "aa");
	struct state_revision r;

	cr_expect_eq(state_revision_forget(state, first), 0);
	cr_assert_eq(state_revision_active(state, &r), 0);
	state_revision_done(&r);
}

/* The engine died between the flip and activate: the kernel's generation still finds its policy. */
Test(state, a_prepared_revision_is_found_by_generation)
{
	struct state_revision r;
	uint64_t prepared;

	apply(7, "aa");
	prepared = prepare(8, "bb");
	reopen();
	cr_assert_eq(state_revision_by_generation(state, 8, &r), 0);
	cr_expect_eq(r.rev, prepared);
	cr_expect_not(r.active);
	cr_expect_eq(r.n_sources, 2);
	state_revision_done(&r);
	cr_expect_eq(state_revision_by_generation(state, 9, &r), -ENOENT);

	/* It flipped: the next apply takes 9 and leaves it alone. */
	prepare(9, "cc");
	cr_assert_eq(state_revision_by_number(state, prepared, &r), 0);
	state_revision_done(&r);
}

/* The engine died before the flip: the generation is used again, by another policy. */
Test(state, a_generation_used_again_means_the_newer_policy)
{
	uint64_t lost, used;
	struct state_revision r;

	apply(7, "aa");
	lost = prepare(8, "bb");
	used = prepare(8, "cc");
	cr_expect_eq(state_revision_by_number(state, lost, &r), -ENOENT);
	cr_assert_eq(state_revision_by_generation(state, 8, &r), 0);
	cr_expect_eq(r.rev, used);
	cr_expect_str_eq(r.hash, "cc");
	state_revision_done(&r);
}

/* After a boot the kernel counts from 1 again. */
Test(state, an_old_generation_means_the_newest_policy_that_had_it)
{
	struct state_revision r;

	apply(1, "aa");
	apply(2, "bb");
	apply(1, "cc");
	cr_assert_eq(state_revision_by_generation(state, 1, &r), 0);
	cr_expect_str_eq(r.hash, "cc");
	state_revision_done(&r);
}

Test(state, a_revision_may_get_another_generation)
{
	uint64_t rev = apply(7, "aa");
	struct state_revision r;

	cr_assert_eq(state_revision_regenerate(state, rev, 1), 0);
	cr_expect_eq(state_revision_regenerate(state, rev + 1, 1), -ENOENT);
	cr_assert_eq(state_revision_by_generation(state, 1, &r), 0);
	cr_expect(r.active);
	state_revision_done(&r);
	/* What was judged before still names the old one. */
	cr_assert_eq(state_revision_by_generation(state, 7, &r), 0);
	cr_expect_eq(r.rev, rev);
	state_revision_done(&r);
	cr_expect_eq(state_revision_by_generation(state, 8, &r), -ENOENT);
}

struct listed {
	uint64_t revs[200];
	size_t n;
};

static int list_revision(void *ctx, const struct state_revision *r)
{
	struct listed *l = ctx;

	cr_expect_null(r->sources);
	cr_expect_str_eq(r->who, "root");
	l->revs[l->n++] = r->rev;
	return 0;
}

static int stop_at_once(void *ctx, const struct state_revision *r)
{
	(void)ctx, (void)r;
	return -ECANCELED;
}

Test(state, history_keeps_the_sources_of_a_hundred)
{
	struct listed l = { 0 };
	struct state_revision r;

	for (uint32_t i = 1; i <= 103; i++)
		apply(i, "aa");
	prepare(104, "bb");
	cr_assert_eq(state_revisions_each(state, list_revision, &l), 0);
	cr_expect_eq(l.n, 103, "%zu: the prepared one is not history", l.n);
	cr_expect_eq(l.revs[0], 103);
	cr_expect_eq(l.revs[102], 1);
	cr_expect_eq(state_revisions_each(state, stop_at_once, NULL), -ECANCELED);

	cr_assert_eq(state_revision_by_number(state, 3, &r), 0);
	cr_expect_eq(r.n_sources, 0);
	state_revision_done(&r);
	cr_assert_eq(state_revision_by_number(state, 4, &r), 0);
	cr_expect_eq(r.n_sources, 2);
	state_revision_done(&r);
}

/* Rolled back to long ago, and many prepared since: what is active keeps its text. */
Test(state, the_active_one_keeps_its_sources_however_old)
{
	struct state_revision r;
	uint64_t first = apply(1, "aa");

	for (uint32_t i = 2; i <= 110; i++)
		prepare(i, "bb");
	cr_assert_eq(state_revision_activate(state, first), 0);
	cr_assert_eq(state_revision_active(state, &r), 0);
	cr_expect_eq(r.rev, first);
	cr_expect_eq(r.n_sources, 2);
	state_revision_done(&r);
}

static int list_device(void *ctx, const struct state_device *d)
{
	struct state_device **next = ctx;

	*(*next)++ = *d;
	return 0;
}

Test(state, devices_keep_when_they_came_first)
{
	struct state_device a = { .key = 0xfebbcc0011220000ULL, .port = "p1", .first_seen = 100, .last_seen = 100 };
	struct state_device b = { .key = 0x02bbcc0011220005ULL, .first_seen = 50, .last_seen = 60 };
	struct state_device seen[3] = { 0 }, *next = seen;

	cr_assert_eq(state_device_put(state, &a), 0);
	cr_assert_eq(state_device_put(state, &b), 0);
	a = (struct state_device){ .key = a.key, .port = "p2", .first_seen = 900, .last_seen = 950 };
	cr_assert_eq(state_device_put(state, &a), 0);
	reopen();
	cr_assert_eq(state_devices_each(state, list_device, &next), 0);
	cr_assert_eq(next - seen, 2);
	for (size_t i = 0; i < 2; i++) {
		struct state_device *d = &seen[i];

		cr_assert(d->key == a.key || d->key == b.key);
		cr_expect_eq(d->first_seen, d->key == a.key ? 100 : 50);
		cr_expect_eq(d->last_seen, d->key == a.key ? 950 : 60);
		cr_expect_str_eq(d->port, d->key == a.key ? "p2" : "");
	}
}

Test(state, ports_keep_their_numbers)
{
	uint32_t p1, p2, again, other;

	cr_assert_eq(state_port_number(state, "p1", &p1), 0);
	cr_assert_eq(state_port_number(state, "p2", &p2), 0);
	cr_expect_eq(p1, 1, "0 is no port");
	cr_expect_eq(p2, 2);
	reopen();
	cr_assert_eq(state_port_number(state, "p1", &again), 0);
	cr_expect_eq(again, p1);
	cr_assert_eq(state_port_forget(state, "p1"), 0);
	cr_assert_eq(state_port_number(state, "p3", &other), 0);
	cr_expect_eq(other, p1, "a freed number is given again");
	cr_assert_eq(state_port_number(state, "p2", &again), 0);
	cr_expect_eq(again, p2);
}

struct entries {
	uint64_t last;
	size_t n;
	char text[256];
};

static int list_audit(void *ctx, uint64_t time, const char *who, const char *action, const char *detail)
{
	struct entries *e = ctx;

	cr_expect_geq(time, e->last);
	e->last = time;
	e->n++;
	snprintf(e->text, sizeof(e->text), "%s|%s|%s", who, action, detail ? detail : "-");
	return 0;
}

Test(state, audit_log_is_in_order)
{
	uint64_t before = clock_wall_ns();
	struct entries e = { 0 };

	cr_assert_eq(state_audit(state, "root", "apply", "rev 1"), 0);
	cr_assert_eq(state_audit(state, "uid 7", "release", NULL), 0);
	reopen();
	cr_assert_eq(state_audit_each(state, list_audit, &e), 0);
	cr_expect_eq(e.n, 2);
	cr_expect_str_eq(e.text, "uid 7|release|-");
	cr_expect_geq(e.last, before);
	cr_expect_leq(e.last, clock_wall_ns());
}

/* By another program, with a transaction over everything. */
static sqlite3 *outsider(const char *sql)
{
	sqlite3 *db;

	cr_assert_eq(sqlite3_open(database(), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	return db;
}

Test(state, ports_end)
{
	uint32_t number = 0;

	sqlite3_close(outsider("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1023)"
			       " INSERT INTO ports (number, name) SELECT i, 'p' || i FROM n WHERE i <> 500"));
	cr_assert_eq(state_port_number(state, "the last", &number), 0);
	cr_expect_eq(number, 500);
	cr_expect_eq(state_port_number(state, "one more", &number), -ENOSPC);
	cr_expect_eq(number, 500, "the result was touched");
	cr_assert_eq(state_port_number(state, "p1023", &number), 0);
	cr_expect_eq(number, 1023);
}

Test(state, audit_log_is_bounded)
{
	struct entries e = { 0 };

	sqlite3_close(outsider("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100005)"
			       " INSERT INTO audit (time, who, action) SELECT i, 'root', 'x' FROM n"));
	cr_assert_eq(state_audit(state, "root", "last", NULL), 0);
	cr_assert_eq(state_audit_each(state, list_audit, &e), 0);
	cr_expect_eq(e.n, 100000, "%zu", e.n);
	cr_expect_str_eq(e.text, "root|last|-");
}

Test(state, devices_are_bounded)
{
	struct state_device d = { .key = 1, .port = "p1", .first_seen = 900000, .last_seen = 900000 };
	sqlite3_stmt *statement;
	sqlite3 *db;

	db = outsider("WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 100012)"
		      " INSERT INTO devices (key, port, first_seen, last_seen) SELECT i, '', i, i FROM n");
	cr_assert_eq(state_device_put(state, &d), 0);
	cr_assert_eq(sqlite3_prepare_v2(db, "SELECT count(*), min(last_seen), max(last_seen) FROM devices", -1, &statement, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
	cr_expect_eq(sqlite3_column_int(statement, 0), 100000);
	cr_expect_eq(sqlite3_column_int(statement, 1), 14, "not the oldest went");
	cr_expect_eq(sqlite3_column_int(statement, 2), 900000);
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

Test(state, a_locked_database_is_busy_after_a_second)
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

Test(state, a_lock_at_open_is_busy_and_no_damage)
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

Test(state, garbage_is_set_aside)
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

Test(state, rights_that_somebody_widened_are_narrowed)
{
	char *damaged = NULL;
	struct stat st;

	cr_assert_eq(chmod(database(), 0644), 0);
	state_close(take_ptr(state));
	cr_assert_eq(open_state(&damaged), 0);
	cr_assert_eq(stat(database(), &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
}

Test(state, a_page_gone_bad_is_set_aside)
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

Test(state, a_file_cut_short_is_set_aside)
{
	for (uint32_t i = 1; i < 40; i++)
		apply(i, "aa");
	state_close(take_ptr(state));
	cr_assert_eq(truncate(database(), 4096 + 100), 0);
	free(expect_set_aside());
}

Test(state, another_programs_database_is_set_aside)
{
	state_close(take_ptr(state));
	unlink(database());
	sqlite3_close(outsider("CREATE TABLE somebody (x)"));
	free(expect_set_aside());
}

Test(state, a_table_that_is_missing_is_damage)
{
	state_close(take_ptr(state));
	sqlite3_close(outsider("DROP TABLE audit"));
	free(expect_set_aside());
}

Test(state, an_empty_file_is_new)
{
	char *damaged = NULL;

	apply(1, "aa");
	state_close(take_ptr(state));
	cr_assert_eq(truncate(database(), 0), 0);
	cr_assert_eq(open_state(&damaged), 0);
	cr_expect_null(damaged);
	cr_expect_eq(apply(1, "aa"), 1);
}

Test(state, a_newer_version_is_refused_and_left_alone)
{
	char *damaged = NULL;

	apply(1, "aa");
	state_close(take_ptr(state));
	sqlite3_close(outsider("PRAGMA user_version = 1000"));
	cr_expect_eq(open_state(&damaged), -ENOTSUP);
	cr_expect_null(damaged);
	sqlite3_close(outsider("PRAGMA user_version = 2"));
	cr_assert_eq(open_state(&damaged), 0);
	cr_expect_eq(apply(2, "bb"), 2);
}

Test(state, the_first_schema_is_carried_over)
{
	struct state_confirmation last;
	char *damaged = NULL;

	apply(1, "aa");
	state_close(take_ptr(state));
	sqlite3_close(outsider("DROP TABLE confirmations; ALTER TABLE quarantines DROP COLUMN until;"
			       "INSERT INTO quarantines (key, since) VALUES (7, 1); PRAGMA user_version = 1"));
	cr_assert_eq(open_state(&damaged), 0);
	cr_expect_null(damaged);
	cr_expect_eq(apply(2, "bb"), 2);
	cr_expect_eq(state_quarantine_set(state, 7, 99), 0);
	cr_expect_eq(state_confirmation_last(state, &last), -ENOENT);
}

Test(state, what_became_of_an_unconfirmed_revision)
{
	struct state_revision r = { .generation = 2, .hash = "bb", .time = 5, .who = "root", .confirm_by = 60, .fallback = 1 };
	struct state_confirmation last;
	uint64_t rev;

	apply(1, "aa");
	cr_expect_eq(state_confirmation_last(state, &last), -ENOENT);
	cr_assert_eq(state_revision_prepare(state, &r, &rev), 0);
	reopen();
	cr_assert_eq(state_confirmation_last(state, &last), 0);
	cr_expect(last.rev == rev && last.fallback == 1 && last.deadline == 60 && last.outcome == STATE_OUTCOME_OPEN && !last.decided);
	cr_assert_eq(state_confirmation_decide(state, rev, STATE_OUTCOME_REVERTED, 61), 0);
	cr_assert_eq(state_confirmation_last(state, &last), 0);
	cr_expect(last.outcome == STATE_OUTCOME_REVERTED && last.decided == 61);
	cr_assert_eq(state_revision_forget(state, rev), 0);
	cr_expect_eq(state_confirmation_last(state, &last), -ENOENT, "what was never in force has no outcome");
}

Test(state, a_folder_that_cannot_be_made_has_a_reason)
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
Test(state, survives_kills)
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
