/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Priority 1 is the lowest there is, so what decides before us can only be another BPF filter of the same priority: the kernel
 * puts a new one before those that are there, whatever its handle (cls_bpf_change()), and lists them in the order in which they
 * are asked.
 */
#include "filter.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "kernel.h"

#define HANDLE 0xc07d
#define HANDLE_BESIDE 0xc07e /* while ours is put before the others */
#define PRIORITY 1

struct first {
	bool found;
	uint32_t prog_id; /* 0: no BPF filter */
	char name[64];
};

static int on_filter(struct nl_msg *msg, void *ctx)
{
	struct nlattr *all[TCA_MAX + 1], *bpf[TCA_BPF_MAX + 1];
	struct nlmsghdr *header = nlmsg_hdr(msg);
	const struct tcmsg *tcm = nlmsg_data(header);
	struct first *first = ctx;

	/* Without a handle it is the priority itself; other chains are asked only when a filter of chain 0 says so. */
	if (first->found || !tcm->tcm_handle || nlmsg_parse(header, sizeof(*tcm), all, TCA_MAX, NULL) < 0 ||
	    (all[TCA_CHAIN] && nla_get_u32(all[TCA_CHAIN])))
		return NL_OK;
	first->found = true;
	if (!all[TCA_OPTIONS] || nla_parse_nested(bpf, TCA_BPF_MAX, all[TCA_OPTIONS], NULL) < 0 || !bpf[TCA_BPF_ID])
		return NL_OK;
	first->prog_id = nla_get_u32(bpf[TCA_BPF_ID]);
	if (bpf[TCA_BPF_NAME])
		nla_strlcpy(first->name, bpf[TCA_BPF_NAME], sizeof(first->name));
	return NL_OK;
}

static int ask(struct nl_sock *socket, uint32_t ifindex, struct first *ret)
{
	struct tcmsg tcm = {.tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex, .tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)};
	int r = nl_connect(socket, NETLINK_ROUTE);

	if (r == 0)
		r = nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, on_filter, ret);
	if (r == 0)
		r = nl_send_simple(socket, RTM_GETTFILTER, NLM_F_DUMP, &tcm, sizeof(tcm));
	return r < 0 ? r : nl_recvmsgs_default(socket);
}

bool filter_holds(uint32_t ifindex, uint32_t prog_id, char **ret_what)
{
	struct nl_sock *socket = nl_socket_alloc();
	struct first first = {0};
	int r = socket ? ask(socket, ifindex, &first) : -NLE_NOMEM;

	nl_socket_free(socket);
	if (r < 0)
		return why(ret_what, false, "the filters at TC egress cannot be read: %s", nl_geterror(r));
	if (!first.found)
		return why(ret_what, false, "the filter at TC egress is gone");
	if (first.prog_id == prog_id)
		return true;
	return why(ret_what, false, "a filter came before ours at TC egress: program %u (%s)", first.prog_id, first.name[0] ? first.name : "no BPF");
}

static struct bpf_tc_hook hook_of(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);

	return hook;
}

static int put(uint32_t ifindex, int prog, uint32_t handle)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog, .handle = handle, .priority = PRIORITY, .flags = BPF_TC_F_REPLACE);
	struct bpf_tc_hook hook = hook_of(ifindex);

	return bpf_tc_attach(&hook, &opts);
}

static void take(uint32_t ifindex, uint32_t handle)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = PRIORITY);
	struct bpf_tc_hook hook = hook_of(ifindex);

	bpf_tc_detach(&hook, &opts);
}

int filter_attach(uint32_t ifindex, int prog)
{
	struct bpf_tc_hook hook = hook_of(ifindex);
	int r = kernel_step();

	if (r < 0)
		return r;
	r = bpf_tc_hook_create(&hook);
	if (r < 0 && r != -EEXIST)
		return r;
	r = put(ifindex, prog, HANDLE_BESIDE);
	if (r < 0)
		return r;
	take(ifindex, HANDLE);
	r = put(ifindex, prog, HANDLE);
	if (r == 0)
		take(ifindex, HANDLE_BESIDE);
	return r;
}

void filter_remove(uint32_t ifindex)
{
	take(ifindex, HANDLE);
	take(ifindex, HANDLE_BESIDE);
}
