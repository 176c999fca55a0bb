/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is done to the audit log behind the engine's back shows, and keeps the engine from writing it no less. */
#include <errno.h>

#include "lib/file.h"
#include "state_folder.h"

TestSuite(audit, .init = setup, .fini = teardown);

static void note(const char *who, const char *action, const char *detail)
{
	cr_assert_eq(state_audit(state, who, action, detail), 0);
}

static void notes(int n)
{
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *detail = format_text("device-%d", i);

		note("root", "quarantine", detail);
	}
}

static struct state_audit_report verify(const struct state_audit_head *known)
{
	struct state_audit_report report = { 0 };
	char *reason = NULL;

	cr_assert_eq(state_audit_verify(database(), known, &report, &reason), 0, "%s", reason);
	return report;
}

static void expect_fault(enum state_audit_fault fault, uint64_t from, uint64_t to)
{
	struct state_audit_head head;
	struct state_audit_report report;

	state_audit_head(state, &head);
	report = verify(&head);
	cr_expect_eq(report.fault, fault, "%d", report.fault);
	cr_expect_eq(report.from, from, "%lu", report.from);
	cr_expect_eq(report.to, to, "%lu", report.to);
}

static void meddle(const char *sql)
{
	_cleanup_free_ char *text = format_text(WITHOUT_TRIGGERS "%s", sql);

	sqlite3_close(outsider(text));
}

Test(audit, a_new_log_is_whole_and_empty)
{
	struct state_audit_head head;
	struct state_audit_report report;

	state_audit_head(state, &head);
	report = verify(&head);
	cr_expect_eq(report.fault, STATE_AUDIT_WHOLE);
	cr_expect_eq(report.records, 0);
	cr_expect_eq(report.first, 1);
	cr_expect_eq(head.seq, 0);
}

Test(audit, it_goes_on_over_restarts)
{
	struct state_audit_head head;
	struct state_audit_report report;

	notes(3);
	reopen();
	note("uid 7", "release", NULL);
	state_audit_head(state, &head);
	report = verify(&head);
	cr_expect_eq(report.fault, STATE_AUDIT_WHOLE);
	cr_expect_eq(report.records, 4);
	cr_expect_eq(report.first, 1);
	cr_expect_eq(report.head.seq, 4);
	cr_expect_str_eq(report.head.hash, head.hash);
	cr_expect_eq(report.unchained, 0);
	cr_expect_gt(report.time, 0);
}

/* The triggers are for mistakes. */
Test(audit, it_is_append_only)
{
	static const char *const refused[] = {
		"UPDATE audit SET detail = 'x' WHERE id = 2",
		"DELETE FROM audit WHERE id = 4",
		"DELETE FROM audit",
		"DELETE FROM audit_anchor",
		"UPDATE audit_anchor SET id = 9",
		"UPDATE audit_anchor SET hash = zeroblob(32)",
		"UPDATE audit_anchor SET began = 3, id = 3, hash = (SELECT hash FROM audit WHERE id = 3)",
	};
	sqlite3 *db;

	notes(4);
	db = outsider("");
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		cr_expect_eq(sqlite3_exec(db, refused[i], NULL, NULL, NULL), SQLITE_CONSTRAINT, "%s", refused[i]);
		cr_expect_str_eq(sqlite3_errmsg(db), "the audit log is append-only", "%s", refused[i]);
	}
	sqlite3_close(db);
	expect_fault(STATE_AUDIT_WHOLE, 0, 0);
}

Test(audit, a_change_shows)
{
	static const char *const changes[] = {
		"who = 'nobody'", "action = 'release'", "detail = 'device-9'", "detail = NULL", "detail = ''", "time = time + 1", "boot = boot - 1",
		"hash = zeroblob(32)", "hash = NULL", "who = 'rootq', action = 'uarantine'", "action = 'quarantined', detail = 'evice-1'",
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		_cleanup_free_ char *sql = format_text("UPDATE audit SET %s WHERE id = 2", changes[i]);

		teardown();
		setup();
		notes(4);
		meddle(sql);
		expect_fault(STATE_AUDIT_CHANGED, 2, 2);
		cr_expect_eq(verify(NULL).records, 1, "%s", changes[i]);
	}
}

Test(audit, nothing_and_empty_are_two)
{
	note("root", "release", NULL);
	note("root", "release", "");
	meddle("UPDATE audit SET detail = NULL WHERE id = 2");
	expect_fault(STATE_AUDIT_CHANGED, 2, 2);
}

Test(audit, what_was_taken_out_is_missing)
{
	notes(6);
	meddle("DELETE FROM audit WHERE id IN (3, 4)");
	expect_fault(STATE_AUDIT_MISSING, 3, 4);
}

Test(audit, what_was_taken_from_the_front_is_missing)
{
	notes(6);
	meddle("DELETE FROM audit WHERE id <= 2");
	expect_fault(STATE_AUDIT_MISSING, 1, 2);
}

/* As trimming does it, but too early. */
Test(audit, what_was_trimmed_too_early_shows)
{
	notes(6);
	meddle("UPDATE audit_anchor SET id = 2, hash = (SELECT hash FROM audit WHERE id = 2); DELETE FROM audit WHERE id <= 2");
	expect_fault(STATE_AUDIT_TRIMMED, 1, 2);
}

