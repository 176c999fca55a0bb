/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  what compile knows beyond the kernel's tables.
 * Out: the class of any device by any address, also one learnt later; the ends of flows for tests, questions and differences.
 * Never: read by other rooms; they call the functions of image.h.
 */
#ifndef CORDON_POLICY_IMAGE_LOOKUP_H
#define CORDON_POLICY_IMAGE_LOOKUP_H

#include "image.h"
#include "image_regions.h"

/*
 * A device of the policy, with or without a MAC. Its base says all that rules know of it but for addresses; base and the
 * context of a region together decide the class.
 */
struct image_subject {
	uint32_t base;
	uint16_t class, unauthenticated_class;
	const struct image_address *addresses, *unauthenticated_addresses;
	size_t n_addresses;
};

/* A class that a device of this base has by an address of this context. */
struct image_combination {
	uint32_t base;
	uint32_t context;
	uint32_t class;
};

struct image_lookup {
	struct regions regions;
	bool *context_denies;  /* by context: a deny rule names such addresses */
	size_t n_contexts;
	struct image_subject *subjects; /* index: policy.devices */
	size_t n_subjects;
	struct image_address *addresses; /* storage of all subjects */
	uint32_t unknown_base, unauthenticated_base;
	uint16_t closed_class; /* no rule matches it */
	uint16_t *base_class;  /* by base: its class without an address */
	size_t n_bases;
	struct image_combination *combinations; /* sorted by base, context */
	size_t n_combinations;
};

/* The class of a base by an address. */
uint16_t lookup_class(const struct image_lookup *lookup, uint32_t base, const struct address *address);
/* The verdicts of a pair by service class, NULL if all are default. */
const struct verdict *image_row(const struct image *image, uint16_t from, uint16_t to);
/* The class that answers for this one where a pair has no entry of its own, 0: none. */
uint16_t image_plain_class(const struct image *image, uint16_t class);
void lookup_free(struct image_lookup *lookup);

#endif
