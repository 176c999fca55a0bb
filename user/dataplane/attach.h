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
 * Puts both programs on the port's interface, or with `ingress_only` XDP alone; what is there already stays. On failure only
 * what this call made is undone.
 */
int attach_port(struct dataplane *dp, uint32_t number, uint32_t ifindex, bool ingress_only, char **ret_why);
/* Takes both off, pins too. An interface that is gone is fine. */
void attach_clear(struct dataplane *dp, uint32_t number, uint32_t ifindex);
bool attach_holds(const struct dataplane *dp, uint32_t number, uint32_t ifindex);

/* Takes up all pinned links, and gives each the programs of this dataplane in place: no frame passes unjudged. */
int attach_adopt(struct dataplane *dp, char **ret_why);
/* Off, without an open dataplane: dataplane_remove(). */
int attach_remove_links(const char *bpffs, char **ret_why);
void attach_remove_filter(uint32_t ifindex);

/* Hardware must not hide VLAN tags from XDP. 0, or -errno with a sentence. */
int offload_show_vlan_tags(uint32_t ifindex, char **ret_why);

#endif
