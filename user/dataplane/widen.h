/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a build of the tests with CORDON_WIDEN.
 * Out: as in bpf/base.h: programs that can be held where a row may change hands, and checks that can be left out.
 * Never: anything in other builds.
 */
#ifndef CORDON_DATAPLANE_WIDEN_H
#define CORDON_DATAPLANE_WIDEN_H

#include <stdbool.h>

#include <cordon/trust.h>

#ifdef CORDON_WIDEN
struct dataplane;

extern unsigned int widen_trust; /* TRUST_*; of the programs too, if set before they are loaded */

/* Holds the next program that comes to this place; true once one is there; lets it go. */
void widen_hold(struct dataplane *dp, enum cordon_hold at);
bool widen_holds(const struct dataplane *dp);
void widen_release(struct dataplane *dp);

static inline bool trusts(unsigned int check)
{
	return widen_trust & check;
}
#else
static inline bool trusts(unsigned int check)
{
	(void)check;
	return false;
}
#endif

#endif
