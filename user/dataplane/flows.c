/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table is shared memory: no call is made for a row. Programs fill rows and end them; the engine tells of what ended
 * and frees it. A row that is read here can be given to another flow meanwhile, but not sooner than CORDON_REUSE_TICKS after
 * its end, and its birth tells.
 */
#include "flows.h"

#include <errno.h>
#include <string.h>

#include <cordon/flow_time.h>

#include "../lib/clock.h"
#include "cache.h"
#include "kernel.h"
#include "rows.h"

static uint32_t tag_of(const struct flow_bucket *bucket, unsigned int way)
{
	return __atomic_load_n(&bucket->tag[way], __ATOMIC_ACQUIRE);
}

/* -EAGAIN: it changed hands while it was copied. */
static int row_copy(const struct flow_bucket *bucket, unsigned int way, struct flow *ret)
{
	const struct flow *row = &bucket->row[way];
	uint32_t birth = __atomic_load_n(&row->birth, __ATOMIC_ACQUIRE);

	memcpy(ret, row, sizeof(*ret));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&row->birth, __ATOMIC_RELAXED) == birth ? 0 : -EAGAIN;
}

static bool tag_is_live(uint32_t tag)
{
	return tag && tag != CORDON_TAG_CLAIMED && !(tag & CORDON_TAG_OVER);
}

int dataplane_flows_each(struct dataplane *dp, int (*each)(void *ctx, const struct flow *flow), void *ctx)
{
	int r = cache_settle(dp);

	if (r < 0)
		return r;
	for (uint32_t b = 0; b < dp->flow_buckets; b++) {
		for (unsigned int way = 0; way < CORDON_BUCKET_ROWS; way++) {
			struct flow flow;

			if (tag_is_live(tag_of(&dp->flows[b], way)) && row_copy(&dp->flows[b], way, &flow) == 0 && each(ctx, &flow))
				return 0;
		}
	}
	return 0;
}

/* Never below zero: a wrapped count would look like a spent quota. */
static void count_down(uint32_t *count)
{
	uint32_t n = __atomic_load_n(count, __ATOMIC_RELAXED);

	while (n && !__atomic_compare_exchange_n(count, &n, n - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void quota_give(struct dataplane *dp, uint32_t account)
{
	count_down(&dp->usage->flows);
	if (ACCOUNT_DEVICE(account) < dp->device_rows.max)
		count_down(&dp->budgets[ACCOUNT_DEVICE(account)].flows[ACCOUNT_DIR(account)]);
}

static bool flow_owner_drains(const struct dataplane *dp, const struct flow *flow)
{
	uint32_t owner = ACCOUNT_DEVICE(flow_account(flow));

	return owner >= CORDON_DEVICE_FIRST && owner < dp->device_rows.max && dp->device_rows.state[owner] == ROW_DRAINING;
}

/* As the program's flow_end(): whoever marks the tag gives the quota back. True: it was we. */
static bool row_end(struct dataplane *dp, struct flow_bucket *bucket, unsigned int way, uint32_t now)
{
	struct flow *row = &bucket->row[way];
	uint32_t tag = tag_of(bucket, way);

	if (!tag_is_live(tag))
		return false;
	__atomic_store_n(&row->until, now, __ATOMIC_RELAXED);
	if (!__atomic_compare_exchange_n(&bucket->tag[way], &tag, tag | CORDON_TAG_OVER, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	quota_give(dp, flow_account(row));
	return true;
}

struct flow_sweep {
	struct dataplane *dp;
	uint32_t now; /* tick */
	bool draining_only;
	void (*ended)(void *ctx, const struct flow *flow);
	void *ctx;
	int deleted;
};

static bool flow_goes(const struct flow_sweep *sweep, const struct flow *flow)
{
	if (flow_owner_drains(sweep->dp, flow))
		return true;
	return !sweep->draining_only && flow_is_over(flow, sweep->now);
}

/* Tells of a flow that ended, by us or by a program; its `state` is what it last was. */
static void tell(struct flow_sweep *sweep, struct flow *row, const struct flow *copy)
{
	__atomic_store_n(&row->marks, FLOW_TOLD, __ATOMIC_RELAXED);
	if (sweep->ended)
		sweep->ended(sweep->ctx, copy);
	sweep->deleted++;
}

static void sweep_live(struct flow_sweep *sweep, struct flow_bucket *bucket, unsigned int way)
{
	struct flow flow;

	if (!flow_goes(sweep, &bucket->row[way]) || !row_end(sweep->dp, bucket, way, sweep->now))
		return;
	if (row_copy(bucket, way, &flow) == 0)
		tell(sweep, &bucket->row[way], &flow);
}

static void sweep_over(struct flow_sweep *sweep, struct flow_bucket *bucket, unsigned int way)
{
	struct flow *row = &bucket->row[way], flow;
	uint32_t tag = tag_of(bucket, way);

	if (!(__atomic_load_n(&row->marks, __ATOMIC_RELAXED) & FLOW_TOLD) && row_copy(bucket, way, &flow) == 0)
		tell(sweep, row, &flow);
	if ((int32_t)(sweep->now - __atomic_load_n(&row->until, __ATOMIC_RELAXED)) >= CORDON_REUSE_TICKS && tag & CORDON_TAG_OVER)
		__atomic_compare_exchange_n(&bucket->tag[way], &tag, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void sweep_all(struct flow_sweep *sweep)
{
	struct dataplane *dp = sweep->dp;

	for (uint32_t b = 0; b < dp->flow_buckets; b++) {
		for (unsigned int way = 0; way < CORDON_BUCKET_ROWS; way++) {
			uint32_t tag = tag_of(&dp->flows[b], way);

			if (tag & CORDON_TAG_OVER)
				sweep_over(sweep, &dp->flows[b], way);
			else if (tag_is_live(tag))
				sweep_live(sweep, &dp->flows[b], way);
		}
	}
}

int flows_drop_draining(struct dataplane *dp)
{
	struct flow_sweep sweep = {.dp = dp, .now = CORDON_TICKS(dataplane_now(dp)), .draining_only = true};

	sweep_all(&sweep);
	return 0;
}

uint64_t dataplane_now(const struct dataplane *dp)
{
	return clock_boot_ns() + (uint64_t)dp->control->clock_offset;
}

int dataplane_flows_sweep(struct dataplane *dp, void (*ended)(void *ctx, const struct flow *flow), void *ctx)
{
	struct flow_sweep sweep = {.dp = dp, .now = CORDON_TICKS(dataplane_now(dp)), .ended = ended, .ctx = ctx};
	int r;

	kernel_phase("live");
	r = rows_settle(dp);
	if (r == 0)
		r = cache_settle(dp);
	if (r < 0)
		return r;
	sweep_all(&sweep);
	r = rows_drained(dp);
	return r < 0 ? r : sweep.deleted;
}

/* For tables that no program uses at this moment: replay, between two worlds. */
int dataplane_flows_clear(struct dataplane *dp)
{
	uint32_t now = CORDON_TICKS(dataplane_now(dp));

	for (uint32_t b = 0; b < dp->flow_buckets; b++) {
		for (unsigned int way = 0; way < CORDON_BUCKET_ROWS; way++) {
			row_end(dp, &dp->flows[b], way, now);
			__atomic_store_n(&dp->flows[b].tag[way], 0, __ATOMIC_RELEASE);
		}
		__atomic_store_n(&dp->flows[b].spilled, 0, __ATOMIC_RELEASE);
	}
	return 0;
}
