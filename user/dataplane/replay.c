/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single frames through the real programs by the kernel's test run. A test run needs an interface that exists, and lo
 * always does: before each run the port in question is led to by lo, afterwards by its made-up interface again. What else
 * the programs see of an interface is its logical number.
 */
#include <errno.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "kernel.h"
#include "plane.h"
#include "ports.h"
#include "cordon.skel.h"

#define LO_IFINDEX 1
#define MADE_UP_IFINDEX(number) (1000 + (number))

int dataplane_port_declare(struct dataplane *dp, const struct dataplane_port *port)
{
	struct dataplane_port made_up = *port;
	int r;

	kernel_phase("replay");
	made_up.ifindex = MADE_UP_IFINDEX(port->number);
	r = port_check(&made_up, NULL);
	if (r == 0 && dp->bpffs)
		r = -EPERM;
	return r < 0 ? r : port_row_write(dp, &made_up, port->adopt_for ? dataplane_now(dp) + port->adopt_for : 0);
}

/* Which refusals are about the frame: shorter or longer than the kernel's test run takes. */
static bool is_about_frame(int r)
{
	return r == -EINVAL || r == -E2BIG || r == -ENOMEM || r == -EMSGSIZE;
}

static int run_xdp(struct dataplane *dp, const struct dataplane_frame *frame, uint32_t *ret_code)
{
	struct xdp_md ctx = {.data_end = frame->size, .ingress_ifindex = LO_IFINDEX};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes, .data_size_in = frame->size, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .repeat = 1);
	int r = bpf_prog_test_run_opts(dp->xdp_prog, &opts);

	*ret_code = opts.retval;
	return r;
}

static int run_tc(struct dataplane *dp, const struct dataplane_frame *frame, uint32_t *ret_code)
{
	struct __sk_buff ctx = {.ifindex = LO_IFINDEX, .gso_size = frame->gso_size, .gso_segs = frame->gso_segs};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes, .data_size_in = frame->size, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .repeat = 1);
	int r;

	if (frame->in_port != CORDON_PORT_NONE)
		ctx.ingress_ifindex = frame->in_port == frame->port ? LO_IFINDEX : MADE_UP_IFINDEX(frame->in_port);
	r = bpf_prog_test_run_opts(dp->tc_prog, &opts);
	*ret_code = opts.retval;
	return r;
}

static int run_on_lo(struct dataplane *dp, const struct dataplane_frame *frame, uint32_t *ret_code)
{
	int back, r = port_row_move(dp, frame->port, LO_IFINDEX);

	if (r < 0)
		return r;
	r = frame->dir == CORDON_DIR_FROM_DEVICE ? run_xdp(dp, frame, ret_code) : run_tc(dp, frame, ret_code);
	back = port_row_move(dp, frame->port, MADE_UP_IFINDEX(frame->port));
	return back < 0 ? back : r;
}

int dataplane_run(struct dataplane *dp, const struct dataplane_frame *frame, struct dataplane_verdict *ret)
{
	int trace = bpf_map__fd(dp->bpf->maps.trace_out);
	struct trace_record record = {0};
	uint32_t zero = 0, code = 0;
	int r;

	kernel_phase("replay");
	if (!dp->trace || frame->port >= CORDON_MAX_PORTS || !dp->ports[frame->port].ifindex)
		return -EINVAL;
	r = kernel_update(trace, &zero, &record);
	if (r < 0)
		return r;
	r = run_on_lo(dp, frame, &code);
	if (is_about_frame(r)) {
		*ret = (struct dataplane_verdict){.unrunnable = true};
		return 0;
	}
	if (r == 0)
		r = kernel_lookup(trace, &zero, &record);
	if (r < 0)
		return r;
	if (!record.written)
		return -EIO;
	*ret = (struct dataplane_verdict){
		.pass = frame->dir == CORDON_DIR_FROM_DEVICE ? code == XDP_PASS : code != TC_ACT_SHOT,
		.verdict = record.verdict,
		.reason = record.reason,
		.rule = record.rule,
		.device = record.device,
	};
	return 0;
}

int dataplane_clock_advance(struct dataplane *dp, uint64_t ns)
{
	if (dp->bpffs)
		return -EPERM;
	__atomic_fetch_add(&dp->control->clock_offset, (int64_t)ns, __ATOMIC_RELEASE);
	return 0;
}
