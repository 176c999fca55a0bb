/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  what the engine asks for (struct flow_walk), the flow table.
 * Out: rows in `walked`; on the way flows that end, and rows given back.
 * Never: a row that changed hands while it was copied; anything that a packet waits for: this runs in a call of the engine's.
 *
 * The engine does not map the table: what it maps counts as its own memory, and to map a large one piece by piece takes twice
 * as long as to walk it.
 */
#ifndef CORDON_BPF_WALK_H
#define CORDON_BPF_WALK_H

#include "flow_table.h"

/* A row and its tag, which stand apart in their bucket. */
struct way {
	struct flow *row;
	__u32 *tag;
	__u32 *ended;
	__u32 number; /* FLOW_NUMBER */
};

/* Its value, and a full barrier. */
static __always_inline __u32 read_ordered(__u32 *at)
{
	return __sync_fetch_and_or(at, 0);
}

/* False: it was given to another flow meanwhile. Who does that claims the tag before, and counts the birth after. */
static __always_inline bool way_tell(struct flow_walk *walk, const struct way *way)
{
	__u32 at = walk->n, tag = READ_ONCE(*way->tag), birth = read_ordered(&way->row->birth);
	struct flow *told = bpf_map_lookup_elem(&walked, &at);
	const __u64 *from = (const __u64 *)way->row;
	__u64 *to = (__u64 *)told;

	if (!told || !tag || tag == CORDON_TAG_CLAIMED)
		return false;
	/* Backwards, for bytes are counted after packets: of a flow that goes on no byte is told without its packet. */
#pragma unroll
	for (int i = sizeof(*told) / sizeof(__u64) - 1; i >= 0; i--)
		to[i] = READ_ONCE(from[i]);
	if (read_ordered(&way->row->birth) != birth || READ_ONCE(*way->tag) != tag)
		return false;
	walk->n = at + 1;
	return true;
}

/* Its device has no side any more, in force or about to be: the row is on its way to another. */
static __always_inline bool owner_has_left(const struct flow *flow)
{
	__u32 owner = ACCOUNT_DEVICE(flow_account(flow));
	const struct device *device = owner >= CORDON_DEVICE_FIRST ? device_row(owner) : NULL;

	return device && !READ_ONCE(device->side[0].generation) && !READ_ONCE(device->side[1].generation);
}

static __always_inline bool flow_goes(const struct flow_walk *walk, const struct flow *flow)
{
	if (walk->drains && owner_has_left(flow))
		return true;
	return walk->what == CORDON_WALK_SWEEP && flow_is_over(flow, walk->now);
}

/* A flow that ended, by us or by another program, is told of once; its `state` is what it last was. */
static __always_inline void way_tell_end(struct flow_walk *walk, const struct way *way)
{
	if (!(READ_ONCE(way->row->marks) & FLOW_TOLD) && way_tell(walk, way))
		WRITE_ONCE(way->row->marks, FLOW_TOLD);
}

/* By then who had found the row before its flow was put out of it has counted its packet. */
#define COUNTED_TICKS 2

/* A program may take it at any moment: who changes the tag has the row, and tells only then of what was copied before. */
static __always_inline void way_free(struct flow_walk *walk, const struct way *way, __u32 tag)
{
	__u32 told = walk->n;

	if (!(READ_ONCE(way->row->marks) & FLOW_TOLD))
		way_tell(walk, way);
	if (__sync_val_compare_and_swap(way->tag, tag, 0) != tag)
		walk->n = told;
}

static __always_inline void way_sweep(struct flow_walk *walk, const struct way *way, __u32 tag)
{
	__s32 since;

	if (!(tag & CORDON_TAG_OVER)) {
		if (flow_goes(walk, way->row) && flow_end(way->number, walk->now))
			way_tell_end(walk, way);
		return;
	}
	since = walk->now - READ_ONCE(*way->ended);
	if (since >= CORDON_REUSE_TICKS)
		way_free(walk, way, tag);
	else if (since >= COUNTED_TICKS && since < CORDON_STILL_TICKS)
		way_tell_end(walk, way);
}

__noinline int way_walk(struct flow_walk *walk, __u32 number)
{
	struct flow_bucket *bucket = bucket_at(number >> 4);
	__u32 in_bucket = number & 15, tag;
	struct way way;

	barrier_var(in_bucket); /* as in flow_end() */
	if (!walk || !bucket || in_bucket >= CORDON_BUCKET_ROWS)
		return 0;
	way = (struct way){.row = &bucket->row[in_bucket], .tag = &bucket->tag[in_bucket], .ended = &bucket->ended[in_bucket], .number = number};
	tag = READ_ONCE(*way.tag);
	if (!tag || tag == CORDON_TAG_CLAIMED)
		return 0;
	switch (walk->what) {
	case CORDON_WALK_LIST:
		if (!(tag & CORDON_TAG_OVER))
			way_tell(walk, &way);
		break;
	case CORDON_WALK_CLEAR:
		flow_end(number, walk->now);
		WRITE_ONCE(*way.tag, 0);
		break;
	default:
		way_sweep(walk, &way, tag);
	}
	return 0;
}

static __always_inline bool bucket_is_empty(const struct flow_bucket *bucket)
{
	const __u64 *tags = (const __u64 *)bucket->tag;
	__u64 any = 0;

#pragma unroll
	for (int i = 0; i < CORDON_BUCKET_ROWS / 2; i++)
		any |= READ_ONCE(tags[i]);
	return !any;
}

/* The next bucket; 1 ends the loop: there is none, or `walked` might not hold all of it. */
static long bucket_walk(__u32 i, void *ctx)
{
	struct flow_walk *walk = ctx;
	__u32 number = walk->next;
	struct flow_bucket *bucket = bucket_at(number);

	(void)i;
	if (!bucket || walk->n > CORDON_WALK_ROWS - CORDON_BUCKET_ROWS)
		return 1;
	walk->next = number + 1;
	if (walk->what == CORDON_WALK_CLEAR)
		WRITE_ONCE(bucket->spilled, 0);
	if (bucket_is_empty(bucket))
		return 0;
	for (__u32 way = 0; way < CORDON_BUCKET_ROWS; way++)
		if (READ_ONCE(bucket->tag[way]))
			way_walk(walk, FLOW_NUMBER(number, way));
	return 0;
}

SEC("syscall")
int flows_walk(struct flow_walk *asked)
{
	struct flow_walk walk = *asked;

	bpf_loop(CORDON_WALK_BUCKETS, bucket_walk, &walk, 0);
	asked->next = walk.next;
	asked->n = walk.n;
	return 0;
}

#endif
