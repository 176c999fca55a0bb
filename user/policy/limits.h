/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a model.
 * Out: the limits that a device has, and the words for them.
 * Never: seen outside this room.
 */
#ifndef CORDON_POLICY_LIMITS_H
#define CORDON_POLICY_LIMITS_H

#include "../lib/buf.h"
#include "model.h"

/* Its own, one by one before its segment's. NULL: of a device that the policy does not know. */
struct policy_limits limits_of(const struct policy *policy, const struct policy_device *device);
/* While it owes a proof those of `unauthenticated` come between the two; it is not critical, since its MAC is all that is known of it. */
struct policy_limits limits_unauthenticated(const struct policy *policy, const struct policy_device *device);

bool limits_are_none(const struct policy_limits *limits);
/* "flows 64, new_flows 10/s, rate 8mbit, packets 100/s, critical"; "none" */
int limits_add_text(struct buf *b, const struct policy_limits *limits);

#endif
