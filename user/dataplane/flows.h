/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the flow table while programs write it.
 * Out: walks and deletions.
 * Never: creation of flows.
 */
#ifndef CORDON_DATAPLANE_FLOWS_H
#define CORDON_DATAPLANE_FLOWS_H

#include "plane.h"

/* Deletes the flows that draining device rows own, so that no new owner of a row inherits them. */
int flows_drop_draining(struct dataplane *dp);

#endif
