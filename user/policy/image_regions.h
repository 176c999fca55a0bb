/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  every prefix that a policy or the gateway's own networks name.
 * Out: the regions these cut the address space into, each with the nearest one around it, and which region an address is in.
 * Never: mixing families: ::/0 does not cover IPv4, though IPv4 is written inside ::ffff:0:0/96.
 */
#ifndef CORDON_POLICY_IMAGE_REGIONS_H
#define CORDON_POLICY_IMAGE_REGIONS_H

#include "model.h"

#define REGION_NONE UINT32_MAX

/* A prefix without the smaller ones inside it. */
struct region {
	struct prefix prefix;
	uint32_t parent;  /* the nearest region whose prefix contains this one, REGION_NONE for the roots */
	uint32_t context; /* what rules say of addresses here: a number that compile gives */
	bool local;       /* inside a prefix of a device port */
	uint16_t class;   /* of an address here that belongs to no device and not to the gateway */
};

/* Sorted: IPv6 before IPv4, then by address, then the wider first. */
struct regions {
	struct region *items;
	size_t n, capacity;
};

bool prefix_is_v4(const struct prefix *p);
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
struct prefix prefix_of_address(const struct address *a);
struct prefix prefix_masked(const struct prefix *p);
extern const struct prefix prefix_all_v4, prefix_all_v6;

int regions_add(struct regions *r, const struct prefix *prefix);
/* All added: sorts, drops repetitions, finds parents. Both roots are always there. */
int regions_ready(struct regions *r);
/* The smallest region that contains the whole prefix; there is always one. */
uint32_t regions_find(const struct regions *r, const struct prefix *prefix);
void regions_done(struct regions *r);

#endif
