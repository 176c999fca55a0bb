/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  an interface, our program; kernels without tcx.
 * Out: a clsact filter of ours at TC egress, before all others.
 * Never: filters of others.
 */
#ifndef CORDON_DATAPLANE_FILTER_H
#define CORDON_DATAPLANE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* True if our program is the first that decides; else *ret_what says what is. */
bool filter_holds(uint32_t ifindex, uint32_t prog_id, char **ret_what);
/* Puts it there, or before those that came later; in place of one of an earlier start. Frames are judged by it all the time. */
int filter_attach(uint32_t ifindex, int prog);
void filter_remove(uint32_t ifindex);

#endif
