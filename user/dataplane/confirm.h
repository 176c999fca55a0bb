/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the generation that an apply is about to flip to.
 * Out: the words of `control` that let the kernel take it back.
 * Never: the flip itself.
 */
#ifndef CORDON_DATAPLANE_CONFIRM_H
#define CORDON_DATAPLANE_CONFIRM_H

#include "plane.h"

/* Just before the flip, which arms it; ns 0: nothing waits. */
void confirm_arm(struct dataplane *dp, uint32_t generation, uint64_t ns);
/* Gives up what only the policy before needed (apply.c). */
void apply_leave_old(struct dataplane *dp);

#endif
