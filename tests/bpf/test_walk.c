/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow table that no single run of the walk covers, and more flows in it than one run can tell of: each is met once, wherever
 * it lies, and what the walk frees is free in the last bucket too.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/plane.h"
#include "lib/cleanup.h"
#include "small.h"
#include "cordon.skel.h"

#define FLOWS 5000
#define SPORT 10000
#define MAX_FLOWS 100000
#define UNANSWERED_NS (31 * 1000000000ULL)
#define REUSE_NS ((CORDON_REUSE_TICKS + 1ULL) << CORDON_TICK_SHIFT)

static struct dataplane *dp;
static struct small_pair pair;
static char *told;

static void open_large(void)
{
	uint32_t generation;

	dp = small_private_sized(4, MAX_FLOWS);
	small_pair(&pair);
	pair.devices[0].flow_quota = MAX_FLOWS;
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	cr_assert_gt(dp->flow_buckets, 2 * CORDON_WALK_BUCKETS);
	cr_assert_gt(FLOWS, CORDON_WALK_ROWS);
}

static void close_large(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(walk, .init = open_large, .fini = close_large);

static void flow_begin(uint16_t sport)
{
	uint8_t bytes[64];
	struct dataplane_frame frame = {.bytes = bytes, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict v;

	frame.size = small_syn(bytes, MAC_A, MAC_B, 10, 11, sport, 80);
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_assert(v.pass, "reason %d", v.reason);
}

static void flows_begin(void)
{
	for (uint16_t i = 0; i < FLOWS; i++)
		flow_begin(SPORT + i);
}

struct met {
	uint32_t n, again, strange;
	bool flow[FLOWS];
};

static int meet(void *ctx, const struct flow *flow)
{
	struct met *met = ctx;
	uint16_t at = flow->id.port[flow->initiator] - SPORT;

	met->n++;
	if (at >= FLOWS || flow->id.port[!flow->initiator] != 80)
		met->strange++;
	else if (met->flow[at])
		met->again++;
	else
		met->flow[at] = true;
	return 0;
}

static void meet_ended(void *ctx, const struct flow *flow)
{
	meet(ctx, flow);
}

static void expect_each_once(const struct met *met)
{
	cr_expect_eq(met->n, FLOWS);
	cr_expect_eq(met->again, 0);
	cr_expect_eq(met->strange, 0);
}

static uint32_t flows_live(void)
{
	struct dataplane_usage usage;

	cr_assert_eq(dataplane_usage(dp, &usage), 0);
	return usage.flows;
}

/* Rows that are not free, and the highest bucket that has one. */
static uint32_t rows_taken(uint32_t *ret_last)
{
	_cleanup_free_ struct flow_bucket *bucket = malloc(sizeof(*bucket));
	uint32_t n = 0;

	cr_assert(bucket);
	*ret_last = 0;
	for (uint32_t b = 0; b < dp->flow_buckets; b++) {
		cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(dp->bpf->maps.flows), &b, bucket), 0);
		for (int way = 0; way < CORDON_BUCKET_ROWS; way++) {
			n += bucket->tag[way] != 0;
			if (bucket->tag[way])
				*ret_last = b;
		}
	}
	return n;
}

Test(walk, each_flow_is_listed_once)
{
	struct met met = {0};

	flows_begin();
	cr_assert_eq(dataplane_flows_each(dp, meet, &met), 0);
	expect_each_once(&met);
	cr_expect_eq(dataplane_flows_sweep(dp, NULL, NULL), 0, "live ones stay");
	cr_expect_eq(flows_live(), FLOWS);
}

static int stop_at_third(void *ctx, const struct flow *flow)
{
	(void)flow;
	return ++*(int *)ctx == 3;
}

Test(walk, a_listing_stops_where_its_caller_says)
{
	int n = 0;

	flows_begin();
	cr_assert_eq(dataplane_flows_each(dp, stop_at_third, &n), 0);
	cr_expect_eq(n, 3);
}

Test(walk, each_end_is_told_once_and_every_row_is_free_afterwards)
{
	struct met met = {0};
	uint32_t last;

	flows_begin();
	cr_expect_eq(rows_taken(&last), FLOWS);
	cr_expect_gt(last, 2 * CORDON_WALK_BUCKETS, "some lie where only the last run comes");
	cr_assert_eq(dataplane_clock_advance(dp, UNANSWERED_NS), 0);
	cr_expect_eq(dataplane_flows_sweep(dp, meet_ended, &met), FLOWS);
	expect_each_once(&met);
	cr_expect_eq(flows_live(), 0);
	cr_expect_eq(dataplane_flows_sweep(dp, meet_ended, &met), 0, "told already");
	cr_expect_eq(rows_taken(&last), FLOWS, "a program may still hold them");
	cr_assert_eq(dataplane_clock_advance(dp, REUSE_NS), 0);
	cr_expect_eq(dataplane_flows_sweep(dp, meet_ended, &met), 0);
	cr_expect_eq(rows_taken(&last), 0);
	cr_expect_eq(met.n, FLOWS);
	cr_expect_eq(flows_live(), 0, "a quota is given back once");
}

Test(walk, flows_of_a_device_that_leaves_end_and_no_other)
{
	struct dataplane_device_row row;

	flows_begin();
	cr_expect_eq(small_ask(dp, 2, MAC_B, MAC_GATEWAY, 11, 1, 80).reason, CORDON_REASON_DEFAULT_DENY);
	cr_assert_eq(dataplane_device_remove(dp, pair.devices[1].key), 0);
	cr_expect_eq(dataplane_flows_sweep(dp, NULL, NULL), 0, "it owned none");
	cr_expect_eq(flows_live(), FLOWS);
	cr_assert_eq(dataplane_device_remove(dp, pair.devices[0].key), 0);
	cr_expect_eq(dataplane_flows_sweep(dp, NULL, NULL), FLOWS);
	cr_expect_eq(flows_live(), 0);
	cr_assert_eq(dataplane_device_set(dp, &pair.devices[0], &told), 0, "%s", told);
	cr_assert_eq(dataplane_device_read(dp, pair.devices[0].key, &row), 0);
	cr_expect_eq(row.flows[CORDON_DIR_FROM_DEVICE], 0);
}

Test(walk, an_emptied_table_holds_nothing)
{
	struct met met = {0};
	uint32_t last;

	flows_begin();
	cr_assert_eq(dataplane_flows_clear(dp), 0);
	cr_expect_eq(rows_taken(&last), 0);
	cr_expect_eq(flows_live(), 0);
	cr_assert_eq(dataplane_flows_each(dp, meet, &met), 0);
	cr_expect_eq(met.n, 0);
}
