/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time is the program's own clock, moved forward by hand; the real one runs on beneath it, so a figure is always the rate times
 * the time that dataplane_now() says has gone by.
 * vm: no, the arithmetic is the same everywhere
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

#include "lib/cleanup.h"
#include "small.h"

#define MS 1000000ULL
#define SECOND (1000 * MS)
#define HEADERS 14 /* what a frame has before its IP header */

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

/* A TCP SYN of `size` bytes from the IP header up, of one flow that is asked for again and again. */
struct knock {
	uint8_t bytes[1600];
	struct dataplane_frame frame;
};

static void knock_make(struct knock *k, uint16_t size)
{
	uint32_t sum = 0;

	memset(k, 0, sizeof(*k));
	small_syn(k->bytes, MAC_A, MAC_B, 10, 11, 4000, 80);
	k->bytes[HEADERS + 2] = (uint8_t)(size >> 8);
	k->bytes[HEADERS + 3] = (uint8_t)size;
	memset(k->bytes + HEADERS + 10, 0, 2);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)k->bytes[HEADERS + i] << 8 | k->bytes[HEADERS + i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	k->bytes[HEADERS + 10] = (uint8_t)(sum >> 8);
	k->bytes[HEADERS + 11] = (uint8_t)sum;
	k->frame = (struct dataplane_frame){.bytes = k->bytes, .size = HEADERS + size, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
}

static struct dataplane_verdict run(const struct dataplane_frame *frame)
{
	struct dataplane_verdict v;

	cr_assert_eq(dataplane_run(dp, frame, &v), 0);
	cr_assert_not(v.unrunnable);
	return v;
}

/* Knocks until one is over the limit; how many were not. */
static unsigned int knock_until(const struct knock *k, enum cordon_reason over)
{
	for (unsigned int n = 0; n < 100000; n++) {
		struct dataplane_verdict v = run(&k->frame);

		if (!v.pass) {
			cr_assert_eq(v.reason, over, "reason %d", v.reason);
			return n;
		}
	}
	cr_assert_fail("nothing is over the limit");
	return 0;
}

/*
 * How long it was, for a bucket that is kept empty. On a busy machine the test itself may be held up for longer than the bucket
 * takes to fill; what flows over meanwhile is nobody's.
 */
struct stopwatch {
	uint64_t last;
	uint64_t full; /* ns in which an empty bucket is full */
	uint64_t sum;
};

static void stopwatch_read(struct stopwatch *w)
{
	uint64_t now = dataplane_now(dp), step = now - w->last;

	w->sum += step > w->full ? w->full : step;
	w->last = now;
}

static struct stopwatch stopwatch_of(struct dataplane_limit limit)
{
	uint64_t full = limit.bytes_per_s     ? LIMIT_BURST_BYTES * SECOND / limit.bytes_per_s :
			limit.packets_per_s   ? LIMIT_BURST_PACKETS * SECOND / limit.packets_per_s :
						SECOND;

	return (struct stopwatch){.last = dataplane_now(dp), .full = full};
}

/* Knocks each `step` ns for `time` ns; the passed ones a second, in thousandths. */
static uint64_t knock_rate(const struct knock *k, uint64_t step, uint64_t time, enum cordon_reason over)
{
	struct stopwatch watch = stopwatch_of(pair.devices[0].limit);
	uint64_t passed = 0;

	while (watch.sum < time) {
		struct dataplane_verdict v;

		cr_assert_eq(dataplane_clock_advance(dp, step), 0);
		v = run(&k->frame);
		cr_assert(v.pass || v.reason == over, "reason %d", v.reason);
		passed += v.pass;
		stopwatch_read(&watch);
	}
	return passed * 1000 * SECOND / watch.sum;
}

/* `n` frames or flows are the burst and no more than came by while they were tried. */
static bool is_burst(uint64_t n, uint64_t burst, uint64_t per_s, uint64_t start)
{
	uint64_t earned = (dataplane_now(dp) - start) * per_s / SECOND + 1;

	return n >= burst && n <= burst + earned;
}

static bool within_tenth(uint64_t got, uint64_t wanted)
{
	return got * 10 >= wanted * 9 && got * 10 <= wanted * 11;
}

Test(limits, bytes_a_second)
{
	struct knock k;
	uint64_t rate;

	limit_set(0, (struct dataplane_limit){.bytes_per_s = 200000});
	knock_make(&k, 1400);
	knock_until(&k, CORDON_REASON_RATE);
	rate = knock_rate(&k, 2 * MS, 8 * SECOND, CORDON_REASON_RATE) * 1400 / 1000;
	cr_expect(within_tenth(rate, 200000), "%lu bytes a second", rate);
}

Test(limits, bytes_of_small_frames)
{
	struct knock k;
	uint64_t rate;

	limit_set(0, (struct dataplane_limit){.bytes_per_s = 10000});
	knock_make(&k, 40);
	knock_until(&k, CORDON_REASON_RATE);
	rate = knock_rate(&k, 1 * MS, 4 * SECOND, CORDON_REASON_RATE) * 40 / 1000;
	cr_expect(within_tenth(rate, 10000), "%lu bytes a second", rate);
}

Test(limits, packets_a_second)
{
	struct knock k;
	uint64_t rate;

	limit_set(0, (struct dataplane_limit){.packets_per_s = 100});
	knock_make(&k, 40);
	knock_until(&k, CORDON_REASON_PACKET_RATE);
	rate = knock_rate(&k, 4 * MS, 10 * SECOND, CORDON_REASON_PACKET_RATE);
	cr_expect(within_tenth(rate, 100000), "%lu thousandths of a packet a second", rate);
}

Test(limits, fewer_than_the_limit_all_pass)
{
	struct knock k;
	uint64_t rate;

	limit_set(0, (struct dataplane_limit){.bytes_per_s = 1000000, .packets_per_s = 1000, .new_flows_per_s = 10});
	knock_make(&k, 500);
	rate = knock_rate(&k, 20 * MS, 10 * SECOND, CORDON_REASON_NONE);
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
			knock_until(&k, over[kind]);
		}
		watch = stopwatch_of(limit[kind]);
		for (unsigned int i = 0; watch.sum < 10 * SECOND; i++) {
			run_on(cpu[i & 1]);
			cr_assert_eq(dataplane_clock_advance(dp, i & 1 ? 0 : 7 * MS), 0);
			passed[i & 1] += run(&k.frame).pass;
			stopwatch_read(&watch);
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
	cr_assert(run(&k.frame).pass);
	run_on(cpu[1]);
	knock_until(&k, CORDON_REASON_RATE);
	rate = knock_rate(&k, 2 * MS, 8 * SECOND, CORDON_REASON_RATE) * 1400 / 1000;
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
	n = knock_until(&k, CORDON_REASON_PACKET_RATE);
	cr_expect(is_burst(n, LIMIT_BURST_PACKETS, 10, start), "%u packets", n);

	limit_set(0, (struct dataplane_limit){.bytes_per_s = 1000});
	start = dataplane_now(dp);
	n = knock_until(&k, CORDON_REASON_RATE);
	/* The last loan takes the bucket into debt, by less than a full frame. */
	cr_expect(is_burst(n, LIMIT_BURST_BYTES / 1400, 1, start), "%u frames", n);
}

Test(limits, a_burst_after_a_long_rest_is_no_larger)
{
	struct knock k;
	uint64_t start;
	unsigned int n;

	limit_set(0, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 40);
	knock_until(&k, CORDON_REASON_PACKET_RATE);
	cr_assert_eq(dataplane_clock_advance(dp, 30 * 24 * 3600 * SECOND), 0);
	start = dataplane_now(dp);
	n = knock_until(&k, CORDON_REASON_PACKET_RATE);
	cr_expect(is_burst(n, LIMIT_BURST_PACKETS, 10, start), "%u packets", n);
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
			stopwatch_read(watch);
	}
	return passed;
}

