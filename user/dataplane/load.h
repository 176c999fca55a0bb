/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the object in the skeleton, capacities, pinned maps.
 * Out: maps and programs in the kernel; pinned maps are taken up where they are the same.
 * Never: a pinned map replaced while a link is there.
 */
#ifndef CORDON_DATAPLANE_LOAD_H
#define CORDON_DATAPLANE_LOAD_H

#include "plane.h"

int load_object(struct dataplane *dp, const struct dataplane_options *options, char **ret_why);
/* Addresses of the shared tables; the rows of those that are given out row by row show later (rows.h). */
int load_tables(struct dataplane *dp);

/* What tables that were made just now begin with. */
int load_new_tables(struct dataplane *dp, const struct dataplane_options *options);

#endif
