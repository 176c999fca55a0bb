/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XDP first, then TC. Until both are on, frames pass one way unjudged, as they did before; what matters is which half of a
 * conversation is seen first. Devices begin most conversations: with XDP on first, their first packets make flows before
 * TC asks for them in the answers. The other order would judge answers to questions that nobody saw.
 */
#include "attach.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "kernel.h"
#include "pins.h"

/* Not in the headers of the oldest kernel we build on. */
#define ATTACH_TCX_EGRESS ((enum bpf_attach_type)47)
#define ATTACH_FIRST (1U << 3) /* BPF_F_BEFORE without a relative: before all others, whose pass would end the list */

/* Our place among the filters of a clsact hook. */
#define FILTER_HANDLE 0xc07d
#define FILTER_PRIORITY 1

bool attach_probe_tcx(int tc_prog)
{
	/* An interface that cannot exist: a kernel that knows the hook looks for it, another one refuses the hook. */
	int fd = bpf_link_create(tc_prog, 0x7fffffff, ATTACH_TCX_EGRESS, NULL);

	if (fd >= 0)
		close(fd);
	return fd == -ENODEV;
}

/* tcx links have their interface where XDP links have it. */
static int link_ifindex(int fd, uint32_t *ret_ifindex, uint32_t *ret_prog)
{
	struct bpf_link_info info;
	int r = kernel_link_info(fd, &info);

	if (r < 0)
		return r;
	*ret_ifindex = info.xdp.ifindex;
	*ret_prog = info.prog_id;
	return 0;
}

static bool link_is_on(int fd, uint32_t ifindex)
{
	uint32_t at, prog;

	return fd >= 0 && link_ifindex(fd, &at, &prog) == 0 && at == ifindex;
}

static void link_drop(const char *bpffs, const char *hook, uint32_t number, int *fd)
{
	_cleanup_free_ char *path = pin_path_link(bpffs, hook, number);

	if (path)
		unlink(path);
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int link_pin(const char *bpffs, const char *hook, uint32_t number, int fd)
{
	_cleanup_free_ char *path = pin_path_link(bpffs, hook, number);

	if (!path)
		return -ENOMEM;
	return access(path, F_OK) == 0 ? 0 : kernel_pin(fd, path);
}

static int xdp_link(int prog, uint32_t ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int r = kernel_step();

	return r < 0 ? r : bpf_link_create(prog, (int)ifindex, BPF_XDP, &opts);
}

static enum dataplane_attach xdp_mode(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);

	if (bpf_xdp_query((int)ifindex, 0, &opts) < 0)
		return DATAPLANE_ATTACH_NONE;
	return opts.attach_mode == XDP_ATTACHED_SKB ? DATAPLANE_ATTACH_GENERIC : DATAPLANE_ATTACH_NATIVE;
}

static int xdp_refused(int r, uint32_t ifindex, char **ret_why)
{
	char name[IF_NAMESIZE] = "?";

	if_indextoname(ifindex, name);
	if (r == -EBUSY || r == -EEXIST)
		return why(ret_why, r, "%s has another XDP program already: take it off (ip link set dev %s xdp off), or leave the interface out of ports",
			   name, name);
	return why(ret_why, r, "attaching XDP to %s: %s", name, strerror(-r));
}

static int xdp_attach(struct dataplane *dp, uint32_t number, uint32_t ifindex, char **ret_why)
{
	struct port_links *links = &dp->links[number];
	int fd = -EOPNOTSUPP, r;

	if (dp->xdp != DATAPLANE_XDP_GENERIC)
		fd = xdp_link(dp->xdp_prog, ifindex, XDP_FLAGS_DRV_MODE);
	/* A driver without XDP, or not with this MTU; that another program sits there is no reason to try elsewhere. */
	if (fd < 0 && fd != -EBUSY && fd != -EEXIST && dp->xdp != DATAPLANE_XDP_NATIVE)
		fd = xdp_link(dp->xdp_prog, ifindex, XDP_FLAGS_SKB_MODE);
	if (fd < 0)
		return xdp_refused(fd, ifindex, ret_why);
	r = link_pin(dp->bpffs, "xdp", number, fd);
	if (r < 0) {
		close(fd);
		return why(ret_why, r, "pinning the XDP link: %s", strerror(-r));
	}
	links->xdp = fd;
	links->how = xdp_mode(ifindex);
	return 0;
}

