/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  a reason.
 * Out: its weight, from the closed list.
 * Never: what a mode makes of it (verdict.h).
 */
#ifndef CORDON_BPF_WEIGHT_H
#define CORDON_BPF_WEIGHT_H

#include "base.h"

const volatile __u8 reason_weights[CORDON_REASON_COUNT] = {
#define X(id, name, weight, text) [CORDON_REASON_##id] = CORDON_WEIGHT_##weight,
	CORDON_REASONS(X)
#undef X
};

static __always_inline __u8 reason_weight(enum cordon_reason reason)
{
	__u32 index = reason;

	return index < CORDON_REASON_COUNT ? reason_weights[index] : CORDON_WEIGHT_SOFT;
}

#endif