Test(limits, new_flows_a_second)
{
	struct stopwatch watch;
	uint64_t start, rate;
	unsigned int n;

	limit_set(0, (struct dataplane_limit){.new_flows_per_s = 10});
	start = dataplane_now(dp);
	n = begin(200, 0, NULL);
	cr_expect(is_burst(n, 10, 10, start), "a second's worth at once, not %u", n);
	watch = stopwatch_of(pair.devices[0].limit);
	n = begin(1000, 20 * MS, &watch);
	rate = n * 1000 * SECOND / watch.sum;
	cr_expect(within_tenth(rate, 10000), "%lu thousandths of a flow a second", rate);
}

Test(limits, a_live_flow_begins_nothing)
{
	struct knock k;

	limit_set(0, (struct dataplane_limit){.new_flows_per_s = 1});
	knock_make(&k, 40);
	for (int i = 0; i < 100; i++)
		cr_assert(run(&k.frame).pass);
	begin(100, 0, NULL);
	cr_expect(run(&k.frame).pass, "the device is over its limit of new flows; this one is not new");
}

Test(limits, who_is_called_begins_nothing)
{
	limit_set(1, (struct dataplane_limit){.new_flows_per_s = 1});
	cr_expect_eq(begin(100, 0, NULL), 100);
}

