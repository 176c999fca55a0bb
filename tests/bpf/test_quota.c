/* SPDX-License-Identifier: Apache-2.0 */
/* Whose flows find a place in the table: 1,024 rows in all, of which the last 64 are the critical devices'. */
#include <criterion/criterion.h>

#include "small.h"

#define MAC_C 0x02000000000cULL
#define FLOWS 1024
#define FLOWS_FOR_ALL (FLOWS - FLOWS / 16)

/* a and c may open flows to b. */
static struct dataplane *dp;
static struct small_pair pair;
static struct dataplane_address c_address;
static struct dataplane_device devices[3];
static uint32_t generation;
static char *told;

static void apply(void)
{
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), devices, 3, &generation, &told), 0, "%s", told);
}

static void open_with_policy(void)
{
	dp = small_private(4);
	small_pair(&pair);
	devices[0] = pair.devices[0];
	devices[1] = pair.devices[1];
	devices[2] = small_device(MAC_C, CLASS_A, 1, 12, &c_address);
	for (int i = 0; i < 3; i++)
		devices[i].flow_quota = 2 * FLOWS;
	apply();
}

static void close_private(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(quota, .init = open_with_policy, .fini = close_private);

static void set(unsigned int device)
{
	cr_assert_eq(dataplane_device_set(dp, &devices[device], &told), 0, "%s", told);
}

static struct dataplane_verdict ask(unsigned int device)
{
	return device == 0 ? small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80) : small_ask(dp, 1, MAC_C, MAC_B, 12, 11, 80);
}

/* A key whose two buckets are full finds no row although others would: what counts is that none of many does. */
#define TRIES 50

/* How many new flows of a device find a place until none does, and for which reason. */
static unsigned int open_all(unsigned int device, enum cordon_reason reason)
{
	unsigned int n = 0;

	for (unsigned int refused = 0; refused < TRIES;) {
		struct dataplane_verdict v = ask(device);

		cr_assert(v.pass || v.reason == reason || v.reason == CORDON_REASON_FLOW_FULL, "reason %d after %u flows", v.reason, n);
		n += v.pass;
		refused = v.pass ? 0 : refused + 1;
	}
	return n;
}

static bool opens(unsigned int device)
{
	for (unsigned int n = 0; n < TRIES; n++)
		if (ask(device).pass)
			return true;
	return false;
}

Test(quota, the_last_part_of_the_table_is_for_critical_devices)
{
	devices[2].critical = true;
	set(2);
	cr_expect_eq(open_all(0, CORDON_REASON_FLOW_FULL), FLOWS_FOR_ALL);
	cr_expect_eq(open_all(2, CORDON_REASON_FLOW_FULL), FLOWS - FLOWS_FOR_ALL);
}

Test(quota, who_is_critical_changes_with_the_next_frame)
{
	struct dataplane_device_row row;

	cr_expect_eq(open_all(0, CORDON_REASON_FLOW_FULL), FLOWS_FOR_ALL);
	devices[0].critical = true;
	set(0);
	cr_expect(opens(0));
	devices[0].critical = false;
	devices[2].critical = true;
	apply();
	cr_expect_not(opens(0));
	cr_expect(opens(2));
	cr_assert_eq(dataplane_device_read(dp, devices[2].key, &row), 0);
	cr_expect(row.critical);
	devices[2].critical = false;
	set(2);
	cr_expect_not(opens(2));
}
