/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  words side by side, of which some are like another.
 * Out: which: sets of up to sixteen ways, found without branches, which the verifier would have to follow in every combination.
 * Never: what the words mean.
 *
 * Sets of ways are 16 bits: bit i is way 2i, bit 8 + i way 2i + 1, as they come out of words that are read two at a time.
 */
#ifndef CORDON_BPF_WAYS_H
#define CORDON_BPF_WAYS_H

#include "base.h"

#define WAY_NONE 15
#define WAY_BIT(way) ((way) >> 1 | ((way) & 1) << 3)
#define BOTH(half) ((__u64)(half) << 32 | (half))

static __always_inline __u32 bit_is_set(__u32 x)
{
	__u32 minus = -x;

	barrier_var(minus); /* or the compiler would see through this and branch */
	return (x | minus) >> 31;
}

static __always_inline __u64 word_pair(const __u32 *words, int i)
{
	__u64 pair = READ_ONCE(((const __u64 *)words)[i]);

	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? pair : pair >> 32 | pair << 32;
}

static __always_inline __u32 ways_of(__u64 top_bits)
{
	return (__u32)top_bits | (__u32)(top_bits >> 24);
}

/*
 * The way of a bit. The top four of 16 bits of bit * 0x09af, a de Bruijn sequence, are another number for each bit; by that, the ways
 * stand in the constant.
 */
#define WAY_OF_BIT(bit) (0x9bed518f7c36a420ULL >> ((bit) * 0x09af >> 10 & 0x3c) & 15)
#define WAY_IS_OWN(way) (WAY_OF_BIT(1U << (WAY_BIT(way))) == (way))
CORDON_ASSERT(WAY_IS_OWN(0) && WAY_IS_OWN(1) && WAY_IS_OWN(2) && WAY_IS_OWN(3) && WAY_IS_OWN(4) && WAY_IS_OWN(5) && WAY_IS_OWN(6) && WAY_IS_OWN(7) &&
		      WAY_IS_OWN(8) && WAY_IS_OWN(9) && WAY_IS_OWN(10) && WAY_IS_OWN(11) && WAY_IS_OWN(12) && WAY_IS_OWN(13) &&
		      WAY_IS_OWN(14) && WAY_IS_OWN(WAY_NONE),
	      "each bit leads to its way");

/* The way of the lowest set bit; WAY_NONE, which is bit 15, for none. */
static __always_inline __u32 way_first(__u32 ways)
{
	__u32 bit = (ways | 1 << WAY_NONE) & -(ways | 1 << WAY_NONE), way = WAY_OF_BIT(bit);

	barrier_var(way); /* as in flow_end(), flow_table.h */
	return way;
}

static __always_inline __u32 ways_count(__u32 ways)
{
	ways -= ways >> 1 & 0x5555;
	ways = (ways & 0x3333) + (ways >> 2 & 0x3333);
	ways = (ways + (ways >> 4)) & 0x0f0f;
	return (ways + (ways >> 8)) & 0x1f;
}

#endif
