/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  the words of a key, the secret of this boot.
 * Out: a hash that no sender can aim: NH (Black et al., UMAC, RFC 4418 5.2) makes two different keys meet with probability
 *      2^-32 over the choice of the secret, and a random odd multiplier spreads the sum over a table (Dietzfelbinger 1997).
 * Never: a hash without the secret.
 */
#ifndef CORDON_HASH_H
#define CORDON_HASH_H

#include "maps.h"

/* Multipliers of struct control. */
enum hash_table { HASH_BUCKET, HASH_OTHER_BUCKET, HASH_CACHE, HASH_LINE, HASH_OTHER_LINE, HASH_TABLES };
CORDON_ASSERT(HASH_TABLES == CORDON_HASH_TABLES, "a multiplier each");

static inline __u64 hash_words2(const struct control *c, __u32 i, __u32 a, __u32 b)
{
	return (__u64)(__u32)(a + c->hash_key[i]) * (__u32)(b + c->hash_key[i + 1]);
}

/*
 * Sums of keys that differ in one number, as addresses and ports of a site do, are evenly spaced, and so are their products: a lattice,
 * in which some sets of a few rows get many and others none. One secret in a hundred crowded a table so that flows found no room at
 * a third of it. Folding the high half in and multiplying once more breaks that; no two sums become one.
 */
static inline __u64 hash_spread(const struct control *c, __u64 sum, enum hash_table table)
{
	__u64 product = sum * c->hash_multiplier[table];

	return (product ^ product >> 32) * 0x9e3779b97f4a7c15ULL;
}

/* 0..n-1 by the high half: the low bits of a product know little of the sum's high ones. */
static inline __u32 hash_index(__u64 spread, __u32 n)
{
	return (__u32)((spread >> 32) * n >> 32);
}

/* Where an index may have the row of a key. */
struct index_place {
	__u32 line[2]; /* never the same */
	__u32 tag;     /* where a slot has it; not 0 */
};

/* What an index is asked by: from it follow both lines and the tag. */
static inline __u64 index_spread(const struct control *c, __u64 sum)
{
	return hash_spread(c, sum, HASH_LINE);
}

static inline __u32 index_line_first(__u64 spread, __u32 lines)
{
	return hash_index(spread, lines);
}

/* `lines`: two at least. */
static inline __u32 index_line_other(const struct control *c, __u64 spread, __u32 lines)
{
	__u32 other = hash_index(hash_spread(c, spread, HASH_OTHER_LINE), lines - 1);

	return other + (other >= index_line_first(spread, lines));
}

static inline __u32 index_tag(__u64 spread)
{
	__u32 tag = (__u32)spread & ~CORDON_INDEX_ROW;

	return tag ? tag : 1U << CORDON_INDEX_TAG_SHIFT;
}

static inline void index_place_make(const struct control *c, __u64 spread, __u32 lines, struct index_place *ret)
{
	ret->line[0] = index_line_first(spread, lines);
	ret->line[1] = index_line_other(c, spread, lines);
	ret->tag = index_tag(spread);
}

/* By the MAC alone: who looks for it under one tag meets it under another. */
static inline __u64 index_spread_of_device(const struct control *c, __u64 key)
{
	return index_spread(c, hash_words2(c, 0, (__u32)key & 0xffff0000U, (__u32)(key >> 32)));
}

static inline void index_place_of_device(const struct control *c, __u64 key, __u32 lines, struct index_place *ret)
{
	index_place_make(c, index_spread_of_device(c, key), lines, ret);
}

/* As wide as it was written: see address_copy() in bpf/base.h. */
static inline __u64 index_spread_of_address(const struct control *c, const struct address *address)
{
	const __u64 *x = (const __u64 *)(const void *)address;

	return index_spread(c, hash_words2(c, 0, (__u32)x[0], (__u32)(x[0] >> 32)) + hash_words2(c, 2, (__u32)x[1], (__u32)(x[1] >> 32)));
}

static inline void index_place_of_address(const struct control *c, const struct address *address, __u32 lines, struct index_place *ret)
{
	index_place_make(c, index_spread_of_address(c, address), lines, ret);
}

#endif
