/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  the words of a key, the secret of this boot.
 * Out: a hash that no sender can aim: NH (Black et al., UMAC, RFC 4418 5.2) makes two different keys meet with probability
 *      2^-32 over the choice of the secret, and a random odd multiplier spreads the sum over a table (Dietzfelbinger 1997).
 * Never: a hash without the secret.
 */
#ifndef CORDON_BPF_HASH_H
#define CORDON_BPF_HASH_H

#include "maps.h"

enum hash_table { HASH_BUCKET, HASH_OTHER_BUCKET, HASH_CACHE };

static __always_inline __u64 hash_words2(const struct control *c, __u32 i, __u32 a, __u32 b)
{
	return (__u64)(__u32)(a + c->hash_key[i]) * (__u32)(b + c->hash_key[i + 1]);
}

static __always_inline __u64 hash_key(const struct control *c, const struct flow_key *key)
{
	const __u32 *w = (const __u32 *)key;

	return hash_words2(c, 0, w[0], w[1]) + hash_words2(c, 2, w[2], w[3]) + hash_words2(c, 4, w[4], w[5]) +
	       hash_words2(c, 6, w[6], w[7]) + hash_words2(c, 8, w[8], w[9]);
}

static __always_inline __u64 hash_spread(const struct control *c, __u64 sum, enum hash_table table)
{
	return sum * c->hash_multiplier[table];
}

/*
 * The spread of keys that differ in one number is a lattice: evenly spaced, but in sets of a few lines some get many points and others
 * none. Folding the high half in and spreading once more breaks it; no two spreads become one.
 */
static __always_inline __u64 hash_stir(__u64 spread)
{
	return (spread ^ spread >> 32) * 0x9e3779b97f4a7c15ULL;
}

/* 0..n-1 by the high half: the low bits of a product know little of the sum's high ones. */
static __always_inline __u32 hash_index(__u64 spread, __u32 n)
{
	return (spread >> 32) * n >> 32;
}

#endif
