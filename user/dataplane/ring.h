/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the ring buffer that programs write.
 * Out: its records, in order, to whoever polls.
 * Never: a poll without an end: a flood is read in portions.
 */
#ifndef CORDON_DATAPLANE_RING_H
#define CORDON_DATAPLANE_RING_H

#include "plane.h"

int ring_init(struct dataplane *dp);
void ring_done(struct dataplane *dp);

#endif
