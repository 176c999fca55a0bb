/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  an interface, the programs.
 * Out: the programs on it: XDP and tcx links pinned, or a clsact filter where the kernel has no tcx.
 * Never: rows of the port table.
 */
#ifndef CORDON_DATAPLANE_ATTACH_H
#define CORDON_DATAPLANE_ATTACH_H

#include "plane.h"

/* True if the kernel knows tcx links (6.6). */
bool attach_probe_tcx(int tc_prog);

/*
 * Puts both programs on the port's interface, or with `ingress_only` XDP alone; what is there already stays, where it is not as
 * attach_holds() wants it it is put right. On failure only what this call made is undone.
 */
int attach_port(struct dataplane *dp, uint32_t number, uint32_t ifindex, bool ingress_only, char **ret_why);
/* Takes both off, pins too. An interface that is gone is fine. */
void attach_clear(struct dataplane *dp, uint32_t number, uint32_t ifindex);
/* True if each hook runs our program, before all others, by a link that is pinned; else *ret_what says what is wrong. */
bool attach_holds(const struct dataplane *dp, uint32_t number, uint32_t ifindex, char **ret_what);

/* Takes up all pinned links, and gives each the programs of this dataplane in place: no frame passes unjudged. */
int attach_adopt(struct dataplane *dp, char **ret_why);
/* Off, without an open dataplane: dataplane_remove(). */
int attach_remove_links(const char *bpffs, char **ret_why);

/*
 * The card must neither hide VLAN tags from XDP nor merge frames before it. 0: it does not. 1: it did, and was told to stop; -errno: it does
 * not stop; both with a sentence.
 */
int offload_switch_off(uint32_t ifindex, char **ret_what);

#endif
