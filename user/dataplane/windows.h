/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  when each window of an image opens and closes.
 * Out: rows of the map `windows`: whole at an apply, one version for another afterwards.
 * Never: wall time; seen outside user/dataplane.
 */
#ifndef CORDON_DATAPLANE_WINDOWS_H
#define CORDON_DATAPLANE_WINDOWS_H

#include "plane.h"

/* The idle side. Without versions every window is as if nobody knew the time: closed for allows, open for denies. */
int windows_put(struct dataplane *dp, const struct dataplane_apply *what, uint32_t side);

#endif
