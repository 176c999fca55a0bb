/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  keys of conversations; rows filled by flow.h.
 * Out: the row of a key, a new row, the end of one; quotas with them.
 * Never: a row without its key compared; a live flow put out for a new one; meaning of states.
 *
 * Two CPUs that make the same flow hold the same lock, and the second finds the row of the first. Two that make different
 * flows in one bucket take different ways by compare-and-swap. A lookup takes no lock: it may miss a row that is being made,
 * and then makes it itself, which finds it.
 */
#ifndef CORDON_BPF_FLOW_TABLE_H
#define CORDON_BPF_FLOW_TABLE_H

#include "device.h"

#define BUCKET_EASY 11 /* rows of the first bucket that are taken before the second is thought of */

const volatile __u32 flow_buckets = 1;

static __always_inline __u64 flow_key_hash(const struct control *c, const struct flow_key *key)
{
	const __u32 *w = (const __u32 *)key;

	return hash_words2(c, 0, w[0], w[1]) + hash_words2(c, 2, w[2], w[3]) + hash_words2(c, 4, w[4], w[5]) +
	       hash_words2(c, 6, w[6], w[7]) + hash_words2(c, 8, w[8], w[9]);
}

static __always_inline void flow_place_make(const struct control *c, const struct flow_key *key, struct flow_place *ret)
{
	__u64 sum = flow_key_hash(c, key);
	__u32 tag;

	ret->spread[0] = hash_spread(c, sum, HASH_BUCKET);
	ret->spread[1] = hash_spread(c, sum, HASH_OTHER_BUCKET);
	tag = (__u32)(ret->spread[0] ^ ret->spread[1] >> 32) & ~CORDON_TAG_OVER;
	ret->tag = tag && tag != CORDON_TAG_CLAIMED ? tag : 1;
}

static __always_inline bool flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4];
}

static __always_inline struct flow_bucket *bucket_at(__u32 number)
{
	return bpf_map_lookup_elem(&flows, &number);
}

static __always_inline struct flow *flow_at(__u32 number)
{
	struct flow_bucket *bucket = bucket_at(number >> 4);
	__u32 way = number & 15;

	barrier_var(way); /* as in flow_end() */
	return bucket && way < CORDON_BUCKET_ROWS ? &bucket->row[way] : NULL;
}

static __always_inline __u32 ways_tagged(const struct flow_bucket *bucket, __u32 tag)
{
	__u64 others = 0, both = BOTH((__u64)tag);

#pragma unroll
	for (int i = 0; i < CORDON_BUCKET_ROWS / 2; i++) {
		__u64 differ = word_pair(bucket->tag, i) ^ both;

		/* A half's top bit: the half is not 0. */
		differ |= (differ & BOTH(0x7fffffffULL)) + BOTH(0x7fffffffULL);
		others |= (differ & BOTH(0x80000000ULL)) >> (31 - i);
	}
	return ways_of(~others & BOTH((1ULL << CORDON_BUCKET_ROWS / 2) - 1));
}

static __always_inline __u32 ways_over(const struct flow_bucket *bucket)
{
	__u64 over = 0;

#pragma unroll
	for (int i = 0; i < CORDON_BUCKET_ROWS / 2; i++)
		over |= (word_pair(bucket->tag, i) & BOTH((__u64)CORDON_TAG_OVER)) >> (31 - i);
	return ways_of(over);
}

static __always_inline struct flow *bucket_find(struct flow_bucket *bucket, __u32 tag, const struct flow_key *key, __u32 *ret_way)
{
	__u32 ways = ways_tagged(bucket, tag);

	/* Two keys of one bucket have the same 31 bits once in many lifetimes; then the third is not found and not made. */
	for (int i = 0; i < 2; i++) {
		__u32 way = way_first(ways);

		if (way >= CORDON_BUCKET_ROWS)
			return NULL;
		if (flow_key_equal(&bucket->row[way].id, key)) {
			*ret_way = way;
			return &bucket->row[way];
		}
		ways &= ways - 1;
	}
	return NULL;
}

/* The row of a key, live or past its time; *ret_number names it. */
static __noinline struct flow *flow_lookup(const struct flow_place *place, const struct flow_key *key, __u32 *ret_number)
{
	__u32 number = hash_index(place->spread[0], flow_buckets), way = 0;
	struct flow_bucket *bucket = bucket_at(number);
	struct flow *flow;

	if (!bucket)
		return NULL;
	flow = bucket_find(bucket, place->tag, key, &way);
	if (!flow && READ_ONCE(bucket->spilled)) {
		number = hash_index(place->spread[1], flow_buckets);
		bucket = bucket_at(number);
		flow = bucket ? bucket_find(bucket, place->tag, key, &way) : NULL;
	}
	if (flow)
		*ret_number = FLOW_NUMBER(number, way);
	return flow;
}

