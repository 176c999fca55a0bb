/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  for one initiator class after the other, the rows of its responder classes.
 * Out: the table `pairs` of the image, sorted; what a pair without an entry of its own has from plainer classes.
 * Never: what a row means.
 */
#ifndef CORDON_POLICY_PAIRS_H
#define CORDON_POLICY_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

#define ROW_NONE UINT32_MAX /* default for every service, and no entry */

struct pairs {
	const uint32_t *plain; /* class -> the plainer one that answers for it, 0: none. NULL: none has. */
	size_t n_classes;      /* with class 0 */
	struct image_pair *items;
	size_t n, capacity;
	struct {
		size_t first, n;
	} *of;                 /* by initiator: its entries, sorted once it is done */
	uint32_t *row;         /* by responder, for the initiator at work; ROW_NONE: no entry */
	uint32_t from;
};

int pairs_init(struct pairs *p, const uint32_t *plain, size_t n_classes);
/* Plain initiators come before those that have a plainer one; of one initiator, plain responders likewise. */
void pairs_begin(struct pairs *p, uint32_t from);
/* What the kernel finds for this responder without an entry: by the plainer responder, the plainer initiator, both. */
uint32_t pairs_inherited(const struct pairs *p, uint32_t to);
int pairs_add(struct pairs *p, uint32_t to, uint32_t row, bool talks);
void pairs_end(struct pairs *p);
/* Adds the entries that lead to plainer classes, and puts all in order. */
int pairs_finish(struct pairs *p);
void pairs_done(struct pairs *p);

#endif
