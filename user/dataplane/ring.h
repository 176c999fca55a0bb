/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the ring buffers that programs write.
 * Out: their records, critical ones first, to whoever polls; counts of what was read.
 * Never: a poll without an end: a flood is read in portions.
 */
#ifndef CORDON_DATAPLANE_RING_H
#define CORDON_DATAPLANE_RING_H

#include "plane.h"

int ring_init(struct dataplane *dp);
void ring_done(struct dataplane *dp);

#endif
