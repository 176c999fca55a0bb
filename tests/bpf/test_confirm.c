/* SPDX-License-Identifier: Apache-2.0 */
/* A policy that waits to be confirmed: it stays, or the one before is in force again, whole; never both, never neither. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "dataplane/plane.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "small.h"

#define HALF_A_MINUTE (30 * NS_PER_S)

static struct dataplane *dp;
static struct small_pair pair;
static uint32_t before, unconfirmed;
static char *told;

/* `port` is open from a to b. */
static int apply(uint16_t port, size_t n, uint64_t confirm_ns, uint32_t *ret_generation)
{
	struct image *image = small_image(CLASS_A, CLASS_B, port);
	struct dataplane_apply what = {.image = image, .devices = pair.devices, .n_devices = n, .confirm_ns = confirm_ns};
	int r;

	free(told);
	told = NULL;
	r = dataplane_apply(dp, &what, ret_generation, &told);
	small_done(image);
	return r;
}

static void open_with_one_unconfirmed(void)
{
	dp = small_private(16);
	small_pair(&pair);
	cr_assert_eq(apply(80, 2, 0, &before), 0, "%s", told);
	/* Device b has no place in it. */
	cr_assert_eq(apply(443, 1, HALF_A_MINUTE, &unconfirmed), 0, "%s", told);
}

