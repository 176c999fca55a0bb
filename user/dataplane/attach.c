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
#include <linux/pkt_cls.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "filter.h"
#include "kernel.h"
#include "pins.h"

/* Not in the headers of the oldest kernel we build on. */
#define ATTACH_TCX_EGRESS ((enum bpf_attach_type)47)
#define ATTACH_FIRST (1U << 3) /* BPF_F_BEFORE without a relative: before all others, whose pass would end the list */

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

static int link_update(int fd, int prog)
{
	int r = kernel_step();

	return r < 0 ? r : bpf_link_update(fd, prog, NULL);
}

/* By force: somebody else may hold it, too. */
static void link_end(int *fd)
{
	if (*fd < 0)
		return;
	bpf_link_detach(*fd);
	close(*fd);
	*fd = -1;
}

static void link_drop(const char *bpffs, const char *hook, uint32_t number, int *fd)
{
	_cleanup_free_ char *path = pin_path_link(bpffs, hook, number);

	if (path)
		unlink(path);
	link_end(fd);
}

static int link_pin(const struct dataplane *dp, const char *hook, uint32_t number, int fd)
{
	_cleanup_free_ char *path = pin_path_link(dp->bpffs, hook, number);
	int r = dp->unpinned ? 0 : pin_put(fd, path);

	return r < 0 ? r : 0;
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
	r = link_pin(dp, "xdp", number, fd);
	if (r < 0) {
		close(fd);
		return why(ret_why, r, "pinning the XDP link: %s", strerror(-r));
	}
	links->xdp = fd;
	links->how = xdp_mode(ifindex);
	return 0;
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
	r = link_pin(dp, "tc", number, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	dp->links[number].tc = fd;
	return 0;
}

/* Drops everything. */
static int gate_load(void)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "cordon_gate", "GPL", insns, ARRAY_SIZE(insns), NULL);
}

/*
 * A link keeps its place for good, and a program stands in a list only once: a new link takes the first place while the old one
 * drops what comes to it, so that nothing passes unjudged. Whoever dies in between leaves a port that drops until the next start.
 */
static int tcx_move_first(struct dataplane *dp, uint32_t number, uint32_t ifindex)
{
	_cleanup_close_ int gate = gate_load();
	int old = dp->links[number].tc, r;

	r = gate < 0 ? gate : link_update(old, gate);
	if (r < 0)
		return r;
	r = tcx_attach(dp, number, ifindex);
	if (r < 0)
		bpf_link_update(old, dp->tc_prog, NULL);
	else
		link_end(&old);
	return r;
}

/* The id of the program that is asked first; 0: none, or the interface is gone. */
static uint32_t tcx_first(uint32_t ifindex)
{
	uint32_t id = 0;
	LIBBPF_OPTS(bpf_prog_query_opts, opts, .prog_ids = &id, .prog_cnt = 1);
	int r = bpf_prog_query_opts((int)ifindex, ATTACH_TCX_EGRESS, &opts);

	/* There is room for one; the kernel fills it and says that there are more. */
	return r == 0 || r == -ENOSPC ? id : 0;
}

static bool link_holds(int fd, uint32_t ifindex, uint32_t prog, const char *hook, char **ret_what)
{
	_cleanup_free_ char *other = NULL;
	uint32_t at, runs;

	if (fd < 0 || link_ifindex(fd, &at, &runs) < 0 || at != ifindex)
		return why(ret_what, false, "the program at %s was detached", hook);
	if (runs == prog)
		return true;
	other = kernel_prog_words(runs);
	return why(ret_what, false, "the program at %s was replaced by another: %s", hook, other ? other : "no memory");
}

static bool tc_holds(const struct dataplane *dp, uint32_t number, uint32_t ifindex, char **ret_what)
{
	_cleanup_free_ char *other = NULL;
	uint32_t first;

	if (!dp->tcx)
		return filter_holds(ifindex, dp->tc_prog_id, ret_what);
	if (!link_holds(dp->links[number].tc, ifindex, dp->tc_prog_id, "TC egress", ret_what))
		return false;
	first = tcx_first(ifindex);
	if (!first || first == dp->tc_prog_id)
		return true;
	other = kernel_prog_words(first);
	return why(ret_what, false, "a program came before ours at TC egress: %s", other ? other : "no memory");
}

static bool pin_holds(const struct dataplane *dp, const char *hook, uint32_t number, int fd, char **ret_what)
{
	_cleanup_free_ char *path = pin_path_link(dp->bpffs, hook, number);

	if (dp->unpinned || (path && pin_leads_to(path, fd)))
		return true;
	return why(ret_what, false, "the pin %s-%u was taken away or leads elsewhere", hook, number);
}

bool attach_holds(const struct dataplane *dp, uint32_t number, uint32_t ifindex, char **ret_what)
{
	const struct port_links *links = &dp->links[number];

	return link_holds(links->xdp, ifindex, dp->xdp_prog_id, "XDP", ret_what) && tc_holds(dp, number, ifindex, ret_what) &&
	       pin_holds(dp, "xdp", number, links->xdp, ret_what) && (!dp->tcx || pin_holds(dp, "tc", number, links->tc, ret_what));
}

/*
 * A link on another interface, or on one that is gone, or that does not take our program back, is of no use here. One whose pin was
 * taken away gets it back.
 */
static int link_keep_or_drop(struct dataplane *dp, const char *hook, uint32_t number, uint32_t ifindex, int *fd)
{
	bool xdp = fd == &dp->links[number].xdp;
	uint32_t at, runs;

	if (*fd < 0)
		return 0;
	if (link_ifindex(*fd, &at, &runs) == 0 && at == ifindex &&
	    (runs == (xdp ? dp->xdp_prog_id : dp->tc_prog_id) || link_update(*fd, xdp ? dp->xdp_prog : dp->tc_prog) == 0))
		return link_pin(dp, hook, number, *fd);
	link_drop(dp->bpffs, hook, number, fd);
	return 0;
}

static int tc_attach(struct dataplane *dp, uint32_t number, uint32_t ifindex)
{
	if (!dp->tcx)
		return filter_attach(ifindex, dp->tc_prog);
	return dp->links[number].tc < 0 ? tcx_attach(dp, number, ifindex) : tcx_move_first(dp, number, ifindex);
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
	if (ingress_only || tc_holds(dp, number, ifindex, NULL))
		return 0;
	r = tc_attach(dp, number, ifindex);
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
		filter_remove(ifindex);
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
	if (r == 0 && prog != (xdp ? dp->xdp_prog_id : dp->tc_prog_id))
		r = link_update(*fd, xdp ? dp->xdp_prog : dp->tc_prog);
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

		if (!link_is_on(dp->links[number].xdp, port->ifindex) || filter_holds(port->ifindex, dp->tc_prog_id, NULL))
			continue;
		r = filter_attach(port->ifindex, dp->tc_prog);
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
