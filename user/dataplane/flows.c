/* SPDX-License-Identifier: Apache-2.0 */
#include "flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cordon/flow_time.h>

#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "kernel.h"
#include "rows.h"
#include "cordon.skel.h"

/* Rows a call; the kernel says -ENOSPC if one bucket holds more, and then the buffers grow. */
#define FLOWS_BATCH 1024

struct flow_batch {
	struct flow_key *keys;
	struct flow *flows;
	uint32_t capacity;
};

static void flow_batch_done(struct flow_batch *b)
{
	free(b->keys);
	free(b->flows);
}

static int flow_batch_grow(struct flow_batch *b, uint32_t capacity)
{
	flow_batch_done(b);
	b->keys = calloc(capacity, sizeof(*b->keys));
	b->flows = calloc(capacity, sizeof(*b->flows));
	b->capacity = capacity;
	return b->keys && b->flows ? 0 : -ENOMEM;
}

/* The walk goes by buckets: rows may come and go meanwhile, each that stays is met once. */
int dataplane_flows_each(struct dataplane *dp, int (*each)(void *ctx, const struct flow *flow), void *ctx)
{
	_cleanup_(flow_batch_done) struct flow_batch b = {0};
	int fd = bpf_map__fd(dp->bpf->maps.flows);
	uint32_t at, next, n;
	bool begun = false;
	int r = flow_batch_grow(&b, FLOWS_BATCH);

	if (r < 0)
		return r;
	for (;;) {
		n = b.capacity;
		r = bpf_map_lookup_batch(fd, begun ? &at : NULL, &next, b.keys, b.flows, &n, NULL);
		if (r == -ENOSPC) {
			r = flow_batch_grow(&b, b.capacity * 2);
			if (r < 0)
				return r;
			continue;
		}
		if (r < 0 && r != -ENOENT)
			return r;
		for (uint32_t i = 0; i < n; i++)
			if (each(ctx, &b.flows[i]))
				return 0;
		if (r == -ENOENT)
			return 0;
		at = next;
		begun = true;
	}
}

/* The device that the flow counts against: its initiator, or the responder where no device began it. */
static uint32_t flow_owner(const struct flow *flow)
{
	return flow->side[0].device >= CORDON_DEVICE_FIRST ? flow->side[0].device : flow->side[1].device;
}

/* Never below zero: a wrapped count would look like a spent quota. */
static void quota_give(struct dataplane *dp, uint32_t owner)
{
	uint32_t *flows, n;

	if (owner >= dp->device_rows.max)
		return;
	flows = &dp->budgets[owner].flows;
	n = __atomic_load_n(flows, __ATOMIC_RELAXED);
	while (n && !__atomic_compare_exchange_n(flows, &n, n - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static bool flow_owner_drains(const struct dataplane *dp, const struct flow *flow)
{
	uint32_t owner = flow_owner(flow);

	return owner >= CORDON_DEVICE_FIRST && owner < dp->device_rows.max && dp->device_rows.state[owner] == ROW_DRAINING;
}

struct flow_sweep {
	struct dataplane *dp;
	uint64_t now;
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

/*
 * The copy that the walk made is old: the row is taken out whole and judged again by its last content, which is also the
 * exact count that `ended` gets. A flow that a packet has just revived is put back, unless the program made a new one.
 */
static int flow_sweep_one(void *ctx, const struct flow *seen)
{
	struct flow_sweep *sweep = ctx;
	struct dataplane *dp = sweep->dp;
	int fd = bpf_map__fd(dp->bpf->maps.flows);
	struct flow flow;

	if (!flow_goes(sweep, seen))
		return 0;
	if (bpf_map_lookup_elem(fd, &seen->id, &flow) < 0 || !flow_goes(sweep, &flow))
		return 0;
	if (bpf_map_lookup_and_delete_elem(fd, &seen->id, &flow) < 0)
		return 0;
	if (!flow_goes(sweep, &flow)) {
		bpf_map_update_elem(fd, &flow.id, &flow, BPF_NOEXIST);
		return 0;
	}
	quota_give(dp, flow_owner(&flow));
	if (sweep->ended)
		sweep->ended(sweep->ctx, &flow);
	sweep->deleted++;
	return 0;
}

int flows_drop_draining(struct dataplane *dp)
{
	struct flow_sweep sweep = {.dp = dp, .now = dataplane_now(dp), .draining_only = true};

	return dataplane_flows_each(dp, flow_sweep_one, &sweep);
}

uint64_t dataplane_now(const struct dataplane *dp)
{
	return clock_boot_ns() + (uint64_t)dp->control->clock_offset;
}

int dataplane_flows_sweep(struct dataplane *dp, void (*ended)(void *ctx, const struct flow *flow), void *ctx)
{
	struct flow_sweep sweep = {.dp = dp, .now = dataplane_now(dp), .ended = ended, .ctx = ctx};
	int r;

	kernel_phase("live");
	r = rows_settle(dp);
	if (r < 0)
		return r;
	r = dataplane_flows_each(dp, flow_sweep_one, &sweep);
	if (r < 0)
		return r;
	r = rows_drained(dp);
	return r < 0 ? r : sweep.deleted;
}

static int flow_forget(void *ctx, const struct flow *flow)
{
	struct dataplane *dp = ctx;

	if (bpf_map_delete_elem(bpf_map__fd(dp->bpf->maps.flows), &flow->id) == 0)
		quota_give(dp, flow_owner(flow));
	return 0;
}

int dataplane_flows_clear(struct dataplane *dp)
{
	return dataplane_flows_each(dp, flow_forget, dp);
}
