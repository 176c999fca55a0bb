/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits and flows: of new ones a second, and what a limit drops is in none. Time is the program's own clock, moved by hand.
 * vm: no, the arithmetic is the same everywhere
 */
#include <criterion/criterion.h>

#include "knock.h"

static struct dataplane *dp;
static struct small_pair pair;
static uint32_t generation;
static char *told;

static void open_with_policy(void)
{
	dp = small_private(4);
	small_pair(&pair);
	pair.devices[0].flow_quota = pair.devices[1].flow_quota = 1000;
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
}

static void close_private(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(limit_flows, .init = open_with_policy, .fini = close_private, .timeout = 100);

static void limit_set(unsigned int device, struct dataplane_limit limit)
{
	pair.devices[device].limit = limit;
	cr_assert_eq(dataplane_device_set(dp, &pair.devices[device], &told), 0, "%s", told);
}

/* How many of `n` new flows, one each `step` ns, are let in. */
static unsigned int begin(unsigned int n, uint64_t step, struct stopwatch *watch)
{
	unsigned int passed = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct dataplane_verdict v = small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80);

		cr_assert(v.reason == (v.pass ? CORDON_REASON_RULE : CORDON_REASON_NEW_FLOW_RATE), "reason %d", v.reason);
		passed += v.pass;
		cr_assert_eq(dataplane_clock_advance(dp, step), 0);
		if (watch)
			stopwatch_read(dp, watch);
	}
	return passed;
}

Test(limit_flows, new_flows_a_second)
{
	struct stopwatch watch;
	uint64_t start, rate;
	unsigned int n;

	limit_set(0, (struct dataplane_limit){.new_flows_per_s = 10});
	start = dataplane_now(dp);
	n = begin(200, 0, NULL);
	cr_expect(is_burst(dp, n, 10, 10, start), "a second's worth at once, not %u", n);
	watch = stopwatch_of(dp, pair.devices[0].limit);
	n = begin(1000, 20 * MS, &watch);
	rate = n * 1000 * SECOND / watch.sum;
	cr_expect(within_tenth(rate, 10000), "%lu thousandths of a flow a second", rate);
}

Test(limit_flows, a_live_flow_begins_nothing)
{
	struct knock k;

	limit_set(0, (struct dataplane_limit){.new_flows_per_s = 1});
	knock_make(&k, 40);
	for (int i = 0; i < 100; i++)
		cr_assert(knock(dp, &k.frame).pass);
	begin(100, 0, NULL);
	cr_expect(knock(dp, &k.frame).pass, "the device is over its limit of new flows; this one is not new");
}

Test(limit_flows, who_is_called_begins_nothing)
{
	limit_set(1, (struct dataplane_limit){.new_flows_per_s = 1});
	cr_expect_eq(begin(100, 0, NULL), 100);
}

Test(limit_flows, what_policy_denies_costs_nothing)
{
	struct knock k;

	limit_set(0, (struct dataplane_limit){.packets_per_s = 10, .new_flows_per_s = 10});
	for (int i = 0; i < 300; i++)
		cr_assert_eq(small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 81).reason, CORDON_REASON_DEFAULT_DENY);
	knock_make(&k, 40);
	cr_expect_geq(knock_until(dp, &k, CORDON_REASON_PACKET_RATE), LIMIT_BURST_PACKETS);
}

struct sum {
	uint64_t flows, packets, bytes;
};

static int add_flow(void *ctx, const struct flow *flow)
{
	struct sum *sum = ctx;

	sum->flows++;
	sum->packets += flow->side[0].packets;
	sum->bytes += flow->side[0].bytes;
	return 0;
}

/* Flows add up to what the device's port let through, whatever a limit dropped of them. */
static void flows_must_add_up(uint64_t n_flows)
{
	struct dataplane_device_row row;
	struct sum sum = {0};

	cr_assert_eq(dataplane_device_read(dp, pair.devices[0].key, &row), 0);
	cr_assert_eq(dataplane_flows_each(dp, add_flow, &sum), 0);
	cr_expect_eq(sum.flows, n_flows, "%lu flows", sum.flows);
	cr_expect_eq(sum.packets, row.counters.passed[CORDON_DIR_FROM_DEVICE].packets, "%lu packets in flows, %lu through the port", sum.packets,
		     row.counters.passed[CORDON_DIR_FROM_DEVICE].packets);
	cr_expect_eq(sum.bytes, row.counters.passed[CORDON_DIR_FROM_DEVICE].bytes);
}

Test(limit_flows, what_they_drop_is_in_no_flow)
{
	struct knock k;

	limit_set(0, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 1400);
	knock_until(dp, &k, CORDON_REASON_PACKET_RATE);
	for (int i = 0; i < 100; i++)
		knock(dp, &k.frame);
	flows_must_add_up(1);
	/* Nor does a flow begin whose first packet is over. */
	cr_expect_eq(small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80).reason, CORDON_REASON_PACKET_RATE);
	flows_must_add_up(1);
}

Test(limit_flows, what_audit_lets_pass_is_in_its_flow)
{
	struct knock k;

	pair.devices[0].mode = pair.devices[1].mode = CORDON_MODE_AUDIT;
	cr_assert_eq(dataplane_device_set(dp, &pair.devices[1], &told), 0, "%s", told);
	limit_set(0, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 1400);
	for (int i = 0; i < 100; i++)
		cr_assert(knock(dp, &k.frame).pass);
	flows_must_add_up(1);
	cr_expect_eq(small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80).verdict, CORDON_VERDICT_WOULD_DENY);
	flows_must_add_up(2);
	/* The limit was over for a moment; it says nothing of the flow that began in it. */
	cr_assert_eq(dataplane_clock_advance(dp, SECOND), 0);
	cr_expect_eq(knock(dp, &k.frame).reason, CORDON_REASON_ESTABLISHED);
}

Test(limit_flows, audit_lets_pass_and_says_so)
{
	struct dataplane_verdict v;
	struct knock k;

	pair.devices[0].mode = pair.devices[1].mode = CORDON_MODE_AUDIT;
	cr_assert_eq(dataplane_device_set(dp, &pair.devices[1], &told), 0, "%s", told);
	limit_set(0, (struct dataplane_limit){.packets_per_s = 10, .new_flows_per_s = 1});
	knock_make(&k, 40);
	for (int i = 0; i < 100; i++)
		v = knock(dp, &k.frame);
	cr_expect(v.pass);
	cr_expect_eq(v.verdict, CORDON_VERDICT_WOULD_DENY);
	cr_expect_eq(v.reason, CORDON_REASON_PACKET_RATE);

	small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80);
	v = small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80);
	cr_expect(v.pass);
	cr_expect_eq(v.reason, CORDON_REASON_NEW_FLOW_RATE);
}
