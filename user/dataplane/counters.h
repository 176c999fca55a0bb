/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the per-CPU tables.
 * Out: sums; clean rows for the next owner.
 * Never: writes to the row of a live device.
 */
#ifndef CORDON_DATAPLANE_COUNTERS_H
#define CORDON_DATAPLANE_COUNTERS_H

#include "plane.h"

int counters_read(struct dataplane *dp, uint32_t row, struct device_counters *ret);
/* Zeroes the counters and forgets the drops of every draining device row. */
int counters_wipe_draining(struct dataplane *dp);

#endif
