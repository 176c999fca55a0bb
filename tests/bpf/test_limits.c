/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time is the program's own clock, moved forward by hand; the real one runs on beneath it, so a figure is always the rate times
 * the time that dataplane_now() says has gone by.
 * vm: no, the arithmetic is the same everywhere
 */
#include <criterion/criterion.h>
#include <sched.h>

#include "knock.h"
#include "lib/cleanup.h"

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

TestSuite(limits, .init = open_with_policy, .fini = close_private, .timeout = 100);

static void limit_set(unsigned int device, struct dataplane_limit limit)
{
	pair.devices[device].limit = limit;
	cr_assert_eq(dataplane_device_set(dp, &pair.devices[device], &told), 0, "%s", told);
}

static const struct {
	const char *what;
	struct dataplane_limit limit;
	uint16_t size;       /* of a frame */
	uint64_t step, time; /* ns */
	enum cordon_reason over;
	uint64_t frames; /* thousandths a second */
} rates[] = {
	{"bytes", {.bytes_per_s = 200000}, 1400, 2 * MS, 8 * SECOND, CORDON_REASON_RATE, 200000 * 1000 / 1400},
	{"bytes of small frames", {.bytes_per_s = 10000}, 40, 1 * MS, 4 * SECOND, CORDON_REASON_RATE, 10000 * 1000 / 40},
	{"packets", {.packets_per_s = 100}, 40, 4 * MS, 10 * SECOND, CORDON_REASON_PACKET_RATE, 100 * 1000},
};

Test(limits, a_rate_is_kept)
{
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		struct knock k;
		uint64_t rate;

		limit_set(0, rates[i].limit);
		knock_make(&k, rates[i].size);
		knock_until(dp, &k, rates[i].over);
		rate = knock_rate(dp, rates[i].limit, &k, rates[i].step, rates[i].time, rates[i].over);
		cr_expect(within_tenth(rate, rates[i].frames), "%s: %lu thousandths of a frame a second, not %lu", rates[i].what, rate, rates[i].frames);
	}
}

Test(limits, fewer_than_the_limit_all_pass)
{
	struct knock k;
	uint64_t rate;

	limit_set(0, (struct dataplane_limit){.bytes_per_s = 1000000, .packets_per_s = 1000, .new_flows_per_s = 10});
	knock_make(&k, 500);
	rate = knock_rate(dp, pair.devices[0].limit, &k, 20 * MS, 10 * SECOND, CORDON_REASON_NONE);
	cr_expect_gt(rate, 0);
}

/* Two of the processors that this process may run on; false: there is one only. */
static bool two_processors(int ret[2])
{
	cpu_set_t may;
	int n = 0;

	cr_assert_eq(sched_getaffinity(0, sizeof(may), &may), 0);
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &may))
			ret[n++] = i;
	return n == 2;
}

static void run_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
}

/* They have the rate together, not each its own. */
Test(limits, two_processors_share_a_rate)
{
	static const struct dataplane_limit limit[] = {{.bytes_per_s = 140000}, {.packets_per_s = 100}};
	static const enum cordon_reason over[] = {CORDON_REASON_RATE, CORDON_REASON_PACKET_RATE};
	struct knock k;
	int cpu[2];

	if (!two_processors(cpu))
		cr_skip_test("one processor only");
	knock_make(&k, 1400);
	for (int kind = 0; kind < 2; kind++) {
		uint64_t passed[2] = {0};
		struct stopwatch watch;

		limit_set(0, limit[kind]);
		for (int i = 0; i < 2; i++) {
			run_on(cpu[i]);
			knock_until(dp, &k, over[kind]);
		}
		watch = stopwatch_of(dp, limit[kind]);
		for (unsigned int i = 0; watch.sum < 10 * SECOND; i++) {
			run_on(cpu[i & 1]);
			cr_assert_eq(dataplane_clock_advance(dp, i & 1 ? 0 : 7 * MS), 0);
			passed[i & 1] += knock(dp, &k.frame).pass;
			stopwatch_read(dp, &watch);
		}
		cr_expect(within_tenth((passed[0] + passed[1]) * 1000 * SECOND / watch.sum, 100000), "%lu and %lu in %lu ns, limit %d",
			  passed[0], passed[1], watch.sum, kind);
	}
}

