/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the folder on bpffs.
 * Out: its layout: maps/NAME, progs/NAME, links/xdp-N and tc-N; what is there, and what shall be there.
 * Never: what the pinned things do.
 */
#ifndef CORDON_DATAPLANE_PINS_H
#define CORDON_DATAPLANE_PINS_H

#include "plane.h"

struct bpf_map;
struct bpf_object;

/* To free; NULL without memory. */
char *pin_path(const char *bpffs, const char *folder, const char *name);
char *pin_path_link(const char *bpffs, const char *hook, uint32_t port);

/* Makes the folders, 0700; says what to do if the path is no bpffs. */
int pins_prepare(const char *bpffs, char **ret_why);
/* True if a port's link is pinned, that is, if something is enforced. */
bool pins_have_links(const char *bpffs);
/* Calls `each` with the hook ("xdp", "tc") and the port of every pinned link. */
int pins_each_link(const char *bpffs, int (*each)(void *ctx, const char *hook, uint32_t port), void *ctx);

/* Maps that outlive the process; the others are a program's own scratch. */
bool pins_keep_map(const struct bpf_map *map);
/* Pins those that are not pinned, or whose path leads to something else. How many these were, or -errno. */
int pins_put_maps(const char *bpffs, struct bpf_object *object, char **ret_why);
/* One map, program or link: 0: it was there, 1: it is now. A `path` of NULL is -ENOMEM. */
int pin_put(int fd, const char *path);
bool pin_leads_to(const char *path, int fd);
/* Removes the pins of maps and programs, whatever there is of them. */
void pins_clear(const char *bpffs);

#endif
