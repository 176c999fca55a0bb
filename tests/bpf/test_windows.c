/* SPDX-License-Identifier: Apache-2.0 */
/* The real program asks which verdict of a chain counts now; its clock is moved forward. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "small.h"

#define S 1000000000ULL
#define PORT 80

enum { ALWAYS, NOON, NIGHT, WINDOWS };

static struct dataplane *dp;
static struct small_pair pair;
static uint32_t generation;
static char *told;

/* a may reach b on PORT: never while NIGHT is open, else while NOON is, else by the links that a test adds. */
static struct image *timed_image(const struct verdict *links, size_t n)
{
	struct image *image = small_image(CLASS_A, CLASS_B, PORT);

	image->verdicts = realloc(image->verdicts, (3 + n) * sizeof(*image->verdicts));
	image->windows = calloc(WINDOWS, sizeof(*image->windows));
	cr_assert(image->verdicts && image->windows);
	image->n_windows = WINDOWS;
	image->windows[NIGHT].deny = true;
	image->verdicts[1] = links[0];
	memcpy(&image->verdicts[3], links + 1, (n - 1) * sizeof(*links));
	image->n_chained = n - 1;
	return image;
}

static struct window_version times(uint8_t first, uint8_t last, uint64_t edge, uint64_t second)
{
	return (struct window_version){.edge = {edge, second}, .n = (uint8_t)((edge != 0) + (second != 0)), .open_first = first, .open_last = last};
}

static int put_in_force(const struct verdict *links, size_t n, const struct window_version *versions)
{
	struct image *image = timed_image(links, n);
	struct dataplane_apply what = {.image = image, .devices = pair.devices, .n_devices = 2, .windows = versions,
				       .n_windows = versions ? WINDOWS : 0};
	int r = dataplane_apply(dp, &what, &generation, &told);

	free(image->windows);
	small_done(image);
	return r;
}

static void open_private(void)
{
	dp = small_private(4);
	small_pair(&pair);
}

static void close_private(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(windows, .init = open_private, .fini = close_private);

static struct dataplane_verdict ask(void)
{
	return small_ask(dp, 1, MAC_A, MAC_B, 10, 11, PORT);
}

static void expect(enum cordon_reason reason, uint32_t rule, const char *when)
{
	struct dataplane_verdict v = ask();

	cr_expect_eq(v.reason, reason, "%s: reason %u, not %u", when, v.reason, reason);
	cr_expect_eq(v.rule, rule, "%s: rule %u, not %u", when, v.rule, rule);
}

static const struct verdict night_over_noon[] = {
	{.rule = 1, .window = NIGHT, .next = 3, .action = CORDON_ACTION_DENY},
	{.rule = 2, .window = NOON, .next = CORDON_CHAIN_END, .action = CORDON_ACTION_ALLOW},
};

/* Noon is open from 100 s to 200 s, night from 150 s to 160 s and from 300 s on. */
Test(windows, each_edge_takes_effect_in_time)
{
	static const struct {
		uint64_t at; /* s */
		enum cordon_reason reason;
		uint32_t rule;
		const char *when;
	} steps[] = {
		{0, CORDON_REASON_DEFAULT_DENY, CORDON_RULE_NONE, "morning"},
		{99, CORDON_REASON_DEFAULT_DENY, CORDON_RULE_NONE, "just before noon"},
		{101, CORDON_REASON_RULE, 2, "noon"},
		{151, CORDON_REASON_DENY_RULE, 1, "a deny within noon"},
		{161, CORDON_REASON_RULE, 2, "noon again"},
		{201, CORDON_REASON_DEFAULT_DENY, CORDON_RULE_NONE, "after noon"},
		{301, CORDON_REASON_DENY_RULE, 1, "after all that is known a deny holds"},
		{100301, CORDON_REASON_DENY_RULE, 1, "and goes on to"},
	};
	uint64_t now = dataplane_now(dp), at = 0;
	struct window_version versions[WINDOWS] = {
		[NOON] = times(0, 0, now + 100 * S, now + 200 * S),
		[NIGHT] = times(0, 1, now + 150 * S, now + 160 * S),
	};

	versions[NIGHT].edge[2] = now + 300 * S;
	versions[NIGHT].n = 3;
	cr_assert_eq(put_in_force(night_over_noon, 2, versions), 0, "%s", told);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		cr_assert_eq(dataplane_clock_advance(dp, (steps[i].at - at) * S), 0);
		at = steps[i].at;
		expect(steps[i].reason, steps[i].rule, steps[i].when);
	}
}