/* What lies borrowed on a processor that has no frames any more costs the others one loan, once. */
Test(limits, a_processor_that_rests_holds_nothing_back)
{
	struct knock k;
	uint64_t rate;
	int cpu[2];

	if (!two_processors(cpu))
		cr_skip_test("one processor only");
	limit_set(0, (struct dataplane_limit){.bytes_per_s = 200000});
	knock_make(&k, 1400);
	run_on(cpu[0]);
	cr_assert(knock(dp, &k.frame).pass);
	run_on(cpu[1]);
	knock_until(dp, &k, CORDON_REASON_RATE);
	rate = knock_rate(dp, pair.devices[0].limit, &k, 2 * MS, 8 * SECOND, CORDON_REASON_RATE) * 1400 / 1000;
	cr_expect(within_tenth(rate, 200000), "%lu bytes a second", rate);
}

/* Which limit ends the burst tells which of the two is the tighter. */
Test(limits, a_burst_is_as_large_as_it_says)
{
	struct knock k;
	uint64_t start;
	unsigned int n;

	limit_set(0, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 1400);
	start = dataplane_now(dp);
	n = knock_until(dp, &k, CORDON_REASON_PACKET_RATE);
	cr_expect(is_burst(dp, n, LIMIT_BURST_PACKETS, 10, start), "%u packets", n);

	limit_set(0, (struct dataplane_limit){.bytes_per_s = 1000});
	start = dataplane_now(dp);
	n = knock_until(dp, &k, CORDON_REASON_RATE);
	/* The last loan takes the bucket into debt, by less than a full frame. */
	cr_expect(is_burst(dp, n, LIMIT_BURST_BYTES / 1400, 1, start), "%u frames", n);
}

Test(limits, a_burst_after_a_long_rest_is_no_larger)
{
	struct knock k;
	uint64_t start;
	unsigned int n;

	limit_set(0, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 40);
	knock_until(dp, &k, CORDON_REASON_PACKET_RATE);
	cr_assert_eq(dataplane_clock_advance(dp, 30 * 24 * 3600 * SECOND), 0);
	start = dataplane_now(dp);
	n = knock_until(dp, &k, CORDON_REASON_PACKET_RATE);
	cr_expect(is_burst(dp, n, LIMIT_BURST_PACKETS, 10, start), "%u packets", n);
}

Test(limits, both_directions_of_a_port_count_and_only_of_its_device)
{
	struct knock k;
	struct dataplane_frame there;
	uint64_t start;
	unsigned int n;

	limit_set(1, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 40);
	for (int i = 0; i < 300; i++)
		cr_assert(knock(dp, &k.frame).pass, "the limit of b is nothing to a's port");
	there = k.frame;
	there.port = 2;
	there.in_port = 1;
	there.dir = CORDON_DIR_TO_DEVICE;
	start = dataplane_now(dp);
	for (n = 0; n < 300 && knock(dp, &there).pass; n++)
		;
	cr_expect(is_burst(dp, n, LIMIT_BURST_PACKETS, 10, start), "%u packets", n);
	cr_expect_eq(knock(dp, &there).reason, CORDON_REASON_PACKET_RATE);
	/* Spent by what came to it: what it sends has none left either (its row in the flow makes b's SYN of it just a segment). */
	small_syn(k.bytes, MAC_B, MAC_A, 11, 10, 80, 4000);
	k.bytes[HEADERS + 20 + 13] = 0x12;
	k.frame.size = HEADERS + 40;
	k.frame.port = 2;
	cr_expect_eq(knock(dp, &k.frame).reason, CORDON_REASON_PACKET_RATE);
}

/* A GSO packet may hold more frames than any burst: it passes, and is paid for before the next. */
Test(limits, a_gso_packet_counts_its_segments)
{
	struct knock k;
	struct dataplane_frame there;

	limit_set(1, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 1400);
	cr_assert(knock(dp, &k.frame).pass);
	there = k.frame;
	there.port = 2;
	there.in_port = 1;
	there.dir = CORDON_DIR_TO_DEVICE;
	there.gso_size = 10;
	there.gso_segs = 136;
	cr_expect(knock(dp, &there).pass);
	cr_expect_eq(knock(dp, &there).reason, CORDON_REASON_PACKET_RATE);
	cr_assert_eq(dataplane_clock_advance(dp, 5 * SECOND), 0);
	cr_expect_eq(knock(dp, &there).reason, CORDON_REASON_PACKET_RATE, "72 packets of debt, 50 are paid");
	cr_assert_eq(dataplane_clock_advance(dp, 5 * SECOND), 0);
	cr_expect(knock(dp, &there).pass);
}

