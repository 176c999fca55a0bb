/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that depend on time: when windows open and close, and which rule decides then. */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "policy/schedule.h"
#include "policy_image.h"

static int64_t utc(const char *text)
{
	struct tm tm = {0};

	cr_assert_not_null(strptime(text, "%Y-%m-%dT%H:%M", &tm), "%s", text);
	return timegm(&tm);
}

#define SITE "version: 1\nsite: {name: s, timezone: Europe/Paris, mode: enforce}\n"
#define DEVICES \
	"segments: {a: {}, b: {}}\ndevices:\n" \
	"  - {id: a1, segment: a, mac: \"aa:bb:cc:00:00:01\", ip: 10.0.0.1}\n" \
	"  - {id: b1, segment: b, mac: \"aa:bb:cc:00:00:02\", ip: 10.0.0.2}\n"

/* The edges of the one window of a policy whose only rule has these words. */
static struct window_times times_of(const char *schedule, const char *words, int64_t from)
{
	char text[600];
	struct window_times times;
	struct compiled c;

	snprintf(text, sizeof(text), SITE "schedules: {s: %s}\n" DEVICES "rules: [{id: r, from: device:a1, to: device:b1, %s}]\n", schedule, words);
	c = compiled_text(text, NULL, NULL);
	cr_assert_eq(c.image->n_windows, 2);
	image_window_times(c.image, 1, from, &times);
	compiled_done(&c);
	return times;
}

static void expect_edges(const struct window_times *times, bool open, const char *const *edges, size_t n)
{
	cr_assert_eq(times->open_first, open);
	cr_assert_geq(times->n, n);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(times->edge[i], utc(edges[i]), "edge %zu: %lld, not %s", i, (long long)times->edge[i], edges[i]);
}

#define EDGES(times, open, ...) \
	do { \
		static const char *const edges_[] = {__VA_ARGS__}; \
		expect_edges(times, open, edges_, sizeof(edges_) / sizeof(edges_[0])); \
	} while (0)

Test(windows, follow_the_wall_clock_over_both_switches)
{
	struct window_times spring = times_of("{days: sat-mon, from: \"06:00\", to: \"18:00\"}", "allow: any, when: s", utc("2026-03-28T00:00"));
	struct window_times autumn = times_of("{from: \"06:00\", to: \"18:00\"}", "allow: any, when: s", utc("2026-10-24T12:00"));

	/* Saturday in winter time, Sunday and Monday in summer time, then nothing before the next Saturday */
	EDGES(&spring, false, "2026-03-28T05:00", "2026-03-28T17:00", "2026-03-29T04:00", "2026-03-29T16:00", "2026-03-30T04:00", "2026-03-30T16:00",
	      "2026-04-04T04:00", "2026-04-04T16:00");
	EDGES(&autumn, true, "2026-10-24T16:00", "2026-10-25T05:00", "2026-10-25T17:00", "2026-10-26T05:00");
	cr_assert_eq(spring.n, CORDON_WINDOW_EDGES);
	cr_assert(!spring.open_last, "an allow is closed beyond what is known");
}

Test(windows, cross_midnight_and_the_skipped_and_the_doubled_hour)
{
	struct window_times spring = times_of("{days: sat, from: \"22:00\", to: \"06:00\"}", "allow: any, when: s", utc("2026-03-28T12:00"));
	struct window_times skipped = times_of("{days: sun, from: \"02:30\", to: \"05:00\"}", "allow: any, when: s", utc("2026-03-28T12:00"));
	struct window_times never = times_of("{days: sun, from: \"02:10\", to: \"02:50\"}", "allow: any, when: s", utc("2026-03-28T12:00"));
	struct window_times doubled = times_of("{days: sun, from: \"02:30\", to: \"05:00\"}", "allow: any, when: s", utc("2026-10-24T12:00"));
	struct window_times within = times_of("{days: sat, from: \"22:00\", to: \"06:00\"}", "allow: any, when: s", utc("2026-10-25T03:00"));

	EDGES(&spring, false, "2026-03-28T21:00", "2026-03-29T04:00", "2026-04-04T20:00", "2026-04-05T04:00");
	EDGES(&skipped, false, "2026-03-29T01:00", "2026-03-29T03:00", "2026-04-05T00:30");
	EDGES(&never, false, "2026-04-05T00:10", "2026-04-05T00:50");
	EDGES(&doubled, false, "2026-10-25T00:30", "2026-10-25T04:00", "2026-11-01T01:30");
	EDGES(&within, true, "2026-10-25T05:00", "2026-10-31T21:00");
}

