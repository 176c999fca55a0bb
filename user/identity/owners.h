/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the devices of an image.
 * Out: which of them an address belongs to.
 * Never: anything that is not in the image.
 */
#ifndef CORDON_IDENTITY_OWNERS_H
#define CORDON_IDENTITY_OWNERS_H

#include "../policy/image.h"

struct owner {
	struct address address;
	uint64_t key;
};

/* Sorted by address. */
struct owners {
	const struct image *image; /* whose devices these are; NULL: nothing was built */
	struct owner *items;
	size_t n;
};

int owners_build(const struct image *image, struct owners *ret);
/* 0: none */
uint64_t owners_find(const struct owners *owners, const struct address *address);
void owners_done(struct owners *owners);

#endif
