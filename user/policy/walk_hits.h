/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the rules that an initiator is in, and which classes each leads to.
 * Out: the same rules by responder class, in file order; two such lists as one.
 * Never: seen outside the walk.
 */
#ifndef CORDON_POLICY_WALK_HITS_H
#define CORDON_POLICY_WALK_HITS_H

#include "compile.h"

struct hits {
	struct ids rules;       /* to be filled before they are gathered */
	struct ids touched;     /* responders that some rule leads to, or an exception */
	uint32_t *count, *end;  /* by class: rules, and where its rules end in `items` */
	struct ids items;
};

/* Rules of one responder; borrowed until the hits change. */
struct hit_list {
	const uint32_t *items;
	size_t n;
};

static inline bool selector_is_list(uint32_t selector)
{
	return selector != SELECTOR_SAME && selector != SELECTOR_NOTHING;
}

int hits_init(struct hits *h, size_t classes);
void hits_done(struct hits *h);
/* `reached`: selector -> classes, as responders. To be cleared before it is gathered again, also after it failed. */
int hits_gather(struct hits *h, const struct compile *c, const struct lists *reached);
void hits_clear(struct hits *h);
/* `to` 0: none. */
struct hit_list hits_of(const struct hits *h, uint32_t to);
/* Of two sorted lists one; what stands in both stands once. `room` is used only where neither is empty. */
int hits_merge(struct hit_list a, struct hit_list b, struct ids *room, struct hit_list *ret);

#endif
