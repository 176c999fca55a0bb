/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  an image.
 * Out: one side of the policy's tables: fresh inner maps, filled, frozen, read back, put into their slots.
 * Never: the side in force.
 */
#ifndef CORDON_DATAPLANE_TABLES_H
#define CORDON_DATAPLANE_TABLES_H

#include "plane.h"

/* Before the object is loaded: what the inner maps are like. */
void tables_learn(struct dataplane *dp);
/* Makes, fills, freezes, checks and places all tables of the idle side over those of the policy before, and its head last. */
int tables_put(struct dataplane *dp, const struct image *image, uint32_t generation, char **ret_why);
/* Announces a generation in the idle side's head, so that a daemon after us does not use its number again. */
int tables_announce(struct dataplane *dp, uint32_t generation);
/* The highest generation that either head knows. */
uint32_t tables_last_tried(struct dataplane *dp);

#endif
