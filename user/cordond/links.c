/* SPDX-License-Identifier: Apache-2.0 */
#include "links.h"

#include <errno.h>
#include <net/if_arp.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/log.h"

#define RECEIVE_BYTES (1 << 20)

struct links {
	struct event_base *base;
	void (*changed)(void *ctx);
	void *ctx;

	struct nl_sock *socket;
	struct nl_cache_mngr *manager;
	struct nl_cache *link_cache;
	struct nl_cache *address_cache;
	struct event *readable;
	bool dirty;

	struct link *links;
	size_t n_links;
	struct link_address *addresses;
	size_t n_addresses;
};

static void snapshot_link(struct nl_object *object, void *ctx)
{
	struct rtnl_link *from = (struct rtnl_link *)object;
	const char *name = rtnl_link_get_name(from), *type = rtnl_link_get_type(from);
	struct nl_addr *mac = rtnl_link_get_addr(from);
	struct links *links = ctx;
	struct link *link;

	/* A bridge tells of its ports in a family of its own, with less in it; libnl files the bridge itself there, too. */
	if (!name || (rtnl_link_get_family(from) != AF_UNSPEC && !type))
		return;
	link = &links->links[links->n_links++];
	*link = (struct link){
		.ifindex = (uint32_t)rtnl_link_get_ifindex(from),
		.master = (uint32_t)rtnl_link_get_master(from),
		.bridge = type && strcmp(type, "bridge") == 0,
		.lower = (uint32_t)rtnl_link_get_link(from),
		.loopback = rtnl_link_get_arptype(from) == ARPHRD_LOOPBACK,
		.up = rtnl_link_get_flags(from) & IFF_UP,
	};
	snprintf(link->kind, sizeof(link->kind), "%s", type ? type : "");
	snprintf(link->name, sizeof(link->name), "%s", name);
	if (mac && nl_addr_get_len(mac) == sizeof(link->mac))
		memcpy(link->mac, nl_addr_get_binary_addr(mac), sizeof(link->mac));
}

static void snapshot_address(struct nl_object *object, void *ctx)
{
	struct rtnl_addr *from = (struct rtnl_addr *)object;
	struct nl_addr *local = rtnl_addr_get_local(from);
	struct links *links = ctx;
	struct link_address *to = &links->addresses[links->n_addresses];
	const uint8_t *bytes;

	if (!local)
		return;
	bytes = nl_addr_get_binary_addr(local);
	*to = (struct link_address){ .ifindex = (uint32_t)rtnl_addr_get_ifindex(from) };
	if (nl_addr_get_family(local) == AF_INET && nl_addr_get_len(local) == 4) {
		addr_from_v4(bytes, &to->address);
		to->length = (uint8_t)(96 + rtnl_addr_get_prefixlen(from));
	} else if (nl_addr_get_family(local) == AF_INET6 && nl_addr_get_len(local) == 16) {
		memcpy(to->address.byte, bytes, 16);
		to->length = (uint8_t)rtnl_addr_get_prefixlen(from);
		to->link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
	} else {
		return;
	}
	links->n_addresses++;
}

static int snapshot(struct links *links)
{
	size_t n_links = (size_t)nl_cache_nitems(links->link_cache);
	size_t n_addresses = (size_t)nl_cache_nitems(links->address_cache);
	struct link *all = reallocarray(links->links, n_links + 1, sizeof(*all));
	struct link_address *addresses;

	if (!all)
		return -ENOMEM;
	links->links = all;
	addresses = reallocarray(links->addresses, n_addresses + 1, sizeof(*addresses));
	if (!addresses)
		return -ENOMEM;
	links->addresses = addresses;

	links->n_links = 0;
	links->n_addresses = 0;
	nl_cache_foreach(links->link_cache, snapshot_link, links);
	nl_cache_foreach(links->address_cache, snapshot_address, links);
	return 0;
}

static void note_change(struct nl_cache *cache, struct nl_object *object, int action, void *ctx)
{
	(void)cache, (void)object, (void)action;
	((struct links *)ctx)->dirty = true;
}

static void manager_close(struct links *links)
{
	if (links->readable)
		event_free(links->readable);
	if (links->manager)
		nl_cache_mngr_free(links->manager);
	if (links->socket)
		nl_socket_free(links->socket);
	links->readable = NULL;
	links->manager = NULL;
	links->socket = NULL;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx);

/* Reads all links and addresses, and follows them from here on. A libnl error, 0 if none. */
static int manager_open(struct links *links)
{
	int r;

	links->socket = nl_socket_alloc();
	if (!links->socket)
		return -NLE_NOMEM;
	r = nl_cache_mngr_alloc(links->socket, NETLINK_ROUTE, 0, &links->manager);
	if (r < 0)
		return r;
	/* Best effort: with less room bursts are read anew more often. */
	nl_socket_set_buffer_size(links->socket, RECEIVE_BYTES, 0);
	r = nl_cache_mngr_add(links->manager, "route/link", note_change, links, &links->link_cache);
	if (r < 0)
		return r;
	r = nl_cache_mngr_add(links->manager, "route/addr", note_change, links, &links->address_cache);
	if (r < 0)
		return r;
	links->readable = event_new(links->base, nl_cache_mngr_get_fd(links->manager), EV_READ | EV_PERSIST, on_readable, links);
	if (!links->readable || event_add(links->readable, NULL) < 0)
		return -NLE_NOMEM;
	return 0;
}

/* Notifications were lost: what is there now is all that counts. */
static void start_anew(struct links *links)
{
	int r;

	manager_close(links);
	r = manager_open(links);
	if (r < 0) {
		log_error("links cannot be followed error='%s'", nl_geterror(r));
		manager_close(links);
	}
	links->dirty = r >= 0;
}

static void tell(struct links *links)
{
	if (!links->dirty || snapshot(links) < 0)
		return;
	links->dirty = false;
	links->changed(links->ctx);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct links *links = ctx;
	int r = nl_cache_mngr_data_ready(links->manager);

	(void)fd, (void)what;
	if (r < 0 && r != -NLE_AGAIN) {
		log_warning("netlink notifications were lost, reading all links anew error='%s'", nl_geterror(r));
		start_anew(links);
	}
	tell(links);
}

void links_keep(struct links *links)
{
	if (!links->manager)
		start_anew(links);
	tell(links);
}

int links_open(struct event_base *base, void (*changed)(void *ctx), void *ctx, struct links **ret, char **ret_why)
{
	struct links *links = calloc(1, sizeof(*links));
	int r;

	if (!links)
		return -ENOMEM;
	*links = (struct links){ .base = base, .changed = changed, .ctx = ctx };
	r = manager_open(links);
	if (r < 0) {
		links_close(links);
		return why(ret_why, -EIO, "cannot read the network interfaces: %s", nl_geterror(r));
	}
	links->dirty = false;
	r = snapshot(links);
	if (r < 0) {
		links_close(links);
		return r;
	}
	*ret = links;
	return 0;
}

void links_close(struct links *links)
{
	if (!links)
		return;
	manager_close(links);
	free(links->links);
	free(links->addresses);
	free(links);
}

size_t links_all(const struct links *links, const struct link **ret)
{
	*ret = links->links;
	return links->n_links;
}

size_t links_addresses(const struct links *links, const struct link_address **ret)
{
	*ret = links->addresses;
	return links->n_addresses;
}

const struct link *links_find(const struct links *links, uint32_t ifindex)
{
	for (size_t i = 0; i < links->n_links; i++)
		if (links->links[i].ifindex == ifindex)
			return &links->links[i];
	return NULL;
}