Test(limits, what_policy_denies_costs_nothing)
{
	struct knock k;

	limit_set(0, (struct dataplane_limit){.packets_per_s = 10, .new_flows_per_s = 10});
	for (int i = 0; i < 300; i++)
		cr_assert_eq(small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 81).reason, CORDON_REASON_DEFAULT_DENY);
	knock_make(&k, 40);
	cr_expect_geq(knock_until(&k, CORDON_REASON_PACKET_RATE), LIMIT_BURST_PACKETS);
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
		cr_assert(run(&k.frame).pass, "the limit of b is nothing to a's port");
	there = k.frame;
	there.port = 2;
	there.in_port = 1;
	there.dir = CORDON_DIR_TO_DEVICE;
	start = dataplane_now(dp);
	for (n = 0; n < 300 && run(&there).pass; n++)
		;
	cr_expect(is_burst(n, LIMIT_BURST_PACKETS, 10, start), "%u packets", n);
	cr_expect_eq(run(&there).reason, CORDON_REASON_PACKET_RATE);
	/* Spent by what came to it: what it sends has none left either (its row in the flow makes b's SYN of it just a segment). */
	small_syn(k.bytes, MAC_B, MAC_A, 11, 10, 80, 4000);
	k.bytes[HEADERS + 20 + 13] = 0x12;
	k.frame.size = HEADERS + 40;
	k.frame.port = 2;
	cr_expect_eq(run(&k.frame).reason, CORDON_REASON_PACKET_RATE);
}

/* A GSO packet may hold more frames than any burst: it passes, and is paid for before the next. */
Test(limits, a_gso_packet_counts_its_segments)
{
	struct knock k;
	struct dataplane_frame there;

	limit_set(1, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 1400);
	cr_assert(run(&k.frame).pass);
	there = k.frame;
	there.port = 2;
	there.in_port = 1;
	there.dir = CORDON_DIR_TO_DEVICE;
	there.gso_size = 10;
	there.gso_segs = 136;
	cr_expect(run(&there).pass);
	cr_expect_eq(run(&there).reason, CORDON_REASON_PACKET_RATE);
	cr_assert_eq(dataplane_clock_advance(dp, 5 * SECOND), 0);
	cr_expect_eq(run(&there).reason, CORDON_REASON_PACKET_RATE, "72 packets of debt, 50 are paid");
	cr_assert_eq(dataplane_clock_advance(dp, 5 * SECOND), 0);
	cr_expect(run(&there).pass);
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

Test(limits, what_they_drop_is_in_no_flow)
{
	struct knock k;

	limit_set(0, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 1400);
	knock_until(&k, CORDON_REASON_PACKET_RATE);
	for (int i = 0; i < 100; i++)
		run(&k.frame);
	flows_must_add_up(1);
	/* Nor does a flow begin whose first packet is over. */
	cr_expect_eq(small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80).reason, CORDON_REASON_PACKET_RATE);
	flows_must_add_up(1);
}

