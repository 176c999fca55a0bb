/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the loaded programs.
 * Out: the kernel's tick, started or taken over; what its verdict cache has counted, in the tables.
 * Never: a look into the cache itself: its lines belong to the CPUs that use them.
 */
#ifndef CORDON_DATAPLANE_CACHE_H
#define CORDON_DATAPLANE_CACHE_H

#include "plane.h"

/* From here on the kernel keeps `control.now`, and verdicts are cached. */
int tick_start(struct dataplane *dp);
/*
 * Before counts are read: each CPU's part of the cache is folded into flows, devices and reasons, by a program that runs on
 * that CPU. A CPU that this thread may not run on keeps what it has counted until the line is used again.
 */
int cache_settle(struct dataplane *dp);

#endif
