/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "lib/clock.h"
#include "state_folder.h"

TestSuite(state, .init = setup, .fini = teardown);

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

static int list_audit(void *ctx, const struct state_audit_record *r)
{
	struct entries *e = ctx;

	cr_expect_geq(r->time, e->last);
	e->last = r->time;
	e->n++;
	snprintf(e->text, sizeof(e->text), "%s|%s|%s", r->who, r->action, r->detail ? r->detail : "-");
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