static __always_inline struct usage *usage_row(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&usage, &zero);
}

static __always_inline __u32 *account_count(__u32 account)
{
	struct device *device = device_row(ACCOUNT_DEVICE(account));

	return device ? &device->budget.flows[ACCOUNT_DIR(account)] : NULL;
}

static __always_inline void quota_give(__u32 account)
{
	__u32 *count = account_count(account);
	struct usage *all = usage_row();

	if (count)
		__sync_fetch_and_sub(count, 1);
	if (all)
		__sync_fetch_and_sub(&all->flows, 1);
}

/* The last sixteenth of the table is for critical devices. */
static __always_inline __u32 usage_limit(const struct usage *all, const struct device *device)
{
	return device->flags & DEVICE_CRITICAL ? all->max_flows : all->max_flows - all->max_flows / 16;
}

static __always_inline enum cordon_reason quota_take(__u32 account)
{
	__u32 *count = account_count(account), quota;
	struct device *device = device_row(ACCOUNT_DEVICE(account));
	struct usage *all = usage_row();

	if (!count || !device || !all)
		return CORDON_REASON_INTERNAL;
	if ((__s32)__sync_fetch_and_add(&all->flows, 1) >= (__s32)usage_limit(all, device)) {
		__sync_fetch_and_sub(&all->flows, 1);
		return CORDON_REASON_FLOW_FULL;
	}
	quota = READ_ONCE(device->flow_quota);
	if ((__s32)__sync_fetch_and_add(count, 1) >= (__s32)quota && quota) {
		quota_give(account);
		return CORDON_REASON_FLOW_QUOTA;
	}
	return CORDON_REASON_NONE;
}

/* A live flow that changes hands keeps its place, whatever the new owner's quota. */
static __always_inline void quota_move(__u32 from, __u32 to)
{
	__u32 *gives = account_count(from), *takes = account_count(to);

	if (from == to || !gives || !takes)
		return;
	__sync_fetch_and_add(takes, 1);
	__sync_fetch_and_sub(gives, 1);
}

/* No packet finds the row from here on. Who marks the tag gives the quota back, so that it is given once. */
__noinline int flow_end(__u32 number, __u32 now)
{
	struct flow_bucket *bucket = bucket_at(number >> 4);
	__u32 way = number & 15, tag;
	struct flow *flow;

	barrier_var(way); /* else clang compares with 15 alone, from which 6.1 learns no bound */
	if (!bucket || way >= CORDON_BUCKET_ROWS)
		return 0;
	flow = &bucket->row[way];
	tag = READ_ONCE(bucket->tag[way]);
	if (!tag || tag == CORDON_TAG_CLAIMED || tag & CORDON_TAG_OVER)
		return 0;
	WRITE_ONCE(bucket->ended[way], now);
	if (__sync_val_compare_and_swap(&bucket->tag[way], tag, tag | CORDON_TAG_OVER) != tag)
		return 0;
	quota_give(flow_account(flow));
	return 1;
}

/* A row that is over has been for so long that no program holds it. */
static __always_inline bool row_is_free(const struct flow_bucket *bucket, __u32 way, __u32 now)
{
	return (__s32)(now - READ_ONCE(bucket->ended[way])) >= CORDON_REUSE_TICKS || trusts(TRUST_TIME);
}

/*
 * Has this row the flow that was born in it as `birth`, and for long enough to add to its counts? Not one that ended a while ago,
 * which could be another's before that is done. The tag first: of a live one, and a birth that is the same after it, the end is
 * yet to come.
 */
static __always_inline bool row_holds(const struct flow_bucket *bucket, __u32 way, __u32 birth, __u32 now)
{
	__u32 tag = READ_ONCE(bucket->tag[way]), ended = READ_ONCE(bucket->ended[way]);

	if (READ_ONCE(bucket->row[way].birth) != birth)
		return trusts(TRUST_BIRTH);
	if (!tag || tag == CORDON_TAG_CLAIMED)
		return false;
	return !(tag & CORDON_TAG_OVER) || (__s32)(now - ended) < CORDON_STILL_TICKS || trusts(TRUST_TIME);
}

