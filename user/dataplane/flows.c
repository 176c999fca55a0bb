/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table is walked in the kernel, some thousand buckets a call; what is met comes in shared memory. Programs fill rows
 * and end them; the engine's walk tells of what ended, once, and frees it. bpf/walk.h
 */
#include "flows.h"

#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/clock.h"
#include "cache.h"
#include "kernel.h"
#include "rows.h"
#include "cordon.skel.h"

/* As far as one run goes. */
static int walk_on(struct dataplane *dp, struct flow_walk *walk)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = walk, .ctx_size_in = sizeof(*walk));

	walk->n = 0;
	return bpf_prog_test_run_opts(bpf_program__fd(dp->bpf->progs.flows_walk), &opts);
}

static struct flow_walk walk_begin(const struct dataplane *dp, enum cordon_walk what)
{
	return (struct flow_walk){.what = what, .now = CORDON_TICKS(dataplane_now(dp)), .drains = dp->device_rows.count[ROW_DRAINING]};
}

int dataplane_flows_each(struct dataplane *dp, int (*each)(void *ctx, const struct flow *flow), void *ctx)
{
	struct flow_walk walk = walk_begin(dp, CORDON_WALK_LIST);
	int r = cache_settle(dp);

	while (r == 0 && walk.next < dp->flow_buckets) {
		r = walk_on(dp, &walk);
		for (uint32_t i = 0; r == 0 && i < walk.n; i++)
			if (each(ctx, &dp->walked[i]))
				return 0;
	}
	return r;
}

/* Returns how many had ended. */
static int sweep(struct dataplane *dp, enum cordon_walk what, void (*ended)(void *ctx, const struct flow *flow), void *ctx)
{
	struct flow_walk walk = walk_begin(dp, what);
	int n = 0;

	while (walk.next < dp->flow_buckets) {
		int r = walk_on(dp, &walk);

		if (r < 0)
			return r;
		n += (int)walk.n;
		for (uint32_t i = 0; ended && i < walk.n; i++)
			ended(ctx, &dp->walked[i]);
	}
	return n;
}

int flows_drop_draining(struct dataplane *dp)
{
	int r = sweep(dp, CORDON_WALK_DRAIN, NULL, NULL);

	return r < 0 ? r : 0;
}

uint64_t dataplane_now(const struct dataplane *dp)
{
	return clock_boot_ns() + (uint64_t)dp->control->clock_offset;
}

int dataplane_flows_sweep(struct dataplane *dp, void (*ended)(void *ctx, const struct flow *flow), void *ctx)
{
	int r, n;

	kernel_phase("live");
	r = rows_settle(dp);
	if (r == 0)
		r = cache_settle(dp);
	if (r < 0)
		return r;
	n = sweep(dp, CORDON_WALK_SWEEP, ended, ctx);
	r = n < 0 ? n : rows_drained(dp);
	return r < 0 ? r : n;
}

/* For tables that no program uses at this moment: replay, between two worlds. */
int dataplane_flows_clear(struct dataplane *dp)
{
	return sweep(dp, CORDON_WALK_CLEAR, NULL, NULL);
}