static struct bpf_tc_hook filter_hook(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);

	return hook;
}

static bool filter_is_ours(uint32_t ifindex, uint32_t prog_id)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct bpf_tc_hook hook = filter_hook(ifindex);

	return bpf_tc_query(&hook, &opts) == 0 && opts.prog_id == prog_id;
}

static int filter_attach(struct dataplane *dp, uint32_t ifindex)
{
	/* Replaces our own of an earlier start in one step. */
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = dp->tc_prog, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY, .flags = BPF_TC_F_REPLACE);
	struct bpf_tc_hook hook = filter_hook(ifindex);
	int r = kernel_step();

	if (r < 0)
		return r;
	r = bpf_tc_hook_create(&hook);
	if (r < 0 && r != -EEXIST)
		return r;
	return bpf_tc_attach(&hook, &opts);
}

void attach_remove_filter(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct bpf_tc_hook hook = filter_hook(ifindex);

	bpf_tc_detach(&hook, &opts);
}

static int tcx_attach(struct dataplane *dp, uint32_t number, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = ATTACH_FIRST);
	int fd, r = kernel_step();

	if (r < 0)
		return r;
	fd = bpf_link_create(dp->tc_prog, (int)ifindex, ATTACH_TCX_EGRESS, &opts);
	if (fd < 0)
		return fd;
	r = link_pin(dp->bpffs, "tc", number, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	dp->links[number].tc = fd;
	return 0;
}

static bool tc_holds(const struct dataplane *dp, uint32_t number, uint32_t ifindex)
{
	return dp->tcx ? link_is_on(dp->links[number].tc, ifindex) : filter_is_ours(ifindex, dp->tc_prog_id);
}

static bool pin_holds(const struct dataplane *dp, const char *hook, uint32_t number)
{
	_cleanup_free_ char *path = pin_path_link(dp->bpffs, hook, number);

	return path && access(path, F_OK) == 0;
}

bool attach_holds(const struct dataplane *dp, uint32_t number, uint32_t ifindex)
{
	return link_is_on(dp->links[number].xdp, ifindex) && tc_holds(dp, number, ifindex) && pin_holds(dp, "xdp", number) &&
	       (!dp->tcx || pin_holds(dp, "tc", number));
}

/* A link on another interface, or on one that is gone, is of no use here. One whose pin was taken away gets it back. */
static int link_keep_or_drop(struct dataplane *dp, const char *hook, uint32_t number, uint32_t ifindex, int *fd)
{
	if (*fd < 0)
		return 0;
	if (link_is_on(*fd, ifindex))
		return link_pin(dp->bpffs, hook, number, *fd);
	link_drop(dp->bpffs, hook, number, fd);
	return 0;
}

int attach_port(struct dataplane *dp, uint32_t number, uint32_t ifindex, bool ingress_only, char **ret_why)
{
	struct port_links *links = &dp->links[number];
	bool made_xdp = false;
	int r;

	r = link_keep_or_drop(dp, "xdp", number, ifindex, &links->xdp);
	if (r == 0)
		r = link_keep_or_drop(dp, "tc", number, ifindex, &links->tc);
	if (r < 0)
		return why(ret_why, r, "pinning a link of port %u: %s", number, strerror(-r));
	if (links->xdp < 0) {
		r = xdp_attach(dp, number, ifindex, ret_why);
		if (r < 0)
			return r;
		made_xdp = true;
	}
	if (ingress_only || tc_holds(dp, number, ifindex))
		return 0;
	r = dp->tcx ? tcx_attach(dp, number, ifindex) : filter_attach(dp, ifindex);
	if (r == 0)
		return 0;
	if (made_xdp)
		link_drop(dp->bpffs, "xdp", number, &links->xdp);
	return why(ret_why, r, "attaching at TC egress: %s", strerror(-r));
}