/* A way that can be filled: one of those that were `free`, else one whose flow has been over for long enough. */
static __always_inline __u32 way_claim(struct flow_bucket *bucket, __u32 free, __u32 now)
{
	__u32 way = way_first(free), tag = 0;

	if (way >= CORDON_BUCKET_ROWS) {
		way = way_first(ways_over(bucket));
		if (way >= CORDON_BUCKET_ROWS)
			return WAY_NONE;
		/* In this order: whoever takes the way and ends it again meanwhile leaves another tag, or a later end. */
		tag = READ_ONCE(bucket->tag[way]);
		if (!(tag & CORDON_TAG_OVER) || !row_is_free(bucket, way, now))
			return WAY_NONE;
	}
	return __sync_val_compare_and_swap(&bucket->tag[way], tag, CORDON_TAG_CLAIMED) == tag ? way : WAY_NONE;
}

static __always_inline void row_fill(struct flow_bucket *bucket, __u32 way, __u32 tag, const struct flow *fresh)
{
	struct flow *row = &bucket->row[way];
	__u32 birth = row->birth + 1;
	const __u32 *from = (const __u32 *)fresh; /* as it was written: see address_copy() */
	__u32 *to = (__u32 *)row;

	/* First, so that who has begun to copy the old flow sees that it went; of `fresh` it is 0 too. */
	WRITE_ONCE(row->birth, 0);
#pragma unroll
	for (int i = 0; i < (int)(sizeof(*fresh) / sizeof(__u32)); i++)
		WRITE_ONCE(to[i], from[i]);
	WRITE_ONCE(row->birth, birth ? birth : 1);
	__sync_lock_test_and_set(&bucket->tag[way], tag);
}

/*
 * A row for p->fresh, whose key has p->place; p->flow_number names it. FLOW_KNOWN: another CPU was quicker with this key, and
 * that is its row. Global, so that the verifier reads it once and not along every road that leads here.
 */
enum flow_made { FLOW_MADE, FLOW_KNOWN, FLOW_NO_ROOM };

__noinline int flow_make(struct packet *p)
{
	__u32 number[2], free[2] = {0, 0}, tag, lock_number, way, now, second = 0;
	struct flow_bucket *a, *b;
	struct flow_lock *lock;

	if (!p)
		return FLOW_NO_ROOM;
	widen(HOLD_MAKE);
	tag = p->place.tag;
	now = CORDON_TICKS(p->now);
	lock_number = tag & (CORDON_FLOW_LOCKS - 1);
	number[0] = hash_index(p->place.spread[0], flow_buckets);
	number[1] = hash_index(p->place.spread[1], flow_buckets);
	a = bucket_at(number[0]);
	b = bucket_at(number[1]);
	lock = bpf_map_lookup_elem(&flow_locks, &lock_number);
	if (!a || !b || !lock)
		return FLOW_NO_ROOM;

	bpf_spin_lock(&lock->lock);
	way = way_first(ways_tagged(a, tag));
	if (way < CORDON_BUCKET_ROWS) {
		bpf_spin_unlock(&lock->lock);
		p->flow_number = FLOW_NUMBER(number[0], way);
		return FLOW_KNOWN;
	}
	/*
	 * The first bucket while that is easy, else the emptier one; a lookup looks into the second only where it must. So does this:
	 * before a row of a key went there, `spilled` was stored, under this lock.
	 */
	free[0] = ways_tagged(a, 0);
	if ((READ_ONCE(a->spilled) && !trusts(TRUST_FIRST)) || ways_count(free[0]) < CORDON_BUCKET_ROWS - BUCKET_EASY) {
		way = way_first(ways_tagged(b, tag));
		if (way < CORDON_BUCKET_ROWS) {
			bpf_spin_unlock(&lock->lock);
			p->flow_number = FLOW_NUMBER(number[1], way);
			return FLOW_KNOWN;
		}
		free[1] = ways_tagged(b, 0);
		second = ways_count(free[0]) < CORDON_BUCKET_ROWS - BUCKET_EASY && ways_count(free[0]) < ways_count(free[1]);
	}
	way = second ? way_claim(b, free[1], now) : way_claim(a, free[0], now);
	if (way >= CORDON_BUCKET_ROWS) {
		second ^= 1;
		way = second ? way_claim(b, ways_tagged(b, 0), now) : way_claim(a, free[0], now);
	}
	if (way < CORDON_BUCKET_ROWS) {
		if (second)
			WRITE_ONCE(a->spilled, 1);
		row_fill(second ? b : a, way, tag, &p->fresh);
	}
	bpf_spin_unlock(&lock->lock);
	if (way >= CORDON_BUCKET_ROWS)
		return FLOW_NO_ROOM;
	p->flow_number = FLOW_NUMBER(second ? number[1] : number[0], way);
	return FLOW_MADE;
}

#endif