Test(limits, what_audit_lets_pass_is_in_its_flow)
{
	struct knock k;

	pair.devices[0].mode = pair.devices[1].mode = CORDON_MODE_AUDIT;
	cr_assert_eq(dataplane_device_set(dp, &pair.devices[1], &told), 0, "%s", told);
	limit_set(0, (struct dataplane_limit){.packets_per_s = 10});
	knock_make(&k, 1400);
	for (int i = 0; i < 100; i++)
		cr_assert(run(&k.frame).pass);
	flows_must_add_up(1);
	cr_expect_eq(small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80).verdict, CORDON_VERDICT_WOULD_DENY);
	flows_must_add_up(2);
	/* The limit was over for a moment; it says nothing of the flow that began in it. */
	cr_assert_eq(dataplane_clock_advance(dp, SECOND), 0);
	cr_expect_eq(run(&k.frame).reason, CORDON_REASON_ESTABLISHED);
}

Test(limits, audit_lets_pass_and_says_so)
{
	struct dataplane_verdict v;
	struct knock k;

	pair.devices[0].mode = pair.devices[1].mode = CORDON_MODE_AUDIT;
	cr_assert_eq(dataplane_device_set(dp, &pair.devices[1], &told), 0, "%s", told);
	limit_set(0, (struct dataplane_limit){.packets_per_s = 10, .new_flows_per_s = 1});
	knock_make(&k, 40);
	for (int i = 0; i < 100; i++)
		v = run(&k.frame);
	cr_expect(v.pass);
	cr_expect_eq(v.verdict, CORDON_VERDICT_WOULD_DENY);
	cr_expect_eq(v.reason, CORDON_REASON_PACKET_RATE);

	small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80);
	v = small_ask(dp, 1, MAC_A, MAC_B, 10, 11, 80);
	cr_expect(v.pass);
	cr_expect_eq(v.reason, CORDON_REASON_NEW_FLOW_RATE);
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
	knock_until(&k, CORDON_REASON_PACKET_RATE);
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
		cr_assert(run(&k.frame).pass);
	limit_set(0, (struct dataplane_limit){.bytes_per_s = 1000});
	cr_assert_eq(dataplane_clock_advance(dp, MS), 0);
	start = dataplane_now(dp);
	n = knock_until(&k, CORDON_REASON_RATE);
	/* Of the share of before, one loan at the new rate is left: a frame. */
	cr_expect(is_burst(n, LIMIT_BURST_BYTES / 1400 + 1, 1, start), "%u frames: neither a share nor a bucket of before", n);
	cr_assert_eq(dataplane_device_read(dp, pair.devices[0].key, &row), 0);
	cr_expect_eq(row.limit.bytes_per_s, 1000);
	cr_expect_eq(row.limit.packets_per_s, 0);
	limit_set(0, (struct dataplane_limit){0});
	for (int i = 0; i < 300; i++)
		cr_assert(run(&k.frame).pass);
}

Test(limits, an_apply_changes_them_too)
{
	struct knock k;

	knock_make(&k, 40);
	pair.devices[0].limit.packets_per_s = 10;
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	knock_until(&k, CORDON_REASON_PACKET_RATE);
	/* Spent is spent: the same limit anew gives no new burst. */
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	cr_expect_leq(knock_until(&k, CORDON_REASON_PACKET_RATE), LIMIT_BURST_PACKETS / 2);
	pair.devices[0].limit.packets_per_s = 0;
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	for (int i = 0; i < 300; i++)
		cr_assert(run(&k.frame).pass);
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
	knock_until(&k, CORDON_REASON_PACKET_RATE);
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
	cr_expect(is_burst(n, LIMIT_BURST_PACKETS, 10, start), "%u packets", n);
}
