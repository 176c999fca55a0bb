/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  two policies with their images.
 * Out: for diff*.c: the ends of flows in groups that neither policy tells apart, and words for sets of groups.
 * Never: seen outside this room.
 */
#ifndef CORDON_POLICY_DIFF_H
#define CORDON_POLICY_DIFF_H

#include "compile_intern.h"
#include "decide.h"

#define MODE_NONE UINT32_MAX /* no device, so no mode of its own */

/* What all ends of a group have in common. Without an old policy old_class is 0. */
struct group {
	uint32_t old_class, new_class;
	uint32_t old_mode, new_mode; /* enum cordon_mode or MODE_NONE */
};

/* An end in a group: a device of one of the policies, or words. */
struct member {
	uint32_t group;
	const struct policy_device *device;
	bool is_new;      /* the device is of the new policy */
	const char *word; /* for what is no device; owned */
};

struct diff {
	const struct policy *old, *new;
	const struct image *old_image, *new_image;
	struct intern groups;    /* struct group */
	struct member *members;  /* sorted by group */
	size_t n_members, member_capacity;
	size_t *old_sizes, *new_sizes; /* segment -> devices */
};

int groups_make(struct diff *x);
void groups_done(struct diff *x);
const struct group *group_get(const struct diff *x, uint32_t group);
/* "segment phones (3 devices)", "device cam-door", "internet"; several joined. To free. */
char *groups_name(const struct diff *x, const uint32_t *groups, size_t n);

#endif