Test(windows, once_and_expiry_end_for_good)
{
	struct window_times once = times_of("{start: \"2026-12-01T08:00\", end: \"2026-12-01T12:00\"}", "allow: any, when: s", utc("2026-11-01T00:00"));
	struct window_times past = times_of("{start: \"2026-12-01T08:00\", end: \"2026-12-01T12:00\"}", "deny: any, when: s", utc("2026-12-02T00:00"));
	struct window_times day = times_of("{from: \"06:00\", to: \"18:00\"}", "allow: any, expires: \"2027-06-30\"", utc("2026-11-01T00:00"));
	struct window_times minute = times_of("{from: \"06:00\", to: \"18:00\"}", "deny: any, expires: \"2027-06-30T12:00\"", utc("2026-11-01T00:00"));
	struct window_times both =
		times_of("{from: \"06:00\", to: \"18:00\"}", "allow: any, when: s, expires: \"2026-11-02T10:00\"", utc("2026-11-01T00:00"));

	EDGES(&once, false, "2026-12-01T07:00", "2026-12-01T11:00");
	cr_assert_eq(once.n, 2);
	cr_assert(!once.open_last);
	cr_assert_eq(past.n, 0);
	cr_assert(!past.open_first && !past.open_last, "a deny of the past does not come back");
	EDGES(&day, true, "2027-06-30T22:00"); /* through that day */
	cr_assert_eq(day.n, 1);
	EDGES(&minute, true, "2027-06-30T10:00");
	cr_assert(!minute.open_last, "what comes after is known");
	EDGES(&both, false, "2026-11-01T05:00", "2026-11-01T17:00", "2026-11-02T05:00", "2026-11-02T09:00");
	cr_assert_eq(both.n, 4);
}

Test(windows, what_nobody_knows_is_closed_for_an_allow_and_open_for_a_deny)
{
	struct window_times allow = times_of("{from: \"06:00\", to: \"18:00\"}", "allow: any, when: s", IMAGE_NO_TIME);
	struct window_times deny = times_of("{from: \"06:00\", to: \"18:00\"}", "deny: any, when: s", IMAGE_NO_TIME);
	struct window_times later = times_of("{from: \"06:00\", to: \"18:00\"}", "deny: any, when: s", utc("2026-11-01T00:00"));

	cr_assert(allow.n == 0 && !allow.open_last);
	cr_assert(deny.n == 0 && deny.open_last);
	cr_assert(later.n == CORDON_WINDOW_EDGES && later.open_last && !later.open_first);
}

Test(windows, a_schedule_alone_gives_its_edges)
{
	struct schedule s = {.days = 1u << 4, .from = 22 * 3600, .to = 6 * 3600};
	struct zone *zone = NULL;
	int64_t edges[3];

	cr_assert_eq(zone_load("Europe/Paris", &zone), 0);
	cr_assert_eq(schedule_edges(&s, zone, utc("2026-11-27T12:00"), 3, edges), 3);
	cr_assert_eq(edges[0], utc("2026-11-27T21:00"));
	cr_assert_eq(edges[1], utc("2026-11-28T05:00"));
	cr_assert_eq(edges[2], utc("2026-12-04T21:00"));
	cr_assert(schedule_open(&s, zone, utc("2026-11-28T04:59")));
	cr_assert(!schedule_open(&s, zone, utc("2026-11-28T05:00")));
	cr_assert(!schedule_open(&s, zone, utc("2026-11-28T21:30")), "Saturday is not Friday");
	zone_free(zone);
}

#define CHAINS \
	SITE "schedules:\n  day: {from: \"06:00\", to: \"18:00\"}\n  noon: {from: \"11:00\", to: \"13:00\"}\n  night: {from: \"22:00\", to: \"06:00\"}\n" DEVICES \
	     "rules:\n"

#define AT_NIGHT utc("2026-11-23T23:00")
#define AT_NOON utc("2026-11-24T11:00")
#define BY_DAY utc("2026-11-24T15:00")