Test(limits, a_device_without_one_is_not_slowed_by_its_neighbour)
{
	struct dataplane_device c;
	struct dataplane_address address;
	struct knock k;

	limit_set(0, (struct dataplane_limit){.packets_per_s = 1});
	c = small_device(0x02000000000cULL, CLASS_A, 1, 12, &address);
	c.flow_quota = 1000;
	cr_assert_eq(dataplane_device_set(dp, &c, &told), 0, "%s", told);
	knock_make(&k, 40);
	knock_until(dp, &k, CORDON_REASON_PACKET_RATE);
	for (int i = 0; i < 300; i++)
		cr_assert_eq(small_ask(dp, 1, 0x02000000000cULL, MAC_B, 12, 11, 80).reason, CORDON_REASON_RULE);
}

/* The programs trim what a faster rate had saved up when they next fill the bucket, a millisecond later at most. */
Test(limits, a_change_takes_effect_at_once)
{
	struct dataplane_device_row row;
	struct knock k;
	uint64_t start;
	unsigned int n;

	knock_make(&k, 1400);
	limit_set(0, (struct dataplane_limit){.bytes_per_s = LIMIT_MAX_BYTES, .packets_per_s = LIMIT_MAX_PACKETS});
	for (int i = 0; i < 300; i++)
		cr_assert(knock(dp, &k.frame).pass);
	limit_set(0, (struct dataplane_limit){.bytes_per_s = 1000});
	cr_assert_eq(dataplane_clock_advance(dp, MS), 0);
	start = dataplane_now(dp);
	n = knock_until(dp, &k, CORDON_REASON_RATE);
	/* Of the share of before, one loan at the new rate is left: a frame. */
	cr_expect(is_burst(dp, n, LIMIT_BURST_BYTES / 1400 + 1, 1, start), "%u frames: neither a share nor a bucket of before", n);
	cr_assert_eq(dataplane_device_read(dp, pair.devices[0].key, &row), 0);
	cr_expect_eq(row.limit.bytes_per_s, 1000);
	cr_expect_eq(row.limit.packets_per_s, 0);
	limit_set(0, (struct dataplane_limit){0});
	for (int i = 0; i < 300; i++)
		cr_assert(knock(dp, &k.frame).pass);
}

Test(limits, an_apply_changes_them_too)
{
	struct knock k;

	knock_make(&k, 40);
	pair.devices[0].limit.packets_per_s = 10;
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	knock_until(dp, &k, CORDON_REASON_PACKET_RATE);
	/* Spent is spent: the same limit anew gives no new burst. */
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	cr_expect_leq(knock_until(dp, &k, CORDON_REASON_PACKET_RATE), LIMIT_BURST_PACKETS / 2);
	pair.devices[0].limit.packets_per_s = 0;
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	for (int i = 0; i < 300; i++)
		cr_assert(knock(dp, &k.frame).pass);
}

/* The next owner of a row begins with a full bucket, whatever the last one spent or owed. */
Test(limits, a_row_goes_to_its_next_owner_fresh)
{
	struct dataplane_device_row before, now = {0};
	uint64_t start = 0;
	struct knock k;
	unsigned int n = 0;

	limit_set(0, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 40);
	knock_until(dp, &k, CORDON_REASON_PACKET_RATE);
	cr_assert_eq(dataplane_device_read(dp, pair.devices[0].key, &before), 0);
	cr_assert_eq(dataplane_device_remove(dp, pair.devices[0].key), 0);
	cr_assert_geq(dataplane_flows_sweep(dp, NULL, NULL), 0);
	for (uint8_t i = 0; i < 3 && now.row != before.row; i++) {
		struct dataplane_address address;
		struct dataplane_device next = small_device(0x020000000200ULL + i, CLASS_A, 1, 100 + i, &address);

		next.limit.packets_per_s = 10;
		cr_assert_eq(dataplane_device_set(dp, &next, &told), 0, "%s", told);
		cr_assert_eq(dataplane_device_read(dp, next.key, &now), 0);
		if (now.row != before.row)
			continue;
		start = dataplane_now(dp);
		while (n < 1000 && small_ask(dp, 1, next.key >> 16, MAC_B, 100 + i, 11, 80).pass)
			n++;
	}
	cr_assert_eq(now.row, before.row);
	cr_expect(is_burst(dp, n, LIMIT_BURST_PACKETS, 10, start), "%u packets", n);
}
