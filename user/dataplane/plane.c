/* SPDX-License-Identifier: Apache-2.0 */
#include "plane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "attach.h"
#include "cache.h"
#include "filter.h"
#include "kernel.h"
#include "load.h"
#include "pins.h"
#include "programs.h"
#include "ring.h"
#include "rows.h"
#include "tables.h"
#include "cordon.skel.h"

/* The kernel waits for RCU when a slot of an array of maps changes, because a program may hold what was in it. */
static int grace_init(struct dataplane *dp)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);

	dp->grace_inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "grace_inner", sizeof(uint32_t), sizeof(uint32_t), 1, NULL);
	if (dp->grace_inner < 0)
		return dp->grace_inner;
	opts.inner_map_fd = (uint32_t)dp->grace_inner;
	dp->grace_outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "grace", sizeof(uint32_t), sizeof(uint32_t), 1, &opts);
	return dp->grace_outer < 0 ? dp->grace_outer : 0;
}

int plane_grace(struct dataplane *dp)
{
	uint32_t zero = 0;
	int r = kernel_update(dp->grace_outer, &zero, &dp->grace_inner);

	if (r == 0)
		dp->grace_due = false;
	return r;
}

static int books_init(struct dataplane *dp)
{
	int r = rows_init(&dp->device_rows, CORDON_DEVICE_FIRST, &dp->views[VIEW_DEVICES], VIEW_BINDINGS - VIEW_DEVICES);

	if (r == 0)
		r = rows_init(&dp->binding_rows, 1, &dp->views[VIEW_BINDINGS], 1);
	if (r < 0)
		return r;
	dp->device_index = (struct index){dp->device_lines, dp->views[VIEW_DEVICE_LINES].rows, dp->control,
					  dp->devices, sizeof(*dp->devices), sizeof(dp->devices->key)};
	dp->binding_index = (struct index){dp->binding_lines, dp->views[VIEW_BINDING_LINES].rows, dp->control,
					   dp->bindings, sizeof(*dp->bindings), sizeof(struct address)};
	dp->owned = calloc(dp->device_rows.max, sizeof(*dp->owned));
	dp->owned_next = calloc(dp->binding_rows.max, sizeof(*dp->owned_next));
	dp->flow_buckets = bpf_map__max_entries(dp->bpf->maps.flows);
	dp->max_flows = dp->usage->max_flows;
	return dp->owned && dp->owned_next ? 0 : -ENOMEM;
}

static int links_init(struct dataplane *dp)
{
	dp->links = calloc(CORDON_MAX_PORTS, sizeof(*dp->links));
	if (!dp->links)
		return -ENOMEM;
	for (uint32_t i = 0; i < CORDON_MAX_PORTS; i++)
		dp->links[i] = (struct port_links){.xdp = -1, .tc = -1};
	return 0;
}

static struct dataplane *plane_new(const struct dataplane_options *options)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));

	if (!dp)
		return NULL;
	dp->xdp_prog = dp->tc_prog = dp->grace_outer = dp->grace_inner = -1;
	dp->trace = options->trace;
	dp->fail_open = options->fail_open;
	dp->xdp = options->xdp;
	dp->bpffs = options->bpffs ? strdup(options->bpffs) : NULL;
	if ((options->bpffs && !dp->bpffs) || links_init(dp) < 0) {
		dataplane_close(dp);
		return NULL;
	}
	return dp;
}

static int options_check(const struct dataplane_options *options, char **ret_why)
{
	if (options->bpffs && options->trace)
		return why(ret_why, -EINVAL, "tracing single frames is for private tables: it needs a dataplane without pins");
	if (options->bpffs && options->xdp == DATAPLANE_XDP_OFF)
		return why(ret_why, -EOPNOTSUPP, "xdp: off leaves frames from devices unjudged, for there is no program at TC ingress: use xdp: generic");
	return 0;
}

/*
 * Tables that the kernel had before us: whoever wrote them last may have died at any line. Programs that began under it
 * have ended after a grace period, and then what no policy in force needs is tidied away.
 */
static int take_up(struct dataplane *dp)
{
	int r = plane_grace(dp);

	dp->bound = dp->control->generation;
	if (r == 0)
		r = rows_scan(dp);
	plane_addresses_changed(dp);
	plane_changed(dp); /* the one before us may have died between a row and its count */
	if (r < 0)
		return r;
	dp->last_tried = tables_last_tried(dp);
	owned_rebuild(dp);
	return 0;
}

