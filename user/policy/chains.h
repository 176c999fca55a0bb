/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  for one row of cells: which rules speak of which service class, in file order.
 * Out: the verdict of each class, deny against allow settled; where rules depend on time, a chain of verdicts.
 * Never: which rules those are: cells.c.
 */
#ifndef CORDON_POLICY_CHAINS_H
#define CORDON_POLICY_CHAINS_H

#include "compile.h"

/*
 * What rules said of one service class so far: the first of each kind that holds at all times, and those of some time that
 * stand before it in file order.
 */
enum kind { DENY, AUDIT, ALLOW, KINDS };

struct tally {
	uint32_t always[KINDS];
	uint32_t timed; /* the last of them, an index into chains.timed; CORDON_RULE_NONE: none */
};

struct timed {
	uint32_t rule;
	uint32_t before; /* the one before it in file order, of any kind */
};

struct chains {
	struct compile *c;
	struct intern verdicts; /* that only chains lead to; equal ends of chains are one */
	struct tally *tally;    /* by service class */
	size_t width;
	struct timed *timed;
	size_t n_timed, capacity;
};

int chains_init(struct chains *x, struct compile *c);
void chains_done(struct chains *x);
/* A row: begins, rules in file order, then each class ends. */
void chains_begin(struct chains *x);
int chains_tally(struct chains *x, uint32_t class, uint32_t rule);
/* `next` of the verdict is an index into `verdicts`. Sets *talks if something is allowed at some time. */
int chains_end(struct chains *x, uint32_t class, struct verdict *ret, bool *talks);

#endif
