/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a timer of the kernel, armed once by the engine (tick_start).
 * Out: `control.now`, so that a cached verdict can see its deadline without a clock; an unconfirmed policy taken back in time;
 *      flows that are past their time are over.
 * Never: anything that needs the engine: this goes on when it is stopped or gone.
 */
#ifndef CORDON_BPF_TICK_H
#define CORDON_BPF_TICK_H

#include "cache.h"
#include "revert.h"

#define SWEEP_ROWS 240 /* a tick: 24,000 a second */

static __always_inline __u64 clock_now(const struct control *c)
{
	return bpf_ktime_get_boot_ns() + READ_ONCE(c->clock_offset);
}

struct sweep {
	__u32 first; /* row number, were all buckets one after the other */
	__u32 now;
};

/* One second of grace: while the engine lives, it is quicker, and writes a record of what ended. */
static long row_sweep(__u32 i, void *ctx)
{
	struct sweep *sweep = ctx;
	__u32 row = sweep->first + i, number = row / CORDON_BUCKET_ROWS, way = row % CORDON_BUCKET_ROWS, tag;
	struct flow_bucket *bucket = bucket_at(number);

	barrier_var(way); /* or the compiler would leave out what the verifier wants to see */
	if (!bucket || way >= CORDON_BUCKET_ROWS)
		return 1;
	tag = READ_ONCE(bucket->tag[way]);
	if (tag && tag != CORDON_TAG_CLAIMED && !(tag & CORDON_TAG_OVER) &&
	    flow_is_over(&bucket->row[way], sweep->now - CORDON_TICKS(CORDON_SECOND)))
		flow_end(FLOW_NUMBER(number, way), sweep->now);
	return 0;
}

static int tick_fire(void *map, __u32 *key, struct tick *t)
{
	struct sweep sweep = {};
	__u32 zero = 0;
	struct control *c = bpf_map_lookup_elem(&control, &zero);
	__u64 now;

	(void)map, (void)key;
	if (!c)
		return 0;
	now = clock_now(c);
	WRITE_ONCE(c->now, now);
	policy_revert_due(c, now);
	sweep.now = CORDON_TICKS(now);
	sweep.first = c->sweep_next < flow_buckets * CORDON_BUCKET_ROWS ? c->sweep_next : 0;
	bpf_loop(SWEEP_ROWS, row_sweep, &sweep, 0);
	c->sweep_next = sweep.first + SWEEP_ROWS;
	bpf_timer_start(&t->timer, CORDON_TICK_NS, 0);
	return 0;
}

/* Run by the engine when it starts: a program that is loaded anew takes the timer over from the old one. */
SEC("tc")
int tick_start(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct tick *t = bpf_map_lookup_elem(&tick, &zero);
	struct control *c = bpf_map_lookup_elem(&control, &zero);
	long err;

	(void)skb;
	if (!t || !c)
		return 1;
	err = bpf_timer_init(&t->timer, &tick, CLOCK_BOOTTIME);
	if (err && err != -EBUSY)
		return 1;
	if (bpf_timer_set_callback(&t->timer, tick_fire) || bpf_timer_start(&t->timer, CORDON_TICK_NS, 0))
		return 1;
	WRITE_ONCE(c->now, clock_now(c));
	return 0;
}

static long settle_pair(__u32 number, void *ctx)
{
	struct cache_pair *pair = cache_pair_at(number);

	(void)ctx;
	if (pair)
		pair_fold(pair);
	return 0;
}

/* Folds what this CPU's part of the cache has counted: the engine asks before it reads. */
SEC("tc")
int cache_settle(struct __sk_buff *skb)
{
	(void)skb;
	bpf_loop(cache_pairs, settle_pair, NULL, 0);
	return 0;
}

#endif