#define judges_at(c, service, at, expected) \
	do { \
		const char *got_ = judged_at(c, "a1", "b1", service, at); \
		cr_assert_str_eq(got_, expected, "%s at %s: expected %s, got %s", service, #at, expected, got_); \
	} while (0)

Test(chains, a_deny_of_some_time_stands_over_an_allow)
{
	struct compiled c = compiled_text(CHAINS
		"  - {id: yes, from: segment:a, to: segment:b, allow: [tcp/1, tcp/2]}\n"
		"  - {id: no, from: segment:a, to: segment:b, deny: any, when: day, except: [{services: [tcp/2]}]}\n", NULL, NULL);

	judges_at(&c, "tcp/1", BY_DAY, "deny by no");
	judges_at(&c, "tcp/1", AT_NIGHT, "allow by yes");
	judges_at(&c, "tcp/1", IMAGE_NO_TIME, "deny by no");
	judges_at(&c, "tcp/2", BY_DAY, "allow by yes");
	judges_at(&c, "tcp/3", BY_DAY, "deny by no");
	judges_at(&c, "tcp/3", AT_NIGHT, "deny by default");
	compiled_done(&c);
}

Test(chains, an_allow_of_some_time_falls_to_the_next)
{
	struct compiled c = compiled_text(CHAINS
		"  - {id: at-noon, from: segment:a, to: segment:b, allow: [tcp/1], when: noon}\n"
		"  - {id: by-day, from: device:a1, to: segment:b, allow: [tcp/1], when: day, expires: \"2026-11-24\"}\n"
		"  - {id: only-day, from: device:a1, to: segment:b, allow: [tcp/2], when: day}\n", NULL, NULL);

	judges_at(&c, "tcp/1", AT_NOON, "allow by at-noon");
	judges_at(&c, "tcp/1", BY_DAY, "allow by by-day");
	judges_at(&c, "tcp/1", AT_NIGHT, "deny by default");
	judges_at(&c, "tcp/1", BY_DAY + 86400, "deny by default");
	judges_at(&c, "tcp/1", AT_NOON + 86400, "allow by at-noon");
	judges_at(&c, "tcp/1", IMAGE_NO_TIME, "deny by default");
	judges_at(&c, "tcp/2", BY_DAY, "allow by only-day");
	compiled_done(&c);
}

/* It only takes the edge off itself: where no allow holds at that time, the default does. */
Test(chains, an_audit_deny_needs_an_allow_of_the_same_time)
{
	struct compiled c = compiled_text(CHAINS
		"  - {id: watch, from: segment:a, to: segment:b, deny: [tcp/1], mode: audit}\n"
		"  - {id: watch-noon, from: segment:a, to: segment:b, deny: [tcp/2], mode: audit, when: noon}\n"
		"  - {id: yes, from: segment:a, to: segment:b, allow: [tcp/1, tcp/2], when: day}\n", NULL, NULL);

	judges_at(&c, "tcp/1", BY_DAY, "would_deny by watch");
	judges_at(&c, "tcp/1", AT_NIGHT, "deny by default");
	judges_at(&c, "tcp/2", AT_NOON, "would_deny by watch-noon");
	judges_at(&c, "tcp/2", BY_DAY, "allow by yes");
	judges_at(&c, "tcp/2", AT_NIGHT, "deny by default");
	judges_at(&c, "tcp/2", IMAGE_NO_TIME, "deny by default");
	compiled_done(&c);
}

static int compile_result(const char *text, struct diagnostics *d)
{
	struct policy *policy = text_policy(text);
	struct image *image = NULL;
	int r = policy_compile(policy, NULL, d, &image);

	image_free(image);
	policy_free(policy);
	return r;
}

Test(chains, nine_verdicts_at_different_times_are_too_many)
{
	char text[4000] = CHAINS;
	struct diagnostics d = {0};

	for (int i = 0; i < CORDON_CHAIN_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "  - {id: r%d, from: segment:a, to: segment:b, allow: [tcp/1], expires: \"2027-01-%02d\"}\n", i, i + 1);
	cr_assert_eq(compile_result(text, &d), 0);
	strcat(text, "  - {id: last, from: segment:a, to: segment:b, allow: [tcp/1]}\n");
	cr_assert_eq(compile_result(text, &d), -E2BIG);
	cr_assert_eq(d.errors, 1);
	cr_assert_not_null(strstr(d.items[0].message, "8 available"), "%s", d.items[0].message);
	cr_assert_not_null(strstr(d.items[0].message, "different times"), "%s", d.items[0].message);
	diagnostics_done(&d);
}

Test(chains, an_unknown_time_zone_is_refused_where_it_matters)
{
	struct diagnostics d = {0};

	cr_assert_eq(compile_result("version: 1\nsite: {timezone: Europe/Pariis}\nrules: [{id: r, from: any, to: any, allow: any}]\n", &d), 0);
	cr_assert_eq(compile_result("version: 1\nsite: {timezone: Europe/Pariis}\nrules: [{id: r, from: any, to: any, allow: any, expires: \"2027-01-01\"}]\n",
				    &d), -ENOENT);
	cr_assert_eq(d.errors, 1);
	cr_assert_not_null(strstr(d.items[0].message, "Europe/Pariis"), "%s", d.items[0].message);
	diagnostics_done(&d);
}

Test(chains, tests_of_the_policy_are_asked_at_their_time)
{
	struct compiled c = compiled_text(CHAINS
		"  - {id: yes, from: segment:a, to: segment:b, allow: [tcp/1], when: day}\n"
		"tests:\n"
		"  - {from: device:a1, to: device:b1, service: tcp/1, at: \"2026-11-24T06:00\", expect: allow, rule: yes}\n"
		"  - {from: device:a1, to: device:b1, service: tcp/1, at: \"2026-11-24T18:00\", expect: deny, rule: null}\n"
		"  - {from: device:a1, to: device:b1, service: tcp/1, at: \"2026-11-24T12:00\", facts: {trust: 1}, expect: allow}\n"
		"  - {from: device:a1, to: device:b1, service: tcp/1, expect: allow}\n", NULL, NULL);
	struct diagnostics d = {0};
	size_t passed, failed;

	cr_assert_eq(policy_run_tests(c.policy, c.image, BY_DAY, &d, &passed, &failed), 0);
	cr_assert_eq(passed, 4);
	cr_assert_eq(policy_run_tests(c.policy, c.image, AT_NIGHT, &d, &passed, &failed), 0);
	cr_assert_eq(failed, 1, "the one without `at`");
	diagnostics_done(&d);
	compiled_done(&c);
}

Test(chains, explain_says_when)
{
	struct compiled c = compiled_text(CHAINS "  - {id: yes, from: segment:a, to: segment:b, allow: [tcp/1], when: day}\n", NULL, NULL);
	struct explain_query query = {"a1", "b1", "tcp/1", AT_NIGHT};
	struct diagnostics d = {0};
	struct explanation e;
	bool said = false;

	cr_assert_eq(policy_explain(c.policy, c.image, &query, &d, &e), 0);
	for (size_t i = 0; i < e.n_steps; i++)
		said |= strstr(e.steps[i].detail, "but it holds only in schedule day (every day 06:00-18:00) Europe/Paris") != NULL;
	cr_assert(said);
	cr_assert_not_null(strstr(e.would_allow, "at other times"), "%s", e.would_allow);
	explanation_done(&e);
	diagnostics_done(&d);
	compiled_done(&c);
}

Test(chains, a_difference_in_time_is_a_difference)
{
	struct compiled always = compiled_text(CHAINS "  - {id: yes, from: segment:a, to: segment:b, allow: [tcp/1]}\n", NULL, NULL);
	struct compiled day = compiled_text(CHAINS "  - {id: yes, from: segment:a, to: segment:b, allow: [tcp/1], when: day}\n", NULL, NULL);
	struct reach_diff diff = {0};

	cr_assert_eq(policy_diff(always.policy, always.image, day.policy, day.image, &diff), 0);
	cr_assert_eq(diff.n, 1);
	cr_assert_eq(diff.items[0].after, CORDON_VERDICT_ALLOW);
	cr_assert_null(diff.items[0].when_before);
	cr_assert_str_eq(diff.items[0].when_after, "allow in schedule day (every day 06:00-18:00) Europe/Paris, else deny");
	reach_diff_done(&diff);
	diff = (struct reach_diff){0};
	cr_assert_eq(policy_diff(day.policy, day.image, day.policy, day.image, &diff), 0);
	cr_assert_eq(diff.n, 0);
	reach_diff_done(&diff);
	compiled_done(&always);
	compiled_done(&day);
}