Test(windows, nobody_knows_the_time)
{
	cr_assert_eq(put_in_force(night_over_noon, 2, NULL), 0, "%s", told);
	expect(CORDON_REASON_DENY_RULE, 1, "a deny holds");
	cr_assert_eq(put_in_force(night_over_noon + 1, 1, NULL), 0, "%s", told);
	expect(CORDON_REASON_DEFAULT_DENY, CORDON_RULE_NONE, "an allow does not");
}

Test(windows, other_times_reach_the_policy_in_force_and_no_other)
{
	struct window_version closed[WINDOWS] = {[NOON] = times(0, 0, 0, 0)}, open[WINDOWS] = {[NOON] = times(0, 1, 0, 0)};

	cr_assert_eq(put_in_force(night_over_noon, 2, closed), 0, "%s", told);
	expect(CORDON_REASON_DEFAULT_DENY, CORDON_RULE_NONE, "closed");
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(dataplane_windows_set(dp, open, WINDOWS), 0);
		expect(CORDON_REASON_RULE, 2, "opened");
		cr_assert_eq(dataplane_windows_set(dp, open, WINDOWS), 0);
		expect(CORDON_REASON_RULE, 2, "told the same again");
		cr_assert_eq(dataplane_windows_set(dp, closed, WINDOWS), 0);
		expect(CORDON_REASON_DEFAULT_DENY, CORDON_RULE_NONE, "closed again");
	}
	/* The next policy has its own times from its first packet on. */
	cr_assert_eq(put_in_force(night_over_noon, 2, open), 0, "%s", told);
	expect(CORDON_REASON_RULE, 2, "another generation");
	cr_assert_eq(put_in_force(night_over_noon, 2, closed), 0, "%s", told);
	expect(CORDON_REASON_DEFAULT_DENY, CORDON_RULE_NONE, "and another");
	cr_assert_eq(dataplane_windows_set(dp, open, CORDON_MAX_WINDOWS + 1), -EINVAL);
}

Test(windows, a_chain_of_the_greatest_length_is_walked_to_its_end)
{
	struct window_version versions[WINDOWS] = {[NOON] = times(0, 0, 0, 0)};
	struct verdict links[CORDON_CHAIN_MAX];

	for (uint32_t i = 0; i < CORDON_CHAIN_MAX; i++)
		links[i] = (struct verdict){.rule = 10 + i, .window = NOON, .next = 3 + i, .action = CORDON_ACTION_DENY};
	links[CORDON_CHAIN_MAX - 1] = (struct verdict){.rule = 77, .next = CORDON_CHAIN_END, .action = CORDON_ACTION_ALLOW};
	cr_assert_eq(put_in_force(links, CORDON_CHAIN_MAX, versions), 0, "%s", told);
	expect(CORDON_REASON_RULE, 77, "the eighth");
}

/* All eight edges count, not one less. */
Test(windows, eight_edges_are_kept)
{
	uint64_t now = dataplane_now(dp);
	struct window_version versions[WINDOWS] = {[NOON] = {.n = CORDON_WINDOW_EDGES}};

	for (uint64_t i = 0; i < CORDON_WINDOW_EDGES; i++)
		versions[NOON].edge[i] = now + (10 * i + 10) * S;
	cr_assert_eq(put_in_force(night_over_noon + 1, 1, versions), 0, "%s", told);
	dataplane_clock_advance(dp, 5 * S);
	for (int i = 0; i <= CORDON_WINDOW_EDGES; i++) {
		if (i % 2)
			expect(CORDON_REASON_RULE, 2, "open");
		else
			expect(CORDON_REASON_DEFAULT_DENY, CORDON_RULE_NONE, "closed");
		dataplane_clock_advance(dp, 10 * S);
	}
}
