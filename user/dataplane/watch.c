/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What root can take away behind our back, asked for every second. Programs and pins are put back from the descriptors that this
 * process holds. A bpffs is mounted by somebody else: that takes CAP_SYS_ADMIN, which the engine has given up.
 */
#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "attach.h"
#include "kernel.h"
#include "pins.h"
#include "programs.h"
#include "cordon.skel.h"

/* How many were not there. Links are pinned with their ports, after these: a pinned link proves that all is there. */
static int put_pins(struct dataplane *dp, char **ret_why)
{
	int maps = pins_put_maps(dp->bpffs, dp->bpf->obj, ret_why), programs;

	if (maps < 0)
		return maps;
	programs = programs_pin(dp, ret_why);
	return programs < 0 ? programs : maps + programs;
}

int dataplane_pins_watch(struct dataplane *dp, char **ret_what)
{
	_cleanup_free_ char *failed = NULL;
	int r;

	if (!dp->bpffs)
		return 0;
	kernel_phase("watch");
	r = put_pins(dp, NULL);
	if (r < 0) {
		/* A new bpffs has none of our folders, and where there is no bpffs the sentence says so. */
		r = pins_prepare(dp->bpffs, &failed);
		r = r < 0 ? r : put_pins(dp, &failed);
	}
	dp->unpinned = r < 0;
	if (r < 0)
		return why(ret_what, r, "the pins are gone and cannot be made again, so what is enforced ends with cordond: %s",
			   failed ? failed : strerror(-r));
	return r == 0 ? 0 : why(ret_what, 1, "%d pins under %s were taken away or led elsewhere", r, dp->bpffs);
}

int dataplane_port_watch(struct dataplane *dp, uint32_t number, enum dataplane_attach *ret_how, char **ret_what)
{
	_cleanup_free_ char *wrong = NULL, *failed = NULL;
	uint32_t ifindex;
	int r;

	if (!dp->bpffs || !number || number >= CORDON_MAX_PORTS || !dp->ports[number].ifindex)
		return -EINVAL;
	kernel_phase("watch");
	ifindex = dp->ports[number].ifindex;
	if (attach_holds(dp, number, ifindex, &wrong))
		return offload_switch_off(ifindex, ret_what);
	r = attach_port(dp, number, ifindex, false, &failed);
	if (r < 0)
		return why(ret_what, r, "%s; it cannot be put right: %s", wrong ? wrong : "no memory", failed ? failed : strerror(-r));
	*ret_how = dp->links[number].how;
	if (ret_what)
		*ret_what = take_ptr(wrong);
	return 1;
}
