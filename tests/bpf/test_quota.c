/* SPDX-License-Identifier: Apache-2.0 */
/* Whose flows find a place in the table: 1,024 rows in all, of which the last 64 are the critical devices'. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "small.h"

#define MAC_C 0x02000000000cULL
#define FLOWS 1024
#define UPLINK 3
#define OUTSIDER 200 /* 10.0.0.200, beyond the uplink */
#define FLOWS_FOR_ALL (FLOWS - FLOWS / 16)

/* a and c may open flows to b, and whoever is outside to a. */
static struct dataplane *dp;
static struct small_pair pair;
static struct dataplane_address c_address;
static struct dataplane_device devices[3];
static uint32_t generation;
static char *told;

static void apply(void)
{
	struct image *image = small_image(CLASS_A, CLASS_B, 80);

	image->pairs = realloc(image->pairs, 2 * sizeof(*image->pairs));
	cr_assert_not_null(image->pairs);
	image->pairs[image->n_pairs] = image->pairs[0];
	image->pairs[image->n_pairs++].key = (struct pair_key){.from = CLASS_OUTSIDE, .to = CLASS_A};
	cr_assert_eq(small_apply(dp, image, devices, 3, &generation, &told), 0, "%s", told);
}

static void open_with_policy(void)
{
	struct dataplane_port uplink = {.number = UPLINK, .role = CORDON_ROLE_UPLINK, .mode = -1};

	dp = small_private(4);
	cr_assert_eq(dataplane_port_declare(dp, &uplink), 0);
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

/* A SYN of the outsider to a. */
static struct dataplane_verdict comes_in(uint16_t sport)
{
	uint8_t bytes[64];
	uint32_t size = small_syn(bytes, MAC_GATEWAY, MAC_A, OUTSIDER, 10, sport, 80);
	struct dataplane_frame frame = {.bytes = bytes, .size = size, .port = 1, .in_port = UPLINK, .dir = CORDON_DIR_TO_DEVICE};
	struct dataplane_verdict v;

	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	return v;
}

#define QUOTA 8

static void quota_is_small(void)
{
	devices[0].flow_quota = QUOTA;
	set(0);
}

static void come_in_all(void)
{
	for (uint16_t n = 0; n < QUOTA; n++)
		cr_assert_eq(comes_in(1000 + n).reason, CORDON_REASON_RULE, "flow %u", n);
	cr_assert_eq(comes_in(1000 + QUOTA).reason, CORDON_REASON_FLOW_QUOTA);
}

static void has_flows(unsigned int device, uint32_t own, uint32_t inbound)
{
	struct dataplane_device_row row;

	cr_assert_eq(dataplane_device_read(dp, devices[device].key, &row), 0);
	cr_expect_eq(row.flows[CORDON_DIR_FROM_DEVICE], own, "%u that it began", row.flows[CORDON_DIR_FROM_DEVICE]);
	cr_expect_eq(row.flows[CORDON_DIR_TO_DEVICE], inbound, "%u that were begun towards it", row.flows[CORDON_DIR_TO_DEVICE]);
}

Test(quota, an_outsider_cannot_spend_what_a_device_has_for_its_own)
{
	quota_is_small();
	come_in_all();
	cr_expect_eq(open_all(0, CORDON_REASON_FLOW_QUOTA), QUOTA);
	has_flows(0, QUOTA, QUOTA);
}

Test(quota, nor_a_device_what_is_kept_for_those_who_call_it)
{
	quota_is_small();
	cr_expect_eq(open_all(0, CORDON_REASON_FLOW_QUOTA), QUOTA);
	come_in_all();
	has_flows(0, QUOTA, QUOTA);
}

/* By a program that meets a flow past its time, and by the sweep. */
Test(quota, what_ended_is_given_back_where_it_was_taken)
{
	quota_is_small();
	come_in_all();
	open_all(0, CORDON_REASON_FLOW_QUOTA);
	cr_assert_eq(dataplane_clock_advance(dp, 40000000000ULL), 0);
	for (uint16_t n = 0; n < QUOTA; n++)
		cr_expect_eq(comes_in(1000 + n).reason, CORDON_REASON_RULE, "flow %u", n);
	has_flows(0, QUOTA, QUOTA);
	cr_assert_eq(dataplane_clock_advance(dp, 100000000ULL), 0); /* what a program ended is told once nobody can count in it any more */
	cr_assert_eq(dataplane_flows_sweep(dp, NULL, NULL), QUOTA + QUOTA);
	has_flows(0, 0, QUOTA);
	cr_assert_eq(dataplane_clock_advance(dp, 40000000000ULL), 0);
	cr_assert_eq(dataplane_flows_sweep(dp, NULL, NULL), QUOTA);
	has_flows(0, 0, 0);
}

/* The address of an outsider becomes a device's: its live flow is that device's own from its next packet on. */
Test(quota, a_flow_goes_to_the_account_of_who_began_it)
{
	struct dataplane_verdict v;
	uint8_t bytes[64];
	struct dataplane_frame frame = {.bytes = bytes, .port = 2, .dir = CORDON_DIR_FROM_DEVICE};

	cr_assert_eq(comes_in(1000).reason, CORDON_REASON_RULE);
	has_flows(0, 0, 1);
	devices[2] = small_device(MAC_C, CLASS_OUTSIDE, 2, OUTSIDER, &c_address);
	set(2);
	frame.size = small_syn(bytes, MAC_C, MAC_A, OUTSIDER, 10, 1000, 80);
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_expect_eq(v.reason, CORDON_REASON_ESTABLISHED);
	has_flows(0, 0, 0);
	has_flows(2, 1, 0);
}
