/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a timer of the kernel, armed once by the engine (tick_start).
 * Out: `control.now`, so that a cached verdict can see its deadline without a clock; an unconfirmed policy taken back in time;
 *      flows that are past their time are over, and those that no packet comes for are reviewed (review.h).
 * Never: anything that needs the engine: this goes on when it is stopped or gone.
 */
#ifndef CORDON_BPF_TICK_H
#define CORDON_BPF_TICK_H

#include "cache.h"
#include "review.h"
#include "revert.h"
#include "warm.h"

/*
 * In what time the sweep goes over the whole table, and, while it looks at every flow, how often it comes and how long it may keep
 * packets waiting.
 */
#define SWEEP_ROUND_NS (CORDON_SECOND * 8 / 10)
#define REVIEW_ROUND_NS (CORDON_SECOND * 4 / 10)
#define REVIEW_EVERY_NS 1000000ULL
#define REVIEW_NS 700000ULL

static __always_inline __u64 clock_now(const struct control *c)
{
	return bpf_ktime_get_boot_ns() + READ_ONCE(c->clock_offset);
}

struct sweep {
	__u64 begun;
	__u32 first;   /* bucket */
	__u32 done;
	__u32 now;
	__u32 all;     /* flows whose time has not come are looked at, too: something changed */
	__u32 resolve; /* whose an address is may have changed */
	__u32 generation; /* of the policy in force */
	__u32 again;
};

static __always_inline __u32 ways_live(const struct flow_bucket *bucket)
{
	__u32 ways = 0;

#pragma unroll
	for (int w = 0; w < CORDON_BUCKET_ROWS; w++) {
		__u32 tag = READ_ONCE(bucket->tag[w]);

		ways |= (bit_is_set(tag) & bit_is_set(tag ^ CORDON_TAG_CLAIMED) & (tag >> 31 ^ 1)) << WAY_BIT(w);
	}
	return ways;
}

/* One second of grace: while the engine lives, it is quicker, and writes a record of what ended. */
__noinline int row_sweep(struct sweep *sweep, __u32 number)
{
	const struct flow *flow = flow_at(number);
	__u32 until;

	if (!sweep || !flow)
		return 0;
	until = READ_ONCE(flow->until);
	if (flow_is_over(flow, sweep->now - CORDON_TICKS(CORDON_SECOND)))
		flow_end(number, sweep->now);
	else if (sweep->all || (until && tick_reached(sweep->now, until)))
		sweep->again |= flow_review(number, sweep->resolve);
	return 0;
}

static long bucket_sweep(__u32 i, void *ctx)
{
	struct sweep *sweep = ctx;
	__u32 number = sweep->first + i, ways;
	struct flow_bucket *bucket = bucket_at(number);

	if (!bucket)
		return 1;
	ways = ways_live(bucket);
	if (sweep->all)
		bucket_warm(number, ways, sweep->generation, sweep->resolve);
	for (int n = 0; n < CORDON_BUCKET_ROWS; n++) {
		__u32 way = way_first(ways);

		if (way >= CORDON_BUCKET_ROWS)
			break;
		row_sweep(sweep, FLOW_NUMBER(number, way));
		ways &= ways - 1;
	}
	sweep->done++;
	return bpf_ktime_get_boot_ns() - sweep->begun > REVIEW_NS;
}

static __always_inline __u32 less(__u32 a, __u32 b)
{
	return a > b ? a - b : 0;
}

/* What moved since the last time is looked for in each bucket once more, from where the sweep stands. */
static __always_inline void review_begin(struct control *c, __u64 word)
{
	__u32 addresses = READ_ONCE(c->addresses); /* counted up before the word moves */

	if (c->review_addresses != addresses) {
		c->review_addresses = addresses;
		c->resolve_left = flow_buckets;
	}
	if (c->review_word != word) {
		c->review_word = word;
		c->review_left = flow_buckets;
	}
}

/* How many buckets are due, of a round in so many ns; a timer that comes late has more to do. */
static __always_inline __u32 sweep_part(struct control *c, __u64 now, __u64 round)
{
	__u64 since = now - c->swept_at;

	c->swept_at = now;
	return (since < round ? since : round) * flow_buckets / round + 1;
}

/*
 * All buckets, a part of them each time, so a flow that is no longer allowed lives no longer than a round. Without a change each row
 * costs a look at its time, no more. Returns when to come again, in ns.
 */
static __always_inline __u64 flows_sweep(struct control *c, struct packet *p)
{
	struct sweep sweep = {.now = packet_tick(p), .begun = bpf_ktime_get_boot_ns()};
	__u64 took;

	review_begin(c, p->word);
	sweep.all = (c->review_left || c->resolve_left) && p->generation;
	sweep.resolve = c->resolve_left != 0;
	sweep.generation = p->generation;
	sweep.first = c->sweep_next < flow_buckets ? c->sweep_next : 0;
	bpf_loop(sweep_part(c, sweep.begun, sweep.all ? REVIEW_ROUND_NS : SWEEP_ROUND_NS), bucket_sweep, &sweep, 0);
	c->sweep_next = sweep.first + sweep.done;
	c->review_left = sweep.again ? flow_buckets : less(c->review_left, sweep.done);
	c->resolve_left = sweep.again ? flow_buckets : less(c->resolve_left, sweep.done);
	if (!sweep.all)
		return CORDON_TICK_NS;
	took = bpf_ktime_get_boot_ns() - sweep.begun;
	return REVIEW_EVERY_NS - (took < REVIEW_NS ? took : REVIEW_NS);
}

static int tick_fire(void *map, __u32 *key, struct tick *t)
{
	__u32 zero = 0;
	struct control *c = bpf_map_lookup_elem(&control, &zero);
	struct packet *p = review_packet();
	__u64 now;

	(void)map, (void)key;
	if (!c || !p)
		return 0;
	now = clock_now(c);
	WRITE_ONCE(c->now, now);
	policy_revert_due(c, now);
	packet_clear(p, READ_ONCE(*(const __u64 *)c), now);
	bpf_timer_start(&t->timer, flows_sweep(c, p), 0);
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
