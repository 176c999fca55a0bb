/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel offers and what was made of it, for people. */
#include <stdio.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "plane.h"
#include "cordon.skel.h"

static const char *const attach_words[] = {
	[DATAPLANE_ATTACH_NONE] = "unknown", [DATAPLANE_ATTACH_NATIVE] = "native", [DATAPLANE_ATTACH_GENERIC] = "generic", [DATAPLANE_ATTACH_TC] = "tc",
};

static void describe_ports(const struct dataplane *dp, struct buf *b)
{
	for (uint32_t i = 1; i < CORDON_MAX_PORTS; i++)
		if (dp->links[i].xdp >= 0)
			buf_addf(b, "port %u: xdp %s, tc egress by %s\n", i, attach_words[dp->links[i].how], dp->tcx ? "tcx" : "clsact");
}

void dataplane_describe(const struct dataplane *dp, void (*line)(void *ctx, const char *text), void *ctx)
{
	_cleanup_buf_ struct buf b = {0};
	struct utsname kernel;
	char *text, *end;

	if (uname(&kernel) == 0)
		buf_addf(&b, "kernel: %s\n", kernel.release);
	buf_addf(&b, "tcx links: %s\n", dp->tcx ? "yes" : "no, clsact filters instead (tcx needs 6.6)");
	buf_addf(&b, "pins: %s%s\n", dp->bpffs ? dp->bpffs : "none", dp->adopted ? " (adopted)" : "");
	buf_addf(&b, "tables: %u devices, %u addresses, %u flows\n", dp->device_rows.max - dp->device_rows.first,
		 dp->binding_rows.max - dp->binding_rows.first, dp->max_flows);
	buf_addf(&b, "programs: xdp_from_device id %u, tc_to_device id %u\n", dp->xdp_prog_id, dp->tc_prog_id);
	describe_ports(dp, &b);
	for (text = b.data; text && *text; text = end + 1) {
		end = text;
		while (*end != '\n')
			end++;
		*end = 0;
		line(ctx, text);
	}
}