static void close_private(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(confirm, .init = open_with_one_unconfirmed, .fini = close_private);

static bool passes(uint16_t port)
{
	return small_ask(dp, 1, MAC_A, MAC_B, 10, 11, port).pass;
}

static bool b_is_known(void)
{
	struct dataplane_device_row row;

	return dataplane_device_read(dp, pair.devices[1].key, &row) == 0 && row.side.generation;
}

static enum dataplane_wait waits(void)
{
	uint64_t deadline;

	return dataplane_unconfirmed(dp, &deadline);
}

Test(confirm, it_waits_with_a_deadline)
{
	uint64_t deadline = 0, now = dataplane_now(dp);

	cr_expect_eq(dataplane_unconfirmed(dp, &deadline), DATAPLANE_WAIT_OPEN);
	cr_expect(deadline > now && deadline <= now + HALF_A_MINUTE);
	cr_expect_eq(dataplane_generation(dp), unconfirmed);
	cr_expect_not(b_is_known());
}

Test(confirm, it_stays)
{
	cr_assert_eq(dataplane_confirm(dp), 0);
	cr_expect_eq(waits(), DATAPLANE_WAIT_NONE);
	dataplane_clock_advance(dp, 2 * HALF_A_MINUTE);
	cr_expect_eq(waits(), DATAPLANE_WAIT_NONE);
	cr_expect_eq(dataplane_generation(dp), unconfirmed);
	cr_expect_eq(dataplane_confirm(dp), -ENOENT);
	cr_expect_eq(dataplane_revert(dp), -ENOENT);
}

Test(confirm, its_time_runs_out)
{
	dataplane_clock_advance(dp, HALF_A_MINUTE);
	cr_expect_eq(waits(), DATAPLANE_WAIT_REVERTED);
	cr_expect_eq(dataplane_generation(dp), before);
	cr_expect_eq(dataplane_confirm(dp), -ETIMEDOUT);
	dataplane_follow_revert(dp);
	cr_expect_eq(waits(), DATAPLANE_WAIT_NONE);
	cr_expect(b_is_known(), "what only the policy before knew is still there");
	cr_expect(passes(80));
	cr_expect_not(passes(443));
}

Test(confirm, it_is_taken_back)
{
	cr_assert_eq(dataplane_revert(dp), 0);
	cr_expect_eq(waits(), DATAPLANE_WAIT_REVERTED);
	cr_expect_eq(dataplane_revert(dp), 0, "twice is once");
	cr_expect_eq(dataplane_generation(dp), before);
	cr_expect(passes(80));
}

Test(confirm, no_other_meanwhile)
{
	uint32_t generation;

	cr_assert_eq(apply(22, 2, 0, &generation), -EBUSY);
	cr_expect_not_null(strstr(told, "confirm"), "%s", told);
	cr_expect_eq(waits(), DATAPLANE_WAIT_OPEN);
	dataplane_confirm(dp);
	cr_expect_eq(apply(22, 2, 0, &generation), 0, "%s", told);
	cr_expect(passes(22));
}

Test(confirm, one_after_a_revert)
{
	uint32_t generation;

	dataplane_revert(dp);
	cr_assert_eq(apply(22, 2, HALF_A_MINUTE, &generation), 0, "%s", told);
	cr_expect_gt(generation, unconfirmed, "a generation is never used again");
	cr_expect_eq(waits(), DATAPLANE_WAIT_OPEN);
	dataplane_clock_advance(dp, HALF_A_MINUTE);
	cr_expect_eq(waits(), DATAPLANE_WAIT_REVERTED);
	cr_expect_eq(dataplane_generation(dp), before);
	cr_expect(passes(80));
}

/* What this process writes of single devices goes to the policy that it knows, not into the one that came back. */
Test(confirm, a_change_after_an_unseen_revert_does_not_mix)
{
	struct side side = dp->devices[CORDON_DEVICE_FIRST].side[before & 1];

	__atomic_store_n(&dp->control->generation, before, __ATOMIC_SEQ_CST); /* as the kernel does */
	pair.devices[0].class = CLASS_UNKNOWN;
	cr_assert_eq(dataplane_device_set(dp, &pair.devices[0], &told), 0, "%s", told);
	cr_expect_eq(memcmp(&side, &dp->devices[CORDON_DEVICE_FIRST].side[before & 1], sizeof(side)), 0);
	cr_expect(passes(80));
}

Test(confirm, a_device_that_moves_cannot_be_taken_back)
{
	uint32_t generation;

	dataplane_confirm(dp);
	pair.devices[0].port = 2;
	cr_assert_eq(apply(22, 2, HALF_A_MINUTE, &generation), -EXDEV);
	cr_expect_eq(dataplane_generation(dp), unconfirmed);
	cr_expect_eq(apply(22, 2, 0, &generation), 0, "%s", told);
}

Test(confirm_alone, nothing_to_go_back_to)
{
	uint32_t generation;

	dp = small_private(16);
	small_pair(&pair);
	cr_expect_eq(apply(80, 2, HALF_A_MINUTE, &generation), -ENODATA);
	cr_expect_eq(dataplane_generation(dp), 0);
	close_private();
}

/* A daemon that comes while a policy waits: rows of both stay, and either end is still open. */
Test(confirm_alone, adopted_while_it_waits)
{
	uint32_t row;

	small_namespace();
	dp = small_pinned(16);
	small_pair(&pair);
	cr_assert_eq(apply(80, 2, 0, &before), 0, "%s", told);
	cr_assert_eq(apply(443, 1, HALF_A_MINUTE, &unconfirmed), 0, "%s", told);
	dataplane_close(dp);

	dp = small_pinned(16);
	cr_assert(dataplane_adopted(dp));
	cr_expect_eq(waits(), DATAPLANE_WAIT_OPEN);
	cr_expect_eq(dataplane_generation(dp), unconfirmed);
	cr_assert_eq(dataplane_revert(dp), 0);
	dataplane_follow_revert(dp);
	cr_expect(b_is_known());
	for (row = CORDON_DEVICE_FIRST; dp->devices[row].key != pair.devices[1].key; row++)
		cr_assert_lt(row, 16);
	cr_expect_eq(dp->devices[row].side[before & 1].class, CLASS_B);
	cr_assert_eq(apply(22, 1, 0, &unconfirmed), 0, "%s", told);
	cr_expect_not(b_is_known());
	close_private();
}