Test(audit, a_cut_end_shows_to_who_remembers_it)
{
	notes(6);
	meddle("DELETE FROM audit WHERE id > 4");
	cr_expect_eq(verify(NULL).fault, STATE_AUDIT_WHOLE, "nothing in the file tells");
	expect_fault(STATE_AUDIT_CUT, 5, 6);
}

Test(audit, a_cut_end_is_a_gap_once_the_engine_goes_on)
{
	notes(6);
	meddle("DELETE FROM audit WHERE id > 4");
	note("root", "release", "device-1");
	cr_expect_eq(verify(NULL).fault, STATE_AUDIT_MISSING);
	expect_fault(STATE_AUDIT_MISSING, 5, 6);
}

Test(audit, what_was_put_in_shows_and_stops_nothing)
{
	notes(2);
	meddle("INSERT INTO audit (time, who, action, hash) VALUES (1, 'root', 'release', zeroblob(32))");
	note("root", "brake", "on");
	expect_fault(STATE_AUDIT_CHANGED, 3, 3);
}

Test(audit, another_log_in_its_place_shows)
{
	struct state_audit_head empty, noted, other;

	state_audit_head(state, &empty);
	notes(3);
	state_audit_head(state, &noted);
	teardown();
	setup();
	state_audit_head(state, &other);
	cr_expect_str_neq(empty.hash, other.hash, "two logs begin alike");
	notes(5);
	cr_expect_eq(verify(NULL).fault, STATE_AUDIT_WHOLE);
	cr_expect_eq(verify(&noted).fault, STATE_AUDIT_OTHER);
	cr_expect_eq(verify(&noted).from, 3);
}

Test(audit, without_its_anchor_it_still_takes_records)
{
	char *damaged = NULL;

	notes(2);
	meddle("DELETE FROM audit_anchor");
	state_close(take_ptr(state));
	cr_assert_eq(open_state(&damaged), 0);
	cr_expect_null(damaged, "policies were set aside for the sake of the log");
	note("root", "brake", "on");
	expect_fault(STATE_AUDIT_ANCHOR, 0, 0);
}

Test(audit, a_last_record_gone_bad_stops_nothing)
{
	char *damaged = NULL;

	notes(2);
	meddle("UPDATE audit SET hash = 'x' WHERE id = 2");
	state_close(take_ptr(state));
	cr_assert_eq(open_state(&damaged), 0);
	cr_expect_null(damaged);
	note("root", "brake", "on");
	expect_fault(STATE_AUDIT_CHANGED, 2, 2);
}

static int count_record(void *ctx, const struct state_audit_record *record)
{
	(void)record;
	++*(uint64_t *)ctx;
	return 0;
}

/* The oldest go, and what is left is a chain. */
Test(audit, trimming_keeps_the_chain, .timeout = 100)
{
	struct state_audit_report report;
	uint64_t n = 0;

	for (int i = 0; i < STATE_AUDIT_KEEP + 200; i++)
		note("root", "quarantine", "a device");
	expect_fault(STATE_AUDIT_WHOLE, 0, 0);
	report = verify(NULL);
	cr_expect_gt(report.first, 100);
	cr_expect_geq(report.records, STATE_AUDIT_KEEP);
	cr_expect_lt(report.records, STATE_AUDIT_KEEP + 100);
	cr_assert_eq(state_audit_each(state, count_record, &n), 0);
	cr_expect_eq(n, report.records);
	reopen();
	notes(1);
	expect_fault(STATE_AUDIT_WHOLE, 0, 0);
}

Test(audit, records_from_before_the_chain_are_counted_apart)
{
	struct state_audit_report report;
	char *damaged = NULL;

	notes(3);
	state_close(take_ptr(state));
	sqlite3_close(outsider(WITHOUT_CHAIN "PRAGMA user_version = 2"));
	cr_expect_eq(state_audit_verify(database(), NULL, &report, NULL), -ENOTSUP);
	cr_assert_eq(open_state(&damaged), 0);
	cr_expect_null(damaged);
	notes(2);
	expect_fault(STATE_AUDIT_WHOLE, 0, 0);
	report = verify(NULL);
	cr_expect_eq(report.unchained, 3);
	cr_expect_eq(report.first, 4);
	cr_expect_eq(report.records, 2);
}

Test(audit, what_cannot_be_read_has_a_reason)
{
	struct state_audit_report report = { .records = 77 };
	_cleanup_free_ char *none = format_text("%s-none", database()), *bad = format_text("%s-bad", database());
	_cleanup_free_ char *reason = NULL, *garbage = calloc(1, 5000);

	cr_expect_eq(state_audit_verify(none, NULL, &report, &reason), -ENOENT);
	cr_assert_not_null(reason);
	cr_expect_not_null(strstr(reason, none));
	memset(garbage, 'g', 5000);
	cr_assert_eq(file_write(bad, garbage, 5000, 0600), 0);
	cr_expect_eq(state_audit_verify(bad, NULL, &report, NULL), -EUCLEAN);
	cr_expect_eq(report.records, 77, "touched on failure");
}
