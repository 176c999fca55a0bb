/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a policy and its image.
 * Out: which device of the image has an id, without looking at all of them.
 * Never: the ids themselves: they stay the policy's.
 */
#ifndef CORDON_IDENTITY_KNOWN_IDS_H
#define CORDON_IDENTITY_KNOWN_IDS_H

#include "../policy/policy.h"

struct known_ids {
	const struct policy *policy;
	const struct image *image;
	uint32_t *slots; /* index into image->devices + 1; 0: empty. NULL: there was no memory, and all are looked at */
	uint32_t mask;
};

/* Of an older policy nothing stays. */
void known_ids_build(struct known_ids *ids, const struct policy *policy, const struct image *image);
/* NULL. */
const struct image_device *known_ids_find(const struct known_ids *ids, const char *id);
void known_ids_done(struct known_ids *ids);

#endif