/* Maps are pinned before programs and those before any link, so a link proves that all is there. */
static int stay(struct dataplane *dp, char **ret_why)
{
	int r;

	if (!dp->adopted) {
		r = pins_put_maps(dp->bpffs, dp->bpf->obj, ret_why);
		if (r >= 0)
			r = programs_pin(dp, ret_why);
		if (r < 0)
			pins_clear(dp->bpffs);
		return r < 0 ? r : 0;
	}
	r = attach_adopt(dp, ret_why);
	if (r == 0)
		r = programs_pin(dp, ret_why);
	return r < 0 ? r : 0;
}

static int plane_start(struct dataplane *dp, const struct dataplane_options *options, char **ret_why)
{
	int r;

	if (dp->bpffs) {
		r = pins_prepare(dp->bpffs, ret_why);
		if (r < 0)
			return r;
	}
	r = load_object(dp, options, ret_why);
	if (r < 0)
		return r;
	r = load_tables(dp);
	if (r == 0 && !dp->adopted)
		r = load_new_tables(dp, options);
	if (r == 0)
		r = books_init(dp);
	if (r == 0)
		r = grace_init(dp);
	if (r == 0)
		r = ring_init(dp);
	if (r < 0)
		return why(ret_why, r, "mapping the tables: %s", strerror(-r));
	r = programs_choose(dp, ret_why);
	if (r < 0)
		return r;
	dp->tcx = attach_probe_tcx(dp->tc_prog);
	r = dp->adopted ? take_up(dp) : 0;
	if (r < 0)
		return why(ret_why, r, "tidying the tables of an earlier start: %s", strerror(-r));
	if (dp->bpffs || options->cached) {
		r = tick_start(dp);
		if (r < 0)
			return why(ret_why, r, "starting the kernel's tick: %s", strerror(-r));
	}
	return dp->bpffs ? stay(dp, ret_why) : 0;
}

int dataplane_open(const struct dataplane_options *options, struct dataplane **ret, char **ret_why)
{
	struct dataplane *dp;
	int r = options_check(options, ret_why);

	if (r < 0)
		return r;
	kernel_phase("open");
	dp = plane_new(options);
	if (!dp)
		return -ENOMEM;
	r = plane_start(dp, options, ret_why);
	if (r < 0) {
		dataplane_close(dp);
		return r;
	}
	*ret = dp;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void dataplane_close(struct dataplane *dp)
{
	if (!dp)
		return;
	ring_done(dp);
	for (uint32_t i = 0; dp->links && i < CORDON_MAX_PORTS; i++) {
		close_fd(dp->links[i].xdp);
		close_fd(dp->links[i].tc);
	}
	for (size_t i = 0; i < VIEW_COUNT; i++)
		view_close(&dp->views[i]);
	close_fd(dp->xdp_prog);
	close_fd(dp->tc_prog);
	close_fd(dp->grace_outer);
	close_fd(dp->grace_inner);
	cordon_bpf__destroy(dp->bpf);
	rows_done(&dp->device_rows);
	rows_done(&dp->binding_rows);
	free(dp->owned);
	free(dp->owned_next);
	free(dp->links);
	free(dp->bpffs);
	free(dp);
}

bool dataplane_adopted(const struct dataplane *dp)
{
	return dp->adopted;
}

uint32_t dataplane_generation(const struct dataplane *dp)
{
	return dp->control->generation;
}

/* Filters outlive their program's pins, and only the port table knows on which interfaces they are. */
static void remove_filters(const char *bpffs)
{
	_cleanup_free_ char *path = pin_path(bpffs, "maps", "ports");
	_cleanup_close_ int fd = path ? kernel_open_pin(path) : -ENOMEM;

	for (uint32_t number = 1; fd >= 0 && number < CORDON_MAX_PORTS; number++) {
		struct port port;

		if (bpf_map_lookup_elem(fd, &number, &port) == 0 && port.ifindex && port.role == CORDON_ROLE_DEVICE)
			filter_remove(port.ifindex);
	}
}

int dataplane_remove(const char *bpffs, char **ret_why)
{
	static const char *const folders[] = {"/links", "/progs", "/maps", ""};
	int r;

	if (access(bpffs, F_OK) < 0)
		return 0;
	libbpf_set_print(NULL);
	r = attach_remove_links(bpffs, ret_why);
	if (r < 0)
		return r;
	remove_filters(bpffs);
	pins_clear(bpffs);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_free_ char *path = format_text("%s%s", bpffs, folders[i]);

		if (path)
			rmdir(path);
	}
	return 0;
}
