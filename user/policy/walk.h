/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  rules over classes.
 * Out: every pair of classes that some rule may judge otherwise than plainer classes are judged, with its rules in file order.
 * Never: what the rules say of it.
 */
#ifndef CORDON_POLICY_WALK_H
#define CORDON_POLICY_WALK_H

#include "compile.h"
#include "pairs.h"

typedef int (*walk_fn)(void *ctx, uint32_t from, uint32_t to, const uint32_t *rules, size_t n);

/* In the order that `pairs` asks for, which is told where an initiator begins and ends. -E2BIG with a diagnostic. */
int walk_pairs(struct compile *c, struct pairs *pairs, walk_fn judge, void *ctx);

#endif
