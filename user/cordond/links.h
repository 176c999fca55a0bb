/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  rtnetlink, as libnl's caches follow it.
 * Out: the interfaces and addresses of this network namespace as they are now, and a call whenever they changed.
 * Never: what an interface is to cordon. A lost notification means reading everything anew, never a stale view.
 */
#ifndef CORDOND_LINKS_H
#define CORDOND_LINKS_H

#include <event2/event.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <cordon/maps.h>

struct link {
	uint32_t ifindex;
	uint32_t master; /* of which bridge or bond it is part, 0: none */
	uint32_t lower;  /* whose traffic it is a part of (VLAN, macvlan), or its other end (veth, which may be in another namespace), 0: none */
	char name[IFNAMSIZ];
	uint8_t mac[6];
	bool bridge;
	bool loopback;
	bool up;
	char kind[16];   /* "veth", "bridge", "macvlan" …; "" for a card */
};

struct link_address {
	uint32_t ifindex;
	struct address address;
	uint8_t length; /* of its prefix, of 128 */
	bool link_local; /* IPv6 fe80::/10 */
};

struct links;

int links_open(struct event_base *base, void (*changed)(void *ctx), void *ctx, struct links **ret, char **ret_why);
/* From time to time: follows again where that failed. */
void links_keep(struct links *links);
void links_close(struct links *links);

/* Borrowed until the next change. */
size_t links_all(const struct links *links, const struct link **ret);
size_t links_addresses(const struct links *links, const struct link_address **ret);
const struct link *links_find(const struct links *links, uint32_t ifindex);

#endif