void attach_clear(struct dataplane *dp, uint32_t number, uint32_t ifindex)
{
	struct port_links *links = &dp->links[number];

	/* The filter stands only where the link of XDP does. */
	if (!dp->tcx && link_is_on(links->xdp, ifindex))
		attach_remove_filter(ifindex);
	link_drop(dp->bpffs, "xdp", number, &links->xdp);
	link_drop(dp->bpffs, "tc", number, &links->tc);
	links->how = DATAPLANE_ATTACH_NONE;
}

struct adoption {
	struct dataplane *dp;
	char **ret_why;
};

static int link_adopt(void *ctx, const char *hook, uint32_t number)
{
	struct adoption *a = ctx;
	struct dataplane *dp = a->dp;
	bool xdp = !strcmp(hook, "xdp");
	int *fd = xdp ? &dp->links[number].xdp : &dp->links[number].tc;
	_cleanup_free_ char *path = pin_path_link(dp->bpffs, hook, number);
	uint32_t ifindex, prog;
	int r = path ? kernel_open_pin(path) : -ENOMEM;

	if (r < 0)
		return why(a->ret_why, r, "opening the pinned link %s-%u: %s", hook, number, strerror(-r));
	*fd = r;
	r = link_ifindex(*fd, &ifindex, &prog);
	if (r == 0 && !ifindex) { /* its interface was deleted; should it come back, it needs a new link */
		link_drop(dp->bpffs, hook, number, fd);
		return 0;
	}
	if (r == 0 && prog != (xdp ? dp->xdp_prog_id : dp->tc_prog_id)) {
		r = kernel_step();
		r = r < 0 ? r : bpf_link_update(*fd, xdp ? dp->xdp_prog : dp->tc_prog, NULL);
	}
	if (r == 0 && xdp)
		dp->links[number].how = xdp_mode(ifindex);
	return r < 0 ? why(a->ret_why, r, "replacing the program of link %s-%u: %s", hook, number, strerror(-r)) : 0;
}

int attach_adopt(struct dataplane *dp, char **ret_why)
{
	struct adoption a = {.dp = dp, .ret_why = ret_why};
	int r = pins_each_link(dp->bpffs, link_adopt, &a);

	if (r < 0 || dp->tcx)
		return r;
	for (uint32_t number = 1; r == 0 && number < CORDON_MAX_PORTS; number++) {
		const struct port *port = &dp->ports[number];

		if (!link_is_on(dp->links[number].xdp, port->ifindex) || filter_is_ours(port->ifindex, dp->tc_prog_id))
			continue;
		r = filter_attach(dp, port->ifindex);
	}
	return r < 0 ? why(ret_why, r, "replacing a program at TC egress: %s", strerror(-r)) : 0;
}

static int link_remove(void *ctx, const char *hook, uint32_t number)
{
	_cleanup_free_ char *path = pin_path_link(ctx, hook, number);
	_cleanup_close_ int fd = -1;
	int r;

	if (!path)
		return -ENOMEM;
	fd = kernel_open_pin(path);
	if (fd < 0)
		return fd;
	/* Detached by force: a daemon that still runs holds the link too. */
	r = bpf_link_detach(fd);
	if (r < 0 && r != -ENOLINK)
		return r;
	return unlink(path) < 0 ? -errno : 0;
}

int attach_remove_links(const char *bpffs, char **ret_why)
{
	int r = pins_each_link(bpffs, link_remove, (void *)bpffs);

	return r < 0 ? why(ret_why, r, "detaching what is pinned under %s/links: %s", bpffs, strerror(-r)) : 0;
}
